/** Records of sandboxes of the primary network, on a real etcd. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createPrimarySandboxes } from '../../adapters/etcd/primary-sandboxes.ts';
import { ipNumbers } from '../../adapters/ip/ip-numbers.ts';
import type { PrimarySandboxRecord } from '../../domain/primary/sandbox.ts';
import { etcdForTests } from './etcd-for-tests.ts';

const server = etcdForTests();

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
