/** When addresses of a node that does not come back are given back. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { GoneOwners } from '../../../activities/ipam/gone-owners.ts';
import type { OwnerRecord } from '../../../domain/ipam/records.ts';

const HOUR = 3_600_000;

it('addresses of a node go when its worker is silent and two looks miss its Node object, and not before', async () => {
  const record = { v: 1, pool: 'blue', owner: { kind: 'pod', id: 'u', interfaceName: 'net1', node: 'n2' } };
  const world = {
    now: 10 * HOUR,
    looks: new Map([['n1', 10 * HOUR]]),
    objects: new Set(['n1', 'n2']),
    left: [] as string[],
  };
  const gone = new GoneOwners({
    upkeep: { nodes: async () => (world.left.length > 0 ? ['n1'] : ['n1', 'n2']), forgetRested: async () => undefined },
    pools: { ownersOf: async () => [record as unknown as OwnerRecord], release: async () => [] },
    lookedAt: async () => world.looks,
    cluster: { nodeUid: async (node) => (world.objects.has(node) ? 'uid' : undefined) },
    now: () => world.now,
    onGone: (node, owners) => void world.left.push(`${node} ${owners}`),
  });
  const later = async (): Promise<void> => {
    world.now += 60_000;
    await gone.look();
  };
  await later();
  world.objects.delete('n2');
  await later();
  world.objects.add('n2');
  await later();
  world.objects.delete('n2');
  world.looks.set('n2', world.now);
  await later();
  await later();
  assert.deepEqual(world.left, []);
  world.looks.delete('n2');
  await later();
  assert.deepEqual(world.left, []);
  await later();
  assert.deepEqual(world.left, ['n2 1']);
});
