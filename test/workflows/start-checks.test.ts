/**
 * What parts find missing at their start, with real processes, a real etcd and a real Temporal. The Kubernetes API is a fake here: it denies
 * rights of its caller, which a real one does only with accounts of its own; `podwire doctor` reads the parts through it as through a real one's
 * proxy of pods. And a Temporal that refuses to have search attributes made, or listed, is the real one behind a proxy that refuses those calls.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request, type Server } from 'node:http';
import { connect, createServer as createHttp2Server, type Http2Server } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { RunResult } from '../../adapters/process/child.ts';
import { run } from '../../adapters/process/run.ts';
import { builtFile } from '../../deploy/lab/built.ts';
import { waitFor } from '../../deploy/lab/waiting.ts';
import type { Check } from '../../domain/start-checks/check.ts';
import { startEtcd, type EtcdServer } from '../etcd/etcd-server.ts';
import { startDevServer, type DevServer } from './dev-server.ts';
import { startProcess, type PartName } from './real-process.ts';

interface Readyz {
  readonly ready: boolean;
  readonly reasons: string[];
  readonly checks: Check[];
}
interface Part {
  readonly port: number;
  readonly readyz: () => Promise<Readyz>;
  readonly log: () => string;
  readonly end: () => Promise<void>;
}

let dir: string;
let etcd: EtcdServer;
let temporal: DevServer;
let api: Server;
/** Refuses to make search attributes. */
let refusing: Http2Server;
/** Refuses to list them as well. */
let silent: Http2Server;
/** Health ports by name of the pod. */
const ports = new Map<string, number>();
const denied = new Set<string>();
const started: Part[] = [];

before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'podwire-checks-'));
  [etcd, temporal] = await Promise.all([startEtcd(), startDevServer([], {})]);
  api = createServer(answer);
  await new Promise<void>((resolve) => api.listen(0, '127.0.0.1', resolve));
  refusing = refuse(temporal.address, ['AddSearchAttributes']);
  silent = refuse(temporal.address, ['AddSearchAttributes', 'ListSearchAttributes']);
  for (const server of [refusing, silent]) await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const server = `http://127.0.0.1:${(api.address() as AddressInfo).port}`;
  const config = {
    ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'x' },
    clusters: [{ name: 'c', cluster: { server, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'u', user: { token: 'none' } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
  };
  writeFileSync(join(dir, 'kubeconfig'), JSON.stringify(config));
});
after(async () => {
  for (const part of started) await part.end();
  refusing.close();
  silent.close();
  api.closeAllConnections();
  api.close();
  await Promise.all([etcd.stop(), temporal.stop()]);
  rmSync(dir, { recursive: true, force: true });
});

test('an orchestrator that may not make search attributes says with which command they are made, and goes on by itself once they are', async () => {
  denied.add('patch pods/status');
  const part = await start('orchestrator', addressOf(refusing));
  const command =
    /temporal operator search-attribute create .*--namespace default .*--name ProvisioningState --type Keyword/;
  await waitFor(
    'both reasons',
    async () => {
      const { reasons } = await part.readyz();
      return (
        (reasons.some((r) => command.test(r)) && reasons.some((r) => /patch pods --subresource=status/.test(r))) ||
        undefined
      );
    },
    LIMIT,
  );
  const told = (await part.readyz()).reasons.filter((reason) => reason.includes('ProvisioningState'));
  assert.equal(told.length, 1, 'what is missing is told once');
  const table = /looked at again by itself:.*ERROR {3}temporal-search-attributes.*ERROR {3}kubernetes-rights/s;
  await waitFor('both in its log', async () => table.test(part.log()) || undefined, LIMIT);
  denied.clear();
  const other = await start('orchestrator', temporal.address);
  for (const each of [other, part])
    await waitFor('it to be ready', async () => (await each.readyz()).ready || undefined, READY);
  await Promise.all([part.end(), other.end()]);
});

test('an orchestrator of a Temporal that refuses to list search attributes works, and warns', async () => {
  const part = await start('orchestrator', addressOf(silent));
  await waitFor('it to be ready', async () => (await part.readyz()).ready || undefined, READY);
  const { checks } = await part.readyz();
  assert.equal(checks.find(({ name }) => name === 'temporal-search-attributes')?.state, 'warning');
  await part.end();
});

test('a node worker tells all that it lacks, and doctor tells it of all parts', async () => {
  const node = await start('node', temporal.address);
  ports.set('podwire-node-x', node.port);
  await waitFor(
    'every source to have answered',
    async () => {
      const { checks } = await node.readyz();
      // One that did not answer in time, on a laden machine, has a single check of its own name, and is asked again.
      const names = ['container-runtime', 'kernel-devices', 'etcd-rights', 'temporal-reachable'];
      return names.every((wanted) => checks.some(({ name }) => name === wanted)) || undefined;
    },
    LIMIT,
  );
  const { ready, checks } = await node.readyz();
  const state = (name: string): string | undefined => checks.find((check) => check.name === name)?.state;
  assert.equal(ready, false);
  assert.equal(state('container-runtime'), 'error');
  assert.equal(state('kernel-devices'), 'ok');
  assert.equal(state('etcd-rights'), 'ok');
  assert.equal(state('temporal-reachable'), 'ok');
  const table = await doctor([]);
  assert.equal(table.code, 1, table.stderr);
  assert.equal(table.stderr, '');
  assert.match(table.stdout, /error +podwire-node-x +n1 +container-runtime .*PODWIRE_CRI_SOCKET=.*do: crictl/);
  assert.match(table.stdout, /1 of 2 nodes have no worker: n2/);
  const json = JSON.parse((await doctor(['-o', 'json'])).stdout) as { ok: boolean; parts: { checks: Check[] }[] };
  assert.equal(json.ok, false);
  assert.deepEqual(
    json.parts[0]?.checks.map(({ name }) => name),
    checks.map(({ name }) => name),
  );
  await node.end();
});

test('nothing of a probe is left in etcd', async () => {
  const { createEtcd } = await import('../../adapters/etcd/client.ts');
  const client = createEtcd({ endpoints: [etcd.endpoint], timeoutMs: 5_000 });
  try {
    assert.deepEqual(await client.keys('/podwire/probe/'), []);
  } finally {
    client.close();
  }
});

const LIMIT = { limitMs: 60_000 };
const READY = { limitMs: 120_000 };

async function start(name: PartName, address: string): Promise<Part> {
  const node = `checks-${process.pid}`;
  const { port, readyz, log, end } = await startProcess(name, { dir, temporal: address, etcd: etcd.endpoint, node });
  const part: Part = {
    port,
    readyz: async () => (await readyz()) as Readyz,
    log: () => log().replaceAll('\\n', '\n'),
    end,
  };
  started.push(part);
  return part;
}

const doctor = (args: readonly string[]): Promise<RunResult> =>
  run({
    file: process.execPath,
    args: [builtFile('cli/main.js'), 'doctor', '--kubeconfig', join(dir, 'kubeconfig'), ...args],
    env: { HOME: dir, PATH: '/usr/bin:/bin' },
    timeoutMs: 60_000,
  });

const answer: Parameters<typeof createServer>[1] & object = (incoming, response) => {
  const { pathname } = new URL(incoming.url ?? '/', 'http://api');
  const json = (body: unknown): void => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body));
  };
  const proxied = /^\/api\/v1\/namespaces\/podwire-system\/pods\/([^:]+)(?::|%3A)\d+\/proxy(\/.*)$/i.exec(pathname);
  if (proxied !== null) {
    const target = { host: '127.0.0.1', port: ports.get(proxied[1] ?? '') ?? 1, path: proxied[2] ?? '/' };
    const onward = request(target, (said) => {
      response.writeHead(said.statusCode ?? 502, said.headers);
      said.pipe(response);
    });
    onward.on('error', () => response.writeHead(502).end());
    onward.end();
  } else if (pathname === '/version') json({ gitVersion: 'v1.34.4' });
  else if (pathname === '/api/v1/nodes') json({ items: ['n1', 'n2'].map((name) => ({ metadata: { name } })) });
  else if (pathname === '/api/v1/namespaces/podwire-system/pods') json({ items: [...ports.keys()].map(pod) });
  else if (pathname.endsWith('/selfsubjectaccessreviews')) {
    let text = '';
    incoming.on('data', (chunk: Buffer) => (text += chunk.toString()));
    incoming.on('end', () => {
      const { spec } = JSON.parse(text) as { spec: { resourceAttributes: Record<string, string | undefined> } };
      const { verb, resource, subresource } = spec.resourceAttributes;
      const right = `${verb} ${resource}${subresource === undefined ? '' : `/${subresource}`}`;
      json({ status: { allowed: !denied.has(right) } });
    });
  } else response.writeHead(404, { 'content-type': 'application/json' }).end('{}');
};

const pod = (name: string) => ({
  metadata: { name, labels: { 'app.kubernetes.io/name': 'podwire-node' } },
  spec: { nodeName: 'n1', containers: [{ image: 'docker.io/podwire/node:0.1.0', ports: [] }] },
  status: { phase: 'Running' },
});

const addressOf = (server: Http2Server): string => `127.0.0.1:${(server.address() as AddressInfo).port}`;

/** Passes every call on but those of these names, which it answers with PERMISSION_DENIED. */
function refuse(address: string, calls: readonly string[]): Http2Server {
  const server = createHttp2Server();
  server.on('session', (session) => {
    const onward = connect(`http://${address}`);
    onward.on('error', () => session.destroy());
    session.on('error', () => undefined);
    session.once('close', () => onward.destroy());
    session.on('stream', (stream, headers) => {
      if (calls.some((call) => headers[':path']?.endsWith(`/${call}`) === true)) {
        const refusal = { 'grpc-status': '7', 'grpc-message': 'Request unauthorized.' };
        stream.respond({ ':status': 200, 'content-type': 'application/grpc', ...refusal }, { endStream: true });
        return;
      }
      const call = onward.request({ ...headers, ':authority': address });
      stream.on('error', () => call.destroy());
      call.on('error', () => stream.destroy());
      stream.once('close', () => call.destroy());
      let trailers: Record<string, string | string[] | undefined> = {};
      call.on('trailers', (sent) => {
        trailers = { ...(sent as typeof trailers) };
      });
      call.on('response', (sent, flags) => {
        const ends = (flags & 1) === 1;
        stream.respond({ ...sent }, { waitForTrailers: !ends, endStream: ends });
        if (ends) return;
        stream.on('wantTrailers', () => stream.sendTrailers(trailers));
        call.on('data', (chunk: Buffer) => stream.write(chunk));
        call.on('end', () => stream.end());
      });
      stream.pipe(call);
    });
  });
  return server;
}
