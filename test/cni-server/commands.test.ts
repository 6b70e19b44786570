/** The executable and the server, as a container runtime meets them. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, lstatSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { CniAnswerError, type PodCniCall } from '../../domain/cni-server/pod-cni.ts';
import { executable, named } from './executable.ts';
import { ask, errorOf, RESULT, serve } from './served.ts';

test('ADD prints the result and nothing else, and the handler gets what the runtime said', async (t) => {
  const { socket, seen, answers } = await serve(t);
  const prevResult = { cniVersion: '1.1.0', interfaces: [{ name: 'eth0' }] };
  const said = await ask(socket, { config: { prevResult, runtimeConfig: { mac: '02:00:00:00:00:01' } } });
  assert.deepEqual([said.code, said.stderr], [0, '']);
  assert.deepEqual(JSON.parse(said.stdout), RESULT);
  assert.deepEqual(answers, [['ADD', 0]]);
  assert.deepEqual(seen, [
    {
      method: 'add',
      call: {
        ...{ containerId: 'c1', netns: '/run/netns/c1', ifName: 'eth0' },
        pod: { namespace: 'shop', name: 'pod-c1', uid: 'uid-c1' },
        config: {
          ...{ cniVersion: '1.1.0', name: 'cluster', type: 'podwire-cni', socket, logFile: '', prevResult },
          runtimeConfig: { mac: '02:00:00:00:00:01' },
        },
      },
    },
  ]);
});

for (const cniVersion of ['0.3.1', '0.4.0', '1.0.0', '1.1.0']) {
  test(`a result is one of version ${cniVersion} where the configuration is`, async (t) => {
    const { socket } = await serve(t);
    const { code, stdout } = await ask(socket, { config: { cniVersion } });
    assert.equal(code, 0);
    const { cniVersion: answered, ips } = JSON.parse(stdout) as { cniVersion: string; ips: { version?: string }[] };
    assert.equal(answered, cniVersion);
    assert.equal(ips[0]?.version, cniVersion.startsWith('0.') ? '4' : undefined);
  });
}

test('DEL, CHECK, GC and STATUS print nothing when they succeed', async (t) => {
  const { socket, seen } = await serve(t);
  const valid = { 'cni.dev/valid-attachments': [{ containerID: 'c2', ifname: 'eth0' }], 'cni.dev/attachments': [] };
  for (const [command, config] of [
    ['DEL', {}],
    ['CHECK', { prevResult: RESULT }],
    ['GC', valid],
    ['STATUS', {}],
  ] as const)
    assert.deepEqual(
      { command, ...(await ask(socket, { command, config })), ms: 0 },
      { command, code: 0, signal: null, stdout: '', stderr: '', ms: 0 },
    );
  assert.deepEqual(
    seen.map(({ method }) => method),
    ['del', 'check', 'gc', 'status'],
  );
  assert.deepEqual(seen[2]?.valid, [{ containerId: 'c2', ifName: 'eth0' }]);
});

test('a DEL without netns and arguments reaches the handler', async (t) => {
  const { socket, seen } = await serve(t);
  assert.equal((await ask(socket, { command: 'DEL', env: { CNI_NETNS: '', CNI_ARGS: '' } })).code, 0);
  const { call } = seen[0] ?? assert.fail('nothing came');
  assert.deepEqual([call['netns'], call['pod']], [undefined, { namespace: '', name: '', uid: undefined }]);
});

test('VERSION is answered without a node worker', async () => {
  const supportedVersions = ['0.3.1', '0.4.0', '1.0.0', '1.1.0'];
  for (const [input, cniVersion] of [
    ['{"cniVersion":"0.4.0"}', '0.4.0'],
    ['{"cniVersion":"9.9.9"}', '1.1.0'],
    ['', '1.1.0'],
  ] as const) {
    const { code, stdout } = await ask('/nowhere', { command: 'VERSION', input });
    assert.deepEqual([code, JSON.parse(stdout)], [0, { cniVersion, supportedVersions }]);
  }
});

test("the handler's codes and words are printed in the version of the configuration, with exit code 1", async (t) => {
  const refuse = async (): Promise<never> => {
    throw new CniAnswerError(7, 'networks: no "red" in namespace shop', 'it is waited for');
  };
  const { socket } = await serve(t, { add: refuse, del: refuse, check: refuse, status: refuse });
  for (const command of ['ADD', 'DEL', 'CHECK', 'STATUS']) {
    const said = await ask(socket, { command });
    assert.deepEqual([said.code, said.stderr], [1, '']);
    const object = {
      cniVersion: '1.1.0',
      code: 7,
      msg: 'networks: no "red" in namespace shop',
      details: 'it is waited for',
    };
    assert.deepEqual(errorOf(said), object);
  }
  assert.equal(errorOf(await ask(socket, { config: { cniVersion: '0.4.0' } })).cniVersion, '0.4.0');
});

test('what the handler did not mean to throw is code 100', async (t) => {
  const { socket, answers } = await serve(t, { add: () => Promise.reject(new TypeError('x is undefined')) });
  assert.deepEqual(errorOf(await ask(socket)), { cniVersion: '1.1.0', code: 100, msg: 'x is undefined' });
  assert.deepEqual(answers, [['ADD', 100]]);
});

test('a large result arrives whole', async (t) => {
  const routes = Array.from({ length: 5_000 }, (_, i) => ({ dst: `10.${i >> 8}.${i & 255}.0/24` }));
  const { socket } = await serve(t, { add: async () => ({ ...RESULT, routes }) });
  const { code, stdout } = await ask(socket);
  assert.equal(code, 0);
  assert.equal((JSON.parse(stdout) as typeof RESULT).routes.length, 5_000);
});

test("contiv-cni reads contiv's configuration", async (t) => {
  const { socket, folder, seen } = await serve(t);
  const file = await executable();
  const symbolic = named(file, 'contiv-cni', folder);
  const config = { type: 'contiv-cni', socket: undefined, grpcServer: socket };
  assert.equal(
    (await ask('/nowhere', { file: symbolic, config: { ...config, logFile: join(folder, 'contiv.log') } })).code,
    0,
  );
  assert.equal(
    (
      await ask('/nowhere', {
        file: symbolic,
        command: 'DEL',
        config: { ...config, logFile: join(folder, 'contiv.log') },
      })
    ).code,
    0,
  );
  assert.deepEqual(
    seen.map(({ method }) => method),
    ['add', 'del'],
  );
  const lines = readFileSync(join(folder, 'contiv.log'), 'utf8').trim().split('\n');
  assert.deepEqual(
    lines.map((line) => (JSON.parse(line) as { name: string }).name),
    ['contiv-cni', 'contiv-cni'],
  );
  const without = await ask('/nowhere', { file: symbolic, config: { grpcServer: undefined } });
  assert.match(errorOf(without).msg, /^"grpcServer" field is required/);
  const chained = await ask('/nowhere', { file: symbolic, config: { grpcServer: socket, prevResult: RESULT } });
  assert.match(errorOf(chained).msg, /^CNI chaining is not supported/);
});

test("podwire-ipam reads its keys from another plugin's ipam section, needs no pod, and gives addresses alone", async (t) => {
  const seen: PodCniCall[] = [];
  const ips = [{ address: '10.9.0.7/24', gateway: '10.9.0.1' }];
  const { folder, socket } = await serve(
    t,
    {},
    { add: async (call) => (seen.push(call), { cniVersion: '1.1.0', ips }) },
  );
  const file = named(await executable(), 'podwire-ipam', folder);
  const config = {
    type: 'bridge',
    socket: '/nowhere',
    bridge: 'br0',
    ipam: { type: 'podwire-ipam', socket, logFile: '' },
  };
  const said = await ask(socket, { file, config: { ...config, cniVersion: '0.4.0' }, env: { CNI_ARGS: '' } });
  assert.deepEqual(JSON.parse(said.stdout), { cniVersion: '0.4.0', ips: [{ version: '4', ...ips[0] }] });
  assert.deepEqual(seen[0]?.pod, { namespace: '', name: '', uid: undefined });
  assert.equal((await ask(socket, { file, config, command: 'STATUS' })).code, 0);
  assert.match((await ask(socket, { file, config, command: 'VERSION' })).stdout, /"supportedVersions":\["0\.3\.1"/);
  const without = await ask(socket, { file, config: { ipam: undefined } });
  assert.match(errorOf(without).msg, /ipam is missing; allowed: an object/);
});

test('a node worker that has no addresses for other plugins says so', async (t) => {
  const { folder, socket } = await serve(t);
  const file = named(await executable(), 'podwire-ipam', folder);
  const said = await ask(socket, { file, config: { ipam: { socket, logFile: '' } } });
  assert.deepEqual([said.code, errorOf(said).code], [1, 6]);
  assert.match(errorOf(said).msg, /\/ipam\/v1\/add is none of its requests/);
});

test('the log has a line for each call, is for root alone, and holds nothing of the configuration', async (t) => {
  const { socket, folder } = await serve(t, { del: () => Promise.reject(new CniAnswerError(11, 'later')) });
  const logFile = join(folder, 'logs/cni.log');
  await ask(socket, { config: { logFile, password: 'hidden' } });
  await ask(socket, { command: 'DEL', config: { logFile } });
  const text = readFileSync(logFile, 'utf8');
  const lines = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual(
    lines.map(({ command, containerId, ifName, code, msg }) => ({ command, containerId, ifName, code, msg })),
    [
      { command: 'ADD', containerId: 'c1', ifName: 'eth0', code: 0, msg: undefined },
      { command: 'DEL', containerId: 'c1', ifName: 'eth0', code: 11, msg: 'later' },
    ],
  );
  assert.doesNotMatch(text, /hidden/);
  assert.equal(lstatSync(logFile).mode & 0o777, 0o600);
});

test('a log of 4 MiB becomes the one before, and a link in its place is not followed', async (t) => {
  const { socket, folder } = await serve(t);
  const logFile = join(folder, 'cni.log');
  writeFileSync(logFile, 'x'.repeat(4 * 1024 * 1024));
  await ask(socket, { config: { logFile } });
  assert.ok(lstatSync(`${logFile}.1`).size > 4 * 1024 * 1024);
  assert.ok(!existsSync(logFile));
  symlinkSync(join(folder, 'elsewhere'), logFile);
  const { code, stdout, stderr } = await ask(socket, { config: { logFile } });
  assert.equal(code, 0);
  assert.deepEqual(JSON.parse(stdout), RESULT);
  assert.match(stderr, /the log .* cannot be written/);
  assert.ok(!existsSync(join(folder, 'elsewhere')));
});
