/** Clients that are not podwire's: libcni, which container runtimes call plugins with, and grpcurl, by contiv's definition of messages. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { startCniServer } from '../../adapters/cni-server/server.ts';
import { createLogger } from '../../adapters/log/logger.ts';
import { run } from '../../adapters/process/run.ts';
import { CniAnswerError } from '../../domain/cni-server/pod-cni.ts';
import { ROOT } from '../runner/groups.ts';
import { executable, named } from './executable.ts';
import { cnitool, grpcurl } from './go-programs.ts';
import { configuration, IDLE, RESULT, serve } from './served.ts';

const TIMEOUT_MS = 20_000;
const NETNS = '/var/run/netns/nobody-has-this-one';

test('libcni calls the plugin, keeps its result, and hands it back', async (t) => {
  const { folder, socket, seen } = await serve(t);
  const [plugins, configurations] = [join(folder, 'bin'), join(folder, 'net.d')];
  for (const each of [plugins, configurations]) mkdirSync(each);
  named(await executable(), 'podwire-cni', plugins);
  const { cniVersion, name, ...plugin } = configuration(socket);
  writeFileSync(join(configurations, '10.conflist'), JSON.stringify({ cniVersion, name, plugins: [plugin] }));
  const file = await cnitool();
  const env = {
    ...{ CNI_PATH: plugins, NETCONFPATH: configurations, CNI_IFNAME: 'eth0' },
    CNI_ARGS: 'IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web',
  };
  const tool = (...words: string[]) => run({ file, args: words, env, timeoutMs: TIMEOUT_MS });
  try {
    const added = await tool('add', 'cluster', NETNS);
    assert.deepEqual([added.code, JSON.parse(added.stdout)], [0, RESULT], added.stderr);
    for (const command of ['check', 'status']) {
      const done = await tool(command, 'cluster', NETNS);
      assert.deepEqual([done.code, done.stdout], [0, ''], `${command}: ${done.stderr}`);
    }
    // It deletes what it remembers, and then collects without a word of what is to be left alone.
    const collected = await tool('gc', 'cluster', NETNS);
    assert.notEqual(collected.code, 0);
    assert.match(collected.stderr, /cni\.dev\/valid-attachments is missing/);
  } finally {
    const deleted = await tool('del', 'cluster', NETNS);
    assert.equal(deleted.code, 0, deleted.stderr);
  }
  assert.deepEqual(
    seen.map(({ method }) => method),
    ['add', 'check', 'status', 'del', 'del'],
  );
  const handed = seen.map(({ call }) => (call as { config?: { prevResult?: unknown } }).config?.prevResult);
  assert.deepEqual(handed, [undefined, RESULT, undefined, RESULT, undefined]);
});

test("libcni reads the plugin's errors", async (t) => {
  const { folder, socket } = await serve(t, {
    add: () => Promise.reject(new CniAnswerError(11, 'networks are not there yet', 'red')),
  });
  named(await executable(), 'podwire-cni', folder);
  writeFileSync(join(folder, '10.conf'), JSON.stringify(configuration(socket)));
  const env = { CNI_PATH: folder, NETCONFPATH: folder, CNI_ARGS: 'K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web' };
  const said = await run({ file: await cnitool(), args: ['add', 'cluster', NETNS], env, timeoutMs: TIMEOUT_MS });
  assert.notEqual(said.code, 0);
  assert.match(said.stderr, /networks are not there yet; red/);
});

test("grpcurl is answered by contiv's definition", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'podwire-grpcurl-'));
  const path = join(folder, 'contiv.sock');
  const server = await startCniServer({
    ...{ socket: join(folder, 'cni.sock'), contiv: { path }, podCni: IDLE },
    observer: { answered: () => undefined },
    log: createLogger('test', 'silent'),
  });
  t.after(async () => {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  const file = await grpcurl();
  const ask = async (method: string, request: object) =>
    run({
      file,
      args: [
        ...['-plaintext', '-emit-defaults', '-import-path', join(ROOT, 'adapters/cni-server')],
        ...['-proto', 'contiv-cni.proto', '-d', JSON.stringify(request), `unix://${path}`, `cni.RemoteCNI/${method}`],
      ],
      timeoutMs: TIMEOUT_MS,
    });
  const config = { cniVersion: '0.3.1', name: 'k8s-pod-network', type: 'contiv-cni', grpcServer: path };
  const request = {
    ...{ version: '0.3.1', containerId: 'c1', networkNamespace: NETNS, interfaceName: 'eth0' },
    ...{ extraNwConfig: JSON.stringify(config), extraArguments: 'K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web' },
  };
  const added = await ask('Add', request);
  assert.equal(added.code, 0, added.stderr);
  assert.deepEqual(JSON.parse(added.stdout), {
    ...{ result: 0, error: '' },
    interfaces: [
      {
        ...{ name: 'eth0', mac: '02:00:00:00:00:01', sandbox: '/run/netns/a' },
        ipAddresses: [{ version: 'IPV4', address: '10.1.0.2/32', gateway: '10.1.0.1' }],
      },
    ],
    ...{ routes: [{ dst: '0.0.0.0/0', gw: '10.1.0.1' }], dns: [] },
  });
  assert.equal((await ask('Delete', { containerId: 'c1' })).code, 0);
  const refused = await ask('Add', { ...request, containerId: '' });
  assert.match(refused.stderr, /Code: InvalidArgument[^]*CNI_CONTAINERID is missing/);
});
