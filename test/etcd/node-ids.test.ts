/** Numbers of nodes, on a real etcd and real disks. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, test } from 'node:test';
import { settleNodeId } from '../../activities/primary/settle-node-id.ts';
import { createNodeIds } from '../../adapters/etcd/node-ids.ts';
import { createNodeIdFile } from '../../adapters/primary/node-id-file.ts';
import type { NodeIds } from '../../domain/ports/node-ids.ts';
import { keptNodeKey } from '../../domain/reflect/keys.ts';
import { etcdForTests } from './etcd-for-tests.ts';

const PREFIX = '/vnf-agent/contiv-ksr/allocatedIDs/';
const server = etcdForTests();
const root = mkdtempSync(join(tmpdir(), 'podwire-node-id-'));
after(() => rmSync(root, { recursive: true }));
const ids = (): NodeIds => createNodeIds(server.etcd, { prefix: '/vnf-agent/', label: 'contiv-ksr' });

/** By name: a disk of its own in each test. */
const pods = new Map<string, number>();
let round = 0;
beforeEach(async () => {
  round += 1;
  pods.clear();
  await loseEtcd();
});

async function loseEtcd(): Promise<void> {
  for (const prefix of ['/vnf-agent/', '/podwire/node-id-claims/'])
    for (const key of await server.etcd.keys(prefix)) await server.etcd.transact([], [{ remove: key }]);
}

const dirOf = (node: string): string => join(root, `${round}-${node}`);
const settle = (node: string, more: { ids?: NodeIds; highest?: bigint } = {}) =>
  settleNodeId({
    ...{ node, ids: ids(), disk: createNodeIdFile(dirOf(node)), highest: 254n, ...more },
    hasPods: () => (pods.get(node) ?? 0) > 0,
  });
const idOf = async (node: string): Promise<number> => (await settle(node)).id;
const inEtcd = async (): Promise<Record<string, string>> => {
  const { entries } = await server.etcd.list(PREFIX);
  return Object.fromEntries(entries.map(({ key, value }) => [key.slice(PREFIX.length), value]));
};

test('nodes get the lowest numbers, in contiv’s keys and JSON, and keep them', async () => {
  assert.deepEqual([await idOf('n1'), await idOf('n2'), await idOf('n1')], [1, 2, 1]);
  assert.deepEqual(await inEtcd(), { 1: '{"id":1,"name":"n1"}', 2: '{"id":2,"name":"n2"}' });
  assert.ok(readdirSync(dirOf('n1')).includes('node-id.json'));
  // By which the reflection leaves them alone.
  assert.deepEqual(await server.etcd.keys('/vnf-agent/n1/'), [keptNodeKey({ prefix: '/vnf-agent/' }, 'n1')]);
});

test('twenty nodes that start at once have twenty numbers', async () => {
  const names = Array.from({ length: 20 }, (_, index) => `n${index}`);
  const got = await Promise.all(names.map(idOf));
  assert.deepEqual(
    got.toSorted((one, other) => one - other),
    names.map((_, index) => index + 1),
  );
});

test('numbers of contiv’s agents are heeded, also those that cannot be read, and what is no number is not', async () => {
  const put = (key: string, value: string) => server.etcd.transact([], [{ put: PREFIX + key, value }]);
  await put('1', '{"id":1,"name":"vpp1","ip_address":"192.168.16.1/24"}');
  await put('2', 'rubbish');
  await put('x', '{"id":3,"name":"n1"}');
  await put('4', '{"id":4,"name":"n4"}');
  assert.deepEqual([await idOf('n1'), await idOf('n4')], [3, 4]);
});

test('after a loss of etcd the disks are the truth', async () => {
  await idOf('n1');
  await idOf('n2');
  await loseEtcd();
  // The other order.
  assert.deepEqual([await idOf('n2'), await idOf('n1')], [2, 1]);
});

test('of two nodes with one number the one with pods keeps it', async () => {
  await idOf('old');
  pods.set('old', 3);
  await loseEtcd();
  assert.equal(await idOf('new'), 1);
  assert.deepEqual(await settle('old'), { kind: 'conflict', id: 1, holder: 'new' });
  assert.deepEqual(await settle('new'), { kind: 'settled', id: 2 });
  assert.deepEqual(await settle('old'), { kind: 'settled', id: 1 });
  assert.deepEqual(await inEtcd(), { 1: '{"id":1,"name":"old"}', 2: '{"id":2,"name":"new"}' });
  assert.deepEqual(await server.etcd.keys('/podwire/node-id-claims/'), []);
});

test('of two nodes with pods and one number both keep their pods, and the later one is refused new ones until its pods are gone', async () => {
  await idOf('old');
  pods.set('old', 1);
  await loseEtcd();
  await idOf('new');
  pods.set('new', 1);
  assert.equal((await settle('old')).kind, 'conflict');
  assert.deepEqual(await settle('new'), { kind: 'settled', id: 1 });
  pods.clear();
  assert.deepEqual(await settle('old'), { kind: 'settled', id: 2 });
  assert.deepEqual(await settle('new'), { kind: 'settled', id: 1 });
});

test('a node that was killed before its disk had the number finds it by its name', async () => {
  assert.equal(await ids().create(9, 'n1'), true);
  assert.equal(await ids().create(9, 'n2'), false);
  assert.equal(await idOf('n1'), 9);
});

test('a number is not moved or removed by a node that has lost it', async () => {
  await ids().create(1, 'n1');
  assert.equal(await ids().move(1, 2, 'n2'), false);
  await ids().remove(1, 'n2');
  await ids().create(2, 'n2');
  assert.equal(await ids().move(1, 2, 'n1'), false);
  assert.deepEqual(Object.keys(await inEtcd()), ['1', '2']);
});

test('addresses are published in the entry of the node only', async () => {
  await idOf('n1');
  assert.equal(await ids().publish(1, 'n2', '192.168.16.9/24', []), false);
  assert.equal(await ids().publish(1, 'n1', '192.168.16.1/24', ['10.0.0.1']), true);
  assert.deepEqual(await inEtcd(), {
    1: '{"id":1,"name":"n1","ip_address":"192.168.16.1/24","management_ip_address":"10.0.0.1"}',
  });
  assert.equal(await idOf('n1'), 1);
});

test('there is no number beyond the room that the ranges have', async () => {
  await idOf('n1');
  await assert.rejects(settle('n2', { highest: 1n }), {
    code: 'NodeIdUnavailable',
    message: /room for are taken \(1\)/,
  });
});

test('a node gives up where others are always faster', async () => {
  const real = ids();
  await assert.rejects(settle('n1', { ids: { ...real, create: async () => false } }), { code: 'NodeIdUnavailable' });
});

test('a disk that cannot be read is told of, and no other number is taken', async () => {
  await idOf('n1');
  writeFileSync(join(dirOf('n1'), 'node-id.json'), '{"v":1,');
  await assert.rejects(settle('n1'), { code: 'RecordInvalid', message: /node-id\.json cannot be read/ });
});

test('a disk of a node with another name says nothing', async () => {
  await idOf('n1');
  assert.equal(await createNodeIdFile(dirOf('n1')).read('n2'), undefined);
});
