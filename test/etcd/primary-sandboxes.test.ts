/** Records of sandboxes of the primary network, on a real etcd. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { createPrimarySandboxes } from '../../adapters/etcd/primary-sandboxes.ts';
import { ipNumbers } from '../../adapters/ip/ip-numbers.ts';
import type { PrimarySandboxRecord } from '../../domain/primary/sandbox.ts';
import { startCommandThread } from '../unit/cli/command-thread.ts';
import { etcdForTests } from './etcd-for-tests.ts';

const server = etcdForTests();
const command = startCommandThread();
after(() => command.end());

const record = (sandboxId: string, addresses: readonly string[]): PrimarySandboxRecord => ({
  ...{ v: 1, node: 'n1', sandboxId, pod: { namespace: 'shop', name: 'web-0' } },
  interfaces: [{ name: 'eth0', hostInterface: 'pwp0a010102', addresses }],
  postAdd: { wanted: ['team/hook'], done: [] },
});
const valuesOf = async (prefix: string): Promise<Record<string, string>> => {
  const { entries } = await server.etcd.list(prefix);
  return Object.fromEntries(entries.map(({ key, value }) => [key, value]));
};

test('a sandbox is recorded with contiv’s keys and JSON beside it, and goes with them', async () => {
  const records = createPrimarySandboxes(server.etcd, ipNumbers, '/vnf-agent/');
  const written = record('s1', ['10.1.1.2', 'fd00::2']);
  await records.put(written);
  assert.deepEqual(await valuesOf('/vnf-agent/n1/'), {
    '/vnf-agent/n1/ipam/s1': '{"ID":167837954,"pod":"s1"}',
    '/vnf-agent/n1/pods/s1': '{"ID":"s1","podName":"web-0","podNamespace":"shop","VppIfName":"pwp0a010102"}',
  });
  assert.deepEqual([await records.get('n1', 's1'), await records.list('n1')], [written, [written]]);
  assert.deepEqual(await records.list('n'), []);
  // Another ADD of the sandbox has left it with an address that contiv's message has no room for.
  await records.put(record('s1', ['fd00::2']));
  assert.deepEqual(Object.keys(await valuesOf('/vnf-agent/n1/')), ['/vnf-agent/n1/pods/s1']);
  await records.remove('n1', 's1', 'record');
  assert.deepEqual(await valuesOf('/vnf-agent/n1/'), {});
  assert.deepEqual(await records.get('n1', 's1'), record('s1', ['fd00::2']));
  await records.remove('n1', 's1');
  assert.equal(await records.get('n1', 's1'), undefined);
  await records.remove('n1', 's1');
});

test('without contiv’s configuration there is podwire’s record alone', async () => {
  const records = createPrimarySandboxes(server.etcd, ipNumbers, undefined);
  await records.put(record('s2', ['10.1.1.2']));
  assert.deepEqual(await valuesOf('/vnf-agent/n1/'), {});
  await records.remove('n1', 's2', 'record');
  assert.notEqual(await records.get('n1', 's2'), undefined);
  await records.remove('n1', 's2');
  assert.deepEqual(await valuesOf('/podwire/primary/'), {});
});

test('what is no record is written anew from the disk', async () => {
  const records = createPrimarySandboxes(server.etcd, ipNumbers, undefined);
  await server.etcd.transact([], [{ put: '/podwire/primary/n1/s3', value: '{"v":2}' }]);
  assert.deepEqual([await records.get('n1', 's3'), await records.list('n1')], [undefined, []]);
});

test('`podwire primary` shows the pods of all nodes, or one', async () => {
  const records = createPrimarySandboxes(server.etcd, ipNumbers, undefined);
  await records.put(record('s1', ['10.1.1.2', 'fd00::2']));
  const pod = { namespace: 'shop', name: 'web-1' };
  await records.put({ ...record('s4', ['10.1.2.2']), node: 'n2', pod, postAdd: { wanted: [], done: [] } });
  const ask = async (...args: string[]): Promise<string[]> => {
    const said = await command.podwire(['primary', ...args, '--etcd-endpoints', server.endpoint]);
    assert.equal(said.code, 0, said.stderr);
    return said.stdout.trimEnd().split('\n');
  };
  const [head, one, two, ...more] = await ask();
  assert.deepEqual(more, []);
  assert.match(head ?? '', /^NODE +POD +INTERFACE +ON NODE +ADDRESSES +HOOKS LEFT +SANDBOX$/);
  assert.match(one ?? '', /^n1 +shop\/web-0 +eth0 +pwp0a010102 +10\.1\.1\.2,fd00::2 +team\/hook +s1$/);
  assert.match(two ?? '', /^n2 +shop\/web-1 +eth0 +pwp0a010102 +10\.1\.2\.2 +- +s4$/);
  assert.deepEqual(
    (await ask('shop/web-1')).map((line) => line.split(/ +/)[0]),
    ['NODE', 'n2'],
  );
});
