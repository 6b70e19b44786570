/** A node's part of the mesh: whom it asks, whom it tells, and what it does while they are away. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CniDeps } from '../../../activities/network/deps.ts';
import { createNodeSteps } from '../../../activities/network/index.ts';
import { endMembership } from '../../../activities/primary/end-membership.ts';
import { NodeMesh } from '../../../activities/primary/node-mesh.ts';
import { createNodeMembers } from '../../../adapters/etcd/node-members.ts';
import { ipNumbers } from '../../../adapters/ip/ip-numbers.ts';
import { PodwireError } from '../../../domain/failures.ts';
import { nodeMemberKey, untoldMemberKey, wholeKey } from '../../../domain/keys.ts';
import type { NodeMembers, RememberedMesh } from '../../../domain/ports/node-mesh.ts';
import { memberMac, NODE_MESH, type NodeMember } from '../../../domain/primary/node-member.ts';
import type { MeshPlan } from '../../../domain/primary/node-mesh.ts';
import type { Subnet } from '../../../domain/primary/subnet.ts';
import { makeWhole } from '../../etcd/whole-store.ts';
import { MemoryEtcd } from '../../workflows/memory-etcd.ts';

const NEVER = new AbortController().signal;
const subnet = (text: string): Subnet => ipNumbers.subnet(text) ?? assert.fail(text);
const member = (number: number): NodeMember => ({
  ...{ node: `n${number}`, addresses: [`192.0.2.${number}`], subnets: [`10.1.${number}.0/24`] },
  mac: memberMac(subnet(`10.1.${number}.0/24`)),
});

async function parts() {
  const etcd = new MemoryEtcd();
  await makeWhole(etcd);
  const real = createNodeMembers(etcd);
  const world = {
    subnets: [subnet('10.1.1.0/24')] as readonly Subnet[] | undefined,
    said: ['192.0.2.1'] as readonly string[] | Error,
    asked: 0,
    onLink: ['192.0.2.1/24'],
    onDisk: undefined as RememberedMesh | undefined,
    isEtcdAway: false,
    isTemporalAway: false,
    /** What the API says of nodes; undefined: it is not asked. */
    api: undefined as readonly NodeMember[] | Error | undefined,
    told: 0,
    mtu: 1500,
    writes: 0,
    plans: [] as MeshPlan[],
    filters: [] as (readonly string[])[],
    unreached: [] as string[][],
  };
  const away = (code: 'EtcdUnavailable' | 'TemporalUnavailable') => new PodwireError(code, 'away');
  const reachable = <K extends keyof NodeMembers>(name: K) =>
    (async (...args: never[]) => {
      if (world.isEtcdAway) throw away('EtcdUnavailable');
      return (real[name] as (...given: never[]) => unknown)(...args);
    }) as unknown as NodeMembers[K];
  const members: NodeMembers = {
    ...{ read: reachable('read'), publish: reachable('publish') },
    ...{ told: reachable('told'), remove: reachable('remove') },
  };
  const make = (fixed?: readonly string[]): NodeMesh =>
    new NodeMesh({
      ...{ node: 'n1', ip: ipNumbers, macOf: memberMac, members },
      known:
        world.api === undefined
          ? undefined
          : async () => {
              if (world.api instanceof Error) throw world.api;
              return world.api ?? [];
            },
      settings: { device: 'podwire0', vni: 10, dstPort: 4789, parent: undefined, directRouting: 'never' },
      filter: { dstPort: 4789, podLinks: 'pwp', masquerade: true, keepSource: [] },
      subnets: () => world.subnets,
      addresses: {
        fixed,
        ask: async () => {
          world.asked += 1;
          if (world.said instanceof Error) throw world.said;
          return world.said;
        },
      },
      disk: {
        read: async () => world.onDisk,
        write: async (_, mesh) => {
          world.onDisk = mesh;
          world.writes += 1;
        },
      },
      kernel: {
        links: async () => [
          {
            name: 'eth0',
            mtu: world.mtu,
            addresses: world.onLink.map((cidr) => ({ cidr, family: 4, linkLocal: false })),
          },
        ],
        ensure: async (plan) => {
          world.plans.push(plan);
          return { written: plan.entries.length, removed: 0, refused: [] };
        },
        filter: async ({ nodes }) => {
          world.filters.push(nodes);
          return true;
        },
      },
      tell: async () => {
        if (world.isTemporalAway) throw away('TemporalUnavailable');
        world.told += 1;
      },
      observer: {
        unreached: (nodes) => world.unreached.push(nodes.map(({ node }) => node)),
        refused: () => undefined,
        changed: () => undefined,
        unfiltered: (why) => assert.fail(why as Error),
      },
    });
  const reached = (): (string | undefined)[] => world.plans.at(-1)?.entries.map(({ destination }) => destination) ?? [];
  return { etcd, members: real, world, make, reached };
}

describe('a node of the mesh', () => {
  it('says how it is reached, once, and has the others told, once', async () => {
    const { etcd, world, make } = await parts();
    const mesh = make();
    await mesh.look(NEVER);
    await mesh.look(NEVER);
    const { value = '' } = (await etcd.get(nodeMemberKey('n1'))) ?? {};
    assert.deepEqual(JSON.parse(value), { v: 1, ...member(1) });
    assert.deepEqual([world.told, world.asked, world.writes], [1, 1, 1]);
    await make().look(NEVER);
    assert.equal(world.told, 1, 'a worker that is started anew');
  });

  it('has the others told later where it could not, also by the worker that comes next', async () => {
    const { etcd, world, make } = await parts();
    world.isTemporalAway = true;
    await assert.rejects(make().look(NEVER), { code: 'TemporalUnavailable' });
    assert.ok(await etcd.get(untoldMemberKey('n1')));
    assert.equal(world.plans.length, 1, 'it reaches the others all the same');
    world.isTemporalAway = false;
    await make().look(NEVER);
    assert.deepEqual([world.told, await etcd.get(untoldMemberKey('n1'))], [1, undefined]);
  });

  it('says nothing, and is told nothing, before it is known which addresses its pods have', async () => {
    const { etcd, world, make } = await parts();
    world.subnets = undefined;
    const mesh = make();
    await mesh.look(NEVER);
    assert.deepEqual(await mesh.sync(NEVER), { netns: 0, written: 0, removed: 0 });
    assert.deepEqual([await etcd.get(nodeMemberKey('n1')), world.plans, world.asked], [undefined, [], 0]);
  });

  it('reaches whom it remembers while etcd, Temporal and the API are away', async () => {
    const { world, members, make, reached } = await parts();
    await members.publish(member(2));
    await make().look(NEVER);
    Object.assign(world, { isEtcdAway: true, isTemporalAway: true, said: new PodwireError('ApiUnavailable', 'away') });
    world.plans.splice(0);
    const mesh = make();
    await mesh.load(NEVER);
    assert.deepEqual(reached(), ['192.0.2.2']);
    await assert.rejects(mesh.look(NEVER), { code: 'EtcdUnavailable' });
    await assert.rejects(mesh.sync(NEVER), { code: 'EtcdUnavailable' });
    assert.deepEqual([reached(), world.onDisk?.members], [['192.0.2.2'], [member(2)]]);
  });

  it('lets nobody in before its rules hold, and them only who is a node', async () => {
    const { world, members, make } = await parts();
    await members.publish(member(2));
    await make().look(NEVER);
    assert.deepEqual(world.filters, [['192.0.2.1', '192.0.2.2']]);
  });

  it('is reached by another address once it has not the one any more that it is known by', async () => {
    const { etcd, world, make } = await parts();
    const mesh = make();
    await mesh.look(NEVER);
    Object.assign(world, { said: ['192.0.2.77'], onLink: ['192.0.2.77/24'] });
    await mesh.look(NEVER);
    assert.deepEqual([world.asked, world.told], [2, 2]);
    assert.match((await etcd.get(nodeMemberKey('n1')))?.value ?? '', /192\.0\.2\.77/);
    assert.equal(world.plans.at(-1)?.device.local, '192.0.2.77');
    assert.deepEqual(world.onDisk?.addresses, ['192.0.2.77']);
  });

  it('knows what its tunnels have of the link that they leave by, from its disk as well, and follows it', async () => {
    const { world, make } = await parts();
    const mesh = make();
    assert.equal(mesh.tunnelMtu, undefined);
    await mesh.look(NEVER);
    assert.equal(mesh.tunnelMtu, 1450);
    world.mtu = 9000;
    await mesh.look(NEVER);
    assert.equal(mesh.tunnelMtu, 8950);
    const next = make();
    await next.load(NEVER);
    assert.equal(next.tunnelMtu, 8950);
  });

  it('goes by the address that the administrator says, and asks nobody', async () => {
    const { world, make } = await parts();
    world.onLink = ['192.0.2.1/24', '198.51.100.1/24'];
    await make().look(NEVER);
    const mesh = make(['198.51.100.1']);
    await mesh.load(NEVER);
    assert.equal(world.plans.at(-1)?.device.local, '198.51.100.1');
    await mesh.look(NEVER);
    assert.deepEqual([world.asked, world.told], [1, 2]);
  });

  it('forgets nobody when etcd was begun anew, and says again how it is reached', async () => {
    const { etcd, world, members, make, reached } = await parts();
    await members.publish(member(2));
    const mesh = make();
    await mesh.look(NEVER);
    for (const key of [nodeMemberKey('n1'), nodeMemberKey('n2'), wholeKey()])
      await etcd.transact([], [{ remove: key }]);
    await members.publish(member(3));
    await mesh.look(NEVER);
    assert.deepEqual(reached().toSorted(), ['192.0.2.2', '192.0.2.3']);
    assert.equal(world.told, 2);
    await makeWhole(etcd);
    await mesh.sync(NEVER);
    assert.deepEqual(reached(), ['192.0.2.3']);
  });

  it('takes its ways away once a node has been found to be gone, and the others are told each time', async () => {
    const { members, make, reached } = await parts();
    await members.publish(member(2));
    const mesh = make();
    await mesh.look(NEVER);
    const told: unknown[] = [];
    const signals = { membersChanged: async (network: unknown) => void told.push(network) };
    await endMembership({ members, signals }, 'n2');
    await endMembership({ members, signals }, 'n2');
    assert.deepEqual(told, [NODE_MESH, NODE_MESH]);
    await mesh.sync(NEVER);
    assert.deepEqual(reached(), []);
  });

  it('reaches an etcd that is behind the mesh by what the API says of nodes, and says how it is reached as soon as it can', async () => {
    const { world, members, make, reached } = await parts();
    Object.assign(world, { isEtcdAway: true, api: [member(1), member(2)] });
    const mesh = make();
    await assert.rejects(mesh.look(NEVER), { code: 'EtcdUnavailable' });
    assert.deepEqual([reached(), world.filters.at(-1)], [['192.0.2.2'], ['192.0.2.1', '192.0.2.2']]);
    Object.assign(world, { isEtcdAway: false, api: new PodwireError('ApiUnavailable', 'away') });
    await members.publish({ ...member(2), addresses: ['192.0.2.22'] });
    await mesh.look(NEVER);
    assert.deepEqual([reached(), world.told], [['192.0.2.22'], 1]);
  });

  it('reaches a node that the API knows and etcd does not yet, until the API knows it no more', async () => {
    const { world, make, reached } = await parts();
    world.api = [member(2)];
    const mesh = make();
    await mesh.look(NEVER);
    assert.deepEqual([await mesh.sync(NEVER), reached()], [{ netns: 1, written: 1, removed: 0 }, ['192.0.2.2']]);
    world.api = [];
    await mesh.look(NEVER);
    assert.deepEqual(reached(), []);
  });

  it('tells of nodes that it cannot reach when that changes', async () => {
    const { world, members, make } = await parts();
    const mesh = make();
    await mesh.look(NEVER);
    await members.publish({ ...member(2), addresses: ['2001:db8::2'] });
    await mesh.look(NEVER);
    await mesh.look(NEVER);
    await members.publish(member(2));
    await mesh.look(NEVER);
    assert.deepEqual(world.unreached, [['n2'], []]);
  });
});

describe('the activity that brings a node in line', () => {
  const steps = (nodeMesh: CniDeps['nodeMesh']) => {
    const called: string[] = [];
    const sync = async () => ({ netns: 0, written: 0, removed: 0 });
    const fdb = { syncNetwork: async ({ name }: { name: string }) => (called.push(name), await sync()) };
    const deps = { fdb, nodeMesh, failpoints: { hit: async () => undefined } };
    return { called, syncFdb: createNodeSteps(deps as unknown as CniDeps).syncFdb };
  };

  it('does so with the mesh between nodes where that is the network, and with pods’ links otherwise', async () => {
    const outcome = { netns: 1, written: 7, removed: 0 };
    const { called, syncFdb } = steps({ sync: async () => outcome });
    assert.deepEqual(await syncFdb(NODE_MESH, NEVER), outcome);
    assert.deepEqual(called, []);
    await syncFdb({ scope: 'cluster', name: NODE_MESH.name }, NEVER);
    assert.deepEqual(called, [NODE_MESH.name]);
  });

  it('has nothing to do for the mesh where the worker runs without --primary', async () => {
    const { called, syncFdb } = steps(undefined);
    assert.deepEqual(await syncFdb(NODE_MESH, NEVER), { netns: 0, written: 0, removed: 0 });
    assert.deepEqual(called, []);
  });
});
