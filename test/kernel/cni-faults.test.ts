/** What plugins do wrong, shown by a fake one: each test names the fault that real plugins do not show on demand. */
import assert from 'node:assert/strict';
import { chmodSync, closeSync, existsSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { cniPluginsDir } from '../../deploy/lab/cni-plugins.ts';
import type { FailureCode } from '../../domain/failures.ts';
import type { CniCall } from '../../domain/ports/cni-plugins.ts';
import { installFakePlugin, type FakePlugin, type FakeRule } from '../fakes/cni-plugin/install.ts';
import { createCniBench, hostLocal, linkIn, NEVER, type CniBench } from './cni-bench.ts';

let bench: CniBench;
let fake: FakePlugin;
before(async () => {
  bench = await createCniBench();
  fake = installFakePlugin(bench.binDir, 'fake');
});
after(() => bench.close());
afterEach(() => {
  fake.control({});
  fake.restore();
  rmSync(`${fake.path}.log`, { force: true });
});

const config = (more: object = {}): object => ({
  cniVersion: '1.0.0',
  name: 'test',
  plugins: [{ type: 'fake' }],
  ...more,
});
const call = (change?: Partial<CniCall>): CniCall => bench.call(config(), change);
const add = (rule: FakeRule) => {
  fake.control({ ADD: rule });
  return bench.plugins.add(call(), NEVER);
};

const CODES: readonly (readonly [number, FailureCode])[] = [
  ...[1, 2, 4, 6, 7].map((code) => [code, 'CniConfigInvalid'] as const),
  ...[5, 11, 50, 51].map((code) => [code, 'CniTryAgain'] as const),
  ...[3, 8].map((code) => [code, 'CniSandboxUnknown'] as const),
  ...[0, 12, 99, 100, 999].map((code) => [code, 'CniFailed'] as const),
];

// Fault: every error code of the specification, and some of nobody's.
test('error codes become failures that say plugin, code, message and details', async () => {
  for (const [code, expected] of CODES) {
    await assert.rejects(add({ code, msg: 'so\u0007 it\nis', details: 'more' }), (error: Error & { code: string }) => {
      assert.equal(error.code, expected, `code ${code}`);
      assert.match(error.message, new RegExp(`fake, ADD failed with code ${code}: so +it is \\(more\\)`));
      return true;
    });
  }
});

const OUTPUTS: readonly (readonly [string, FakeRule, FailureCode, RegExp])[] = [
  ['garbage', { print: 'hello' }, 'CniOutputInvalid', /is no JSON/],
  ['nothing', { print: '' }, 'CniOutputInvalid', /empty/],
  ['a list', { print: '[]' }, 'CniOutputInvalid', /the result/],
  ['no version', { print: '{}' }, 'CniOutputInvalid', /cniVersion/],
  [
    'a wrong address',
    { print: '{"cniVersion":"1.0.0","ips":[{"address":"x"}]}' },
    'CniOutputInvalid',
    /ips\.0\.address/,
  ],
  ['a key twice', { print: '{"cniVersion":"1.0.0","cniVersion":"0.4.0"}' }, 'CniOutputInvalid', /twice/],
  ['300 KiB', { printBytes: 300 * 1024 }, 'CniResultTooBig', /bytes/],
  ['10 MB', { printBytes: 10_000_000 }, 'CniResultTooBig', /printed too much/],
  [
    'garbage, and an exit code',
    { print: 'oops', exit: 3 },
    'CniFailed',
    /ended with 3 and printed no CNI error but: oops/,
  ],
  ['only stderr', { print: '', exit: 1, stderr: 'boom' }, 'CniFailed', /on stderr: boom/],
  ['a result, and then a signal', { signal: 'SIGKILL' }, 'CniFailed', /ended by SIGKILL/],
];
for (const [what, rule, code, message] of OUTPUTS) {
  // Fault: as the table says.
  test(`a plugin that prints ${what}: ${code}`, () => assert.rejects(add(rule), { code, message }));
}

// Fault: a plugin that hangs with a background process that holds its pipes.
test('a hanging plugin is killed with its children within the limit', async () => {
  fake.control({ ADD: { sleepMs: 60_000, grandchild: true } });
  const startedAt = performance.now();
  await assert.rejects(bench.with({ timeoutMs: 500 }).add(call(), NEVER), { code: 'CommandTimedOut' });
  assert.ok(performance.now() - startedAt < 3_000);
  const pids = fake.events().map(({ pid }) => pid);
  assert.equal(pids.length, 2);
  await untilEnded(pids);
});

// Fault: a plugin that hangs.
test('an interrupted ADD ends its plugin at once', async () => {
  fake.control({ ADD: { sleepMs: 60_000 } });
  const cancel = new AbortController();
  setTimeout(() => cancel.abort(), 200);
  const startedAt = performance.now();
  await assert.rejects(bench.plugins.add(call(), cancel.signal), { code: 'CommandTimedOut', message: /interrupted/ });
  assert.ok(performance.now() - startedAt < 2_000);
});

// Fault: half a success. The real bridge makes the link and reserves the address, then the plugin fails.
test('after a half success DEL without a result takes everything back', async () => {
  const delegate = join(bench.binDir, 'bridge');
  const half = bench.call(config({ plugins: [{ type: 'fake', bridge: 'br-test', ipam: hostLocal(bench) }] }));
  for (const fault of [{ exit: 1, print: '' }, { print: '{"half":' }, { signal: 'SIGSEGV' as const }]) {
    fake.control({ ADD: { delegate, ...fault }, DEL: { delegate } });
    await assert.rejects(bench.plugins.add(half, NEVER));
    assert.ok(await linkIn(bench.pod, 'net1'));
    await bench.plugins.del(half, undefined, NEVER);
    assert.equal(await linkIn(bench.pod, 'net1'), undefined);
    assert.deepEqual(bench.reserved('test'), []);
  }
});

// Fault: a plugin that is not there, not executable, writable by all, being written, of no known format; and is there again later.
test('a plugin that cannot be executed is missing until it can', async () => {
  const missing = { code: 'CniPluginMissing' };
  fake.remove();
  await assert.rejects(bench.plugins.add(call(), NEVER), { ...missing, message: /it is in none of/ });
  writeFileSync(fake.path, 'no program', { mode: 0o644 });
  await assert.rejects(bench.plugins.add(call(), NEVER), { ...missing, message: /not executable/ });
  chmodSync(fake.path, 0o777);
  await assert.rejects(bench.plugins.add(call(), NEVER), { ...missing, message: /written by everybody/ });
  chmodSync(fake.path, 0o755);
  await assert.rejects(bench.plugins.add(call(), NEVER), {
    ...missing,
    message: /neither an ELF program nor a script/,
  });
  fake.restore();
  await bench.plugins.add(call(), NEVER);
  const fd = openSync(join(bench.binDir, 'fake'), 'r+');
  const adding = bench.plugins.add(call(), NEVER);
  setTimeout(() => closeSync(fd), 120);
  await adding;
});

test('a chain with a missing plugin runs none of its plugins', async () => {
  const chain = bench.call(config({ plugins: [{ type: 'fake' }, { type: 'absent' }] }));
  await assert.rejects(bench.plugins.add(chain, NEVER), { code: 'CniPluginMissing' });
  assert.deepEqual(fake.commands(), []);
});

test('plugins get an environment of nothing but CNI, and the result of their predecessor', async () => {
  const second = installFakePlugin(bench.binDir, 'second');
  const chain = bench.call(config({ plugins: [{ type: 'fake' }, { type: 'second', capabilities: { mac: true } }] }), {
    capabilityArgs: { mac: '02:00:00:00:00:01', ips: ['10.0.0.1/8'] },
    configArgs: { color: 'blue' },
  });
  const { text } = await bench.plugins.add(chain, NEVER);
  const [started] = second.events();
  assert.ok(started);
  assert.deepEqual(started.env, {
    CNI_COMMAND: 'ADD',
    CNI_CONTAINERID: chain.sandboxId,
    CNI_NETNS: bench.pod.path,
    CNI_IFNAME: 'net1',
    CNI_ARGS: 'IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=a',
    CNI_PATH: `${bench.binDir}:${cniPluginsDir()}`,
    PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
  });
  assert.deepEqual(JSON.parse(started.stdin), {
    type: 'second',
    name: 'test',
    cniVersion: '1.0.0',
    args: { cni: { color: 'blue' } },
    runtimeConfig: { mac: '02:00:00:00:00:01' },
    prevResult: JSON.parse(text) as unknown,
  });
});

// Fault: a plugin that answers in an older version than it was asked in.
test('an older result reaches the next plugin in the version of the configuration', async () => {
  const second = installFakePlugin(bench.binDir, 'second');
  rmSync(`${second.path}.log`, { force: true });
  const print = '{"cniVersion":"0.4.0","ips":[{"version":"4","address":"10.0.0.1/8"}],"own":1}';
  fake.control({ ADD: { print } });
  await bench.plugins.add(bench.call(config({ plugins: [{ type: 'fake' }, { type: 'second' }] })), NEVER);
  const stdin = JSON.parse(second.events()[0]?.stdin ?? '') as { prevResult: unknown };
  assert.deepEqual(stdin.prevResult, { cniVersion: '1.0.0', ips: [{ address: '10.0.0.1/8' }], own: 1 });
});

// Fault: DEL fails at the end of the chain.
test('DEL goes backwards, goes on after a failure, and fails at the end', async () => {
  const order: string[] = [];
  const [first, last] = ['first', 'last'].map((name) => installFakePlugin(bench.binDir, name)) as [
    FakePlugin,
    FakePlugin,
  ];
  last.control({ DEL: { code: 11, msg: 'later' } });
  const chain = bench.call(config({ plugins: [{ type: 'first' }, { type: 'last' }] }));
  const { text } = await bench.plugins.add(chain, NEVER);
  await assert.rejects(bench.plugins.del(chain, text, NEVER), { code: 'CniTryAgain', message: /last, DEL/ });
  const ends = [first, last].flatMap((plugin) => plugin.events().filter(({ env }) => env?.['CNI_COMMAND'] === 'DEL'));
  for (const { stdin } of ends.sort((a, b) => a.at - b.at)) {
    const read = JSON.parse(stdin) as { type: string; prevResult: unknown };
    order.push(read.type);
    assert.deepEqual(read.prevResult, JSON.parse(text));
  }
  assert.deepEqual(order, ['last', 'first']);
  // A result that cannot be read any more is no reason to keep things.
  last.control({});
  await bench.plugins.del(chain, 'torn', NEVER);
});

// Fault: code 3, which says that there is nothing to take away.
test('DEL of a container that the plugin does not know is done', async () => {
  fake.control({ DEL: { code: 3, msg: 'unknown container' } });
  await bench.plugins.del(call(), undefined, NEVER);
});

// Fault: CHECK and STATUS that fail.
test('CHECK reports what the plugin found; disableCheck asks nobody', async () => {
  const { text } = await bench.plugins.add(call(), NEVER);
  fake.control({ CHECK: { code: 105, msg: 'changed' } });
  const found = await bench.plugins.check(call(), text, NEVER);
  assert.deepEqual(found, { kind: 'failed', message: 'CNI plugin fake, CHECK failed with code 105: changed' });
  const unchecked = bench.call(config({ disableCheck: true }));
  assert.deepEqual(await bench.plugins.check(unchecked, text, NEVER), { kind: 'unsupported' });
});

test('STATUS 50 and 51 are a matter of time and asked anew; what is ready, or cannot say, is not asked again at once', async () => {
  const network = { configText: JSON.stringify(config({ cniVersion: '1.1.0' })), networkName: 'test' };
  for (const code of [50, 51]) {
    fake.control({ STATUS: { code, msg: 'not yet' } });
    await assert.rejects(bench.plugins.ready(network), { code: 'CniTryAgain', message: /not yet/ });
  }
  fake.control({ STATUS: { code: 4, msg: 'what is STATUS?' } });
  await Promise.all([bench.plugins.ready(network), bench.plugins.ready(network)]);
  await bench.plugins.ready(network);
  const asked = (): number =>
    fake.events().filter((call) => call.event === 'start' && call.command === 'STATUS').length;
  assert.equal(asked(), 3);
  await bench.plugins.ready({ ...network, configText: JSON.stringify(config()) });
  assert.equal(asked(), 3, 'CNI 1.0 has no STATUS');
});

test('GC tells every plugin which attachments live; disableGC asks nobody', async () => {
  const text = JSON.stringify(config({ cniVersion: '1.1.0' }));
  const valid = [{ sandboxId: 'abc', interfaceName: 'net1' }];
  assert.equal(await bench.plugins.gc(text, 'test', valid, NEVER), true);
  const stdin = JSON.parse(fake.events()[0]?.stdin ?? '') as Record<string, unknown>;
  assert.deepEqual(stdin['cni.dev/valid-attachments'], [{ containerID: 'abc', ifname: 'net1' }]);
  const off = JSON.stringify(config({ cniVersion: '1.1.0', disableGC: true }));
  assert.equal(await bench.plugins.gc(off, 'test', valid, NEVER), false);
});

test('names that could be something else never reach a plugin', async () => {
  const bad: Partial<CniCall>[] = [
    { sandboxId: '../x' },
    { interfaceName: 'eth0' },
    { interfaceName: 'veth%d' },
    { args: [['K', 'v;K8S_POD_NAME=other']] },
    { configText: '{"cniVersion":"1.0.0","name":"test","type":"../../bin/sh"}' },
  ];
  for (const change of bad) {
    await assert.rejects(bench.plugins.add(call(change), NEVER), /refused|"type"/);
    await assert.rejects(bench.plugins.del(call(change), undefined, NEVER), /refused|"type"/);
  }
  assert.deepEqual(fake.commands(), []);
});

async function untilEnded(pids: readonly number[]): Promise<void> {
  const deadline = performance.now() + 5_000;
  while (pids.some((pid) => existsSync(`/proc/${pid}`))) {
    assert.ok(performance.now() < deadline, `processes that live on: ${pids.join(', ')}`);
    await sleep(20);
  }
}
