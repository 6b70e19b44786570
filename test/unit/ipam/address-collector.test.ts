/** Which owners of addresses count as gone. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AddressCollector } from '../../../activities/ipam/address-collector.ts';
import type { AddressOwner } from '../../../domain/ipam/owner.ts';
import type { OwnerRecord } from '../../../domain/ipam/records.ts';
import type { SandboxDetails } from '../../../domain/ports/sandbox-runtime.ts';

const pod = { namespace: 'shop', name: 'a' };
const container: AddressOwner = {
  kind: 'container',
  id: 'c1',
  interfaceName: 'net1',
  node: 'n1',
  pod,
  netns: '/run/netns/a',
};

/** A node whose kernel, runtime and records are what the test says. */
function node(owner: AddressOwner) {
  const world = {
    now: 1_000_000,
    netns: undefined as boolean | undefined,
    sandbox: false,
    attachments: [] as string[],
    runtimeAway: false,
    owners: [
      { v: 1, pool: 'blue', owner, addresses: [{ address: '10.0.0.1/24' }], at: 1_000_000, restMs: 0 },
    ] as OwnerRecord[],
    released: 0,
    whileDescribed: (): void => undefined,
    looked: [] as [number, number][],
  };
  const collector = new AddressCollector({
    node: 'n1',
    pools: {
      ownersOf: async () => world.owners,
      held: async () => world.owners,
      release: async () => {
        world.released += 1;
        const released = world.owners;
        world.owners = [];
        return released;
      },
    },
    runtime: {
      describe: async () => {
        if (world.runtimeAway) throw new Error('away');
        world.whileDescribed();
        return world.sandbox ? ({} as SandboxDetails) : undefined;
      },
    },
    isThere: () => world.netns,
    attachments: async () => world.attachments,
    now: () => world.now,
    observer: { looked: (...counts) => world.looked.push(counts), collected: () => undefined },
  });
  return { world, look: () => collector.look() };
}

async function goesAfterThreeMinutes({ world, look }: ReturnType<typeof node>): Promise<void> {
  for (let second = 0; second < 180; second += 20) {
    await look();
    world.now += 20_000;
  }
  assert.equal(world.released, 0);
  await look();
  world.now += 20_000;
  await look();
  assert.equal(world.released, 1);
}

describe('addresses whose owners are gone', () => {
  it('are given back by the second look that misses them, within a minute', async () => {
    const { world, look } = node(container);
    world.netns = false;
    assert.equal(await look(), false);
    assert.equal(world.released, 0);
    world.now += 20_000;
    await look();
    assert.equal(world.released, 1);
    assert.equal(await look(), true);
    assert.deepEqual(world.looked, [
      [1, 1],
      [0, 0],
      [0, 0],
    ]);
  });

  it('stay where one of the looks finds something', async () => {
    const finds: ((world: ReturnType<typeof node>['world']) => void)[] = [
      (world) => (world.netns = true),
      (world) => (world.sandbox = true),
    ];
    for (const find of finds) {
      const { world, look } = node(container);
      world.netns = false;
      await look();
      find(world);
      world.now += 20_000;
      await look();
      [world.netns, world.sandbox] = [false, false];
      world.now += 20_000;
      await look();
      assert.equal(world.released, 0);
    }
  });

  it('stay where the owner was given them anew while it was looked for', async () => {
    const { world, look } = node(container);
    world.netns = false;
    await look();
    world.now += 20_000;
    world.whileDescribed = () => {
      world.owners = world.owners.map((record) => ({ ...record, at: world.now }));
    };
    assert.equal(await look(), false);
    assert.equal(world.released, 0);
    assert.deepEqual(world.looked.at(-1), [1, 0]);
  });

  it('stay while the runtime does not answer', async () => {
    const { world, look } = node(container);
    world.netns = false;
    await look();
    world.runtimeAway = true;
    world.now += 20_000;
    await assert.rejects(look());
    assert.equal(world.released, 0);
  });

  it('stay while a sandbox whose namespace cannot be seen may be in the making', async () => {
    await goesAfterThreeMinutes(node(container));
  });

  it('are given back where a file of the namespace was left behind, once a sandbox is in the making no more', async () => {
    const place = node(container);
    place.world.netns = true;
    await goesAfterThreeMinutes(place);
  });

  it('stay with containers of other runtimes than the kubelet’s', async () => {
    const { world, look } = node({ ...container, pod: undefined });
    world.netns = false;
    for (let looks = 0; looks < 20; looks += 1) {
      await look();
      world.now += 60_000;
    }
    assert.equal(world.released, 0);
  });

  it('of podwire’s own attachments are those without a record of the interface', async () => {
    const { world, look } = node({ kind: 'pod', id: 'uid', interfaceName: 'net1', node: 'n1', pod });
    world.attachments = ['net1'];
    await look();
    world.now += 20_000;
    world.attachments = ['net2'];
    await look();
    assert.equal(world.released, 0);
    world.now += 20_000;
    await look();
    assert.equal(world.released, 1);
  });
});
