/** contiv's gRPC service, by a client of its own, and the address that it shares with podwire's protocol. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { credentials, loadPackageDefinition, status, type ServiceError } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { startCniServer, type CniServer } from '../../adapters/cni-server/server.ts';
import { createLogger } from '../../adapters/log/logger.ts';
import type { ServerAddress } from '../../domain/cni-server/configuration.ts';
import { CniAnswerError, type PodCni } from '../../domain/cni-server/pod-cni.ts';
import { ROOT } from '../runner/groups.ts';
import { until } from '../workflows/limits.ts';
import { executable, named } from './executable.ts';
import { ask, IDLE, RESULT } from './served.ts';

const CONFIG = JSON.stringify({
  ...{ cniVersion: '0.3.1', name: 'k8s-pod-network', type: 'contiv-cni' },
  ...{ grpcServer: '/var/run/contiv/cni.sock', logFile: '/var/run/contiv/cni.log' },
});
const REQUEST = {
  ...{ version: '0.3.1', container_id: 'c1', network_namespace: '/var/run/netns/a', interface_name: 'eth0' },
  ...{ extra_nw_config: CONFIG, extra_arguments: 'IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web' },
};

interface Client {
  Add(request: object, done: (error: ServiceError | null, reply: unknown) => void): { cancel(): void };
  Delete(request: object, done: (error: ServiceError | null, reply: unknown) => void): { cancel(): void };
  close(): void;
}

interface ContivServed {
  readonly server: CniServer;
  readonly client: Client;
  readonly folder: string;
  readonly address: ServerAddress;
}

async function serve(t: TestContext, podCni: Partial<PodCni>, port?: number): Promise<ContivServed> {
  const folder = mkdtempSync(join(tmpdir(), 'podwire-contiv-'));
  const path = join(folder, 'contiv.sock');
  const address: ServerAddress = port === undefined ? { path } : { host: '127.0.0.1', port };
  const server = await startCniServer({
    ...{ socket: join(folder, 'cni.sock'), contiv: address },
    podCni: { ...IDLE, ...podCni },
    observer: { answered: () => undefined },
    log: createLogger('test', 'silent'),
  });
  const proto = loadSync(join(ROOT, 'adapters/cni-server/contiv-cni.proto'), {
    keepCase: true,
    enums: String,
    defaults: true,
  });
  const loaded = loadPackageDefinition(proto) as unknown as { cni: { RemoteCNI: new (...of: unknown[]) => Client } };
  const target = port === undefined ? `unix://${path}` : `127.0.0.1:${port}`;
  const client = new loaded.cni.RemoteCNI(target, credentials.createInsecure());
  t.after(async () => {
    client.close();
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  return { server, client, folder, address };
}

const call = (client: Client, method: 'Add' | 'Delete', request: object): Promise<unknown> =>
  new Promise((resolve, reject) => {
    client[method](request, (error, reply) => (error === null ? resolve(reply) : reject(error)));
  });

test('Add gives what contiv-cni can read: host prefixes, and the interface of the pod last', async (t) => {
  const seen: unknown[] = [];
  const { client } = await serve(t, {
    add: async (asked) => {
      seen.push(asked);
      return {
        ...RESULT,
        interfaces: [{ name: 'eth0', mac: '02:00:00:00:00:01', sandbox: '/var/run/netns/a' }, { name: 'veth1' }],
        ips: [...RESULT.ips, { address: 'fd00::2/64', interface: 0 }],
        dns: { nameservers: ['10.96.0.10'], search: ['shop.svc'] },
      };
    },
  });
  assert.deepEqual(await call(client, 'Add', REQUEST), {
    ...{ result: 0, error: '' },
    interfaces: [
      { name: 'veth1', mac: '', sandbox: '', ip_addresses: [] },
      {
        ...{ name: 'eth0', mac: '02:00:00:00:00:01', sandbox: '/var/run/netns/a' },
        ip_addresses: [
          { version: 'IPV4', address: '10.1.0.2/32', gateway: '10.1.0.1' },
          { version: 'IPV6', address: 'fd00::2/128', gateway: '' },
        ],
      },
    ],
    routes: [{ dst: '0.0.0.0/0', gw: '10.1.0.1' }],
    dns: [{ domain: '', nameservers: ['10.96.0.10'], search: ['shop.svc'], options: [] }],
  });
  assert.deepEqual(seen, [
    {
      ...{ containerId: 'c1', netns: '/var/run/netns/a', ifName: 'eth0' },
      pod: { namespace: 'shop', name: 'web', uid: undefined },
      config: JSON.parse(CONFIG) as unknown,
    },
  ]);
});

test('Delete needs a container only', async (t) => {
  const seen: string[] = [];
  const { client } = await serve(t, {
    del: async ({ containerId, ifName }) => void seen.push(`${containerId} ${ifName}`),
  });
  assert.deepEqual(await call(client, 'Delete', { container_id: 'c1' }), {
    ...{ result: 0, error: '', interfaces: [], routes: [], dns: [] },
  });
  await call(client, 'Delete', REQUEST);
  assert.deepEqual(seen, ['c1 eth0', 'c1 eth0']);
});

test('what fails is a status, for contiv-cni looks at nothing else', async (t) => {
  const { client } = await serve(t, { add: () => Promise.reject(new CniAnswerError(11, 'not yet')) });
  const refused = async (request: object): Promise<[number, string]> =>
    call(client, 'Add', request).then(
      () => assert.fail('it was taken'),
      ({ code, details }: ServiceError) => [code, details],
    );
  assert.deepEqual(await refused(REQUEST), [status.UNAVAILABLE, 'not yet']);
  for (const [change, said] of [
    [{ container_id: '' }, /CNI_CONTAINERID is missing/],
    [{ extra_nw_config: '{' }, /is no JSON/],
    [{ extra_arguments: 'A=b=c' }, /CNI_ARGS holds "A=b=c"/],
    [{ extra_nw_config: CONFIG.replace('0.3.1', '0.2.0') }, /cniVersion is "0\.2\.0"/],
    [{ extra_nw_config: CONFIG.replace('{', '{"prevResult":{},') }, /CNI chaining is not supported/],
  ] as const) {
    const [code, details] = await refused({ ...REQUEST, ...change });
    assert.equal(code, status.INVALID_ARGUMENT);
    assert.match(details, said);
  }
});

test('a caller that goes away stops the work, and calls of one container wait for each other', async (t) => {
  let isStopped = false;
  const { client, server } = await serve(t, {
    add: (_, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          isStopped = true;
          reject(signal.reason as Error);
        });
      }),
  });
  const adding = client.Add(REQUEST, () => undefined);
  await until('Add has begun', () => server.counts.atWork === 1);
  const deleting = call(client, 'Delete', REQUEST);
  await until('Delete waits', () => server.counts.waiting === 1);
  adding.cancel();
  await until('Add is stopped', () => isStopped);
  await deleting;
});

test("podwire's executable under contiv's name is answered at the same address", async (t) => {
  const { folder } = await serve(t, {});
  const file = named(await executable(), 'contiv-cni', folder);
  const config = { type: 'contiv-cni', socket: undefined, grpcServer: join(folder, 'contiv.sock') };
  const { code, stdout, stderr } = await ask('/nowhere', { file, config });
  assert.deepEqual([code, stderr, JSON.parse(stdout)], [0, '', RESULT]);
});

test('both are answered at a port too', async (t) => {
  const port = await freePort();
  const { client, folder } = await serve(t, {}, port);
  await call(client, 'Delete', REQUEST);
  const file = named(await executable(), 'contiv-cni', folder);
  const config = { type: 'contiv-cni', socket: undefined, grpcServer: `127.0.0.1:${port}` };
  assert.equal((await ask('/nowhere', { file, config })).code, 0);
});

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
