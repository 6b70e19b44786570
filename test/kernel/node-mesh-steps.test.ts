/** A node's part of the mesh, step by step, and among many: killed behind each request to the kernel, and with a count of what it writes. */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { ipNumbers } from '../../adapters/ip/ip-numbers.ts';
import { inNetns } from '../../adapters/netlink/enter-netns.ts';
import { enteredBy } from '../../adapters/netlink/node-kernel.ts';
import { configureMesh, ensureMeshDevice } from '../../adapters/netlink/operations/node-mesh.ts';
import { NetlinkSocket, PROTOCOL } from '../../adapters/netlink/socket.ts';
import { createNetlinkThread } from '../../adapters/netlink/thread.ts';
import type { NodeMember } from '../../domain/primary/node-member.ts';
import { meshPlan, type MeshPlan } from '../../domain/primary/node-mesh.ts';
import { macOf, reaches, SETTINGS, Underlay, type MeshNode } from './mesh-nodes.ts';
import { NEVER } from './node-under-test.ts';
import { tellPeers } from './peer.ts';
import { seenIn } from './seen.ts';

const IP = '/usr/sbin/ip';
const thread = createNetlinkThread();
after(() => thread.close());

/** Everybody who is to be called by TCP. */
const answering: (() => void)[] = [];
after(() => answering.forEach((end) => end()));

describe('a node’s part of the mesh', () => {
  test('is refused where its device’s name is somebody else’s', async (t) => {
    const underlay = await Underlay.create(thread);
    t.after(() => underlay.remove());
    const node = await underlay.node(1);
    await node.netns.exec([
      IP,
      'link',
      'add',
      'podwire0',
      'type',
      'vxlan',
      'id',
      '77',
      'dstport',
      '4790',
      'local',
      '192.0.2.1',
    ]);
    await assert.rejects(node.mesh.look(NEVER), { code: 'LinkConflict' });
    await node.netns.exec([IP, 'link', 'delete', 'podwire0']);
    await node.netns.exec([IP, 'link', 'add', 'podwire0', 'type', 'bridge']);
    await assert.rejects(node.mesh.look(NEVER), { code: 'LinkConflict' });
    await node.netns.exec([IP, 'link', 'delete', 'podwire0']);
    await node.mesh.look(NEVER);
  });

  test('is complete after a second try, whichever request the first one ended behind', async (t) => {
    const underlay = await Underlay.create(thread);
    t.after(() => underlay.remove());
    const node = await underlay.node(1);
    const plan = planOf(3, 2);
    const empty = await seenIn(node.netns);
    await node.kernel.ensure(plan, NEVER);
    const expected = await seenIn(node.netns);
    let last = 0;
    for (let isWhole = false; !isWhole; last += 1) {
      await node.netns.exec([IP, 'link', 'delete', 'podwire0']);
      for (const family of ['-4', '-6'])
        await node.netns.exec([IP, family, 'route', 'flush', 'proto', '230', 'type', 'unreachable']);
      if (last === 0) assert.deepEqual(await seenIn(node.netns), empty);
      isWhole = ensureUpTo(node, plan, last);
      await node.kernel.ensure(plan, NEVER);
      assert.deepEqual(await seenIn(node.netns), expected, `after ${last} requests`);
    }
    assert.ok(last > 20, `${last} requests`);
  });

  test('becomes what others say now, whichever request an earlier change ended behind', async (t) => {
    const underlay = await Underlay.create(thread);
    t.after(() => underlay.remove());
    const [before, behind] = [planOf(3, 2), planOf(4, 3)];
    const node = await underlay.node(1);
    await node.kernel.ensure(behind, NEVER);
    const expected = await seenIn(node.netns);
    let last = 0;
    for (let isWhole = false; !isWhole; last += 1) {
      await node.kernel.ensure(before, NEVER);
      isWhole = ensureUpTo(node, behind, last);
      await node.kernel.ensure(behind, NEVER);
      assert.deepEqual(await seenIn(node.netns), expected, `after ${last} requests`);
    }
    assert.ok(last > 10, `${last} requests`);
  });
});

/** For node 1: nodes from `first` to `first + count - 1`; each of them has another address whenever `first` is another one. */
function planOf(first: number, count: number): MeshPlan {
  const member = (number: number, address: string): NodeMember => {
    const subnets = [`10.7.${number}.0/24`, `fd00:7:${number}::/64`];
    return { node: `n${number}`, addresses: [address], mac: macOf({ subnets }), subnets };
  };
  const members = Array.from({ length: count }, (_, index) => member(first + index, `192.0.2.${10 * first + index}`));
  const addresses = [{ cidr: '192.0.2.1/24', family: 4 as const, linkLocal: false }];
  const view = { own: member(1, '192.0.2.1'), members, links: [{ name: 'eth0', mtu: 1500, addresses }] };
  return meshPlan(view, SETTINGS, ipNumbers);
}

/** As the process would leave it that is killed behind so many requests. @returns whether there were no more */
function ensureUpTo(node: MeshNode, plan: MeshPlan, last: number): boolean {
  class Killed extends Error {}
  let count = 0;
  const socket = inNetns(enteredBy(node.open).descriptor, () => new NetlinkSocket(PROTOCOL.ROUTE));
  const dying = {
    get: (request: Parameters<NetlinkSocket['get']>[0]) => socket.get(request),
    dump: (...args: Parameters<NetlinkSocket['dump']>) => socket.dump(...args),
    request: (...args: Parameters<NetlinkSocket['request']>) => {
      if (count === last) throw new Killed();
      count += 1;
      socket.request(...args);
    },
  };
  try {
    configureMesh(dying, ensureMeshDevice(dying, plan.device), plan);
    return true;
  } catch (error) {
    assert.ok(error instanceof Killed, String(error));
    return false;
  } finally {
    socket.close();
  }
}

describe('a node that joins many', () => {
  /** Of bare namespaces; each of them has a way to each other one. */
  const NODES = 50;

  test('is one reading and seven entries for each of them, and one of them that goes is as few', async (t) => {
    const underlay = await Underlay.create(thread);
    t.after(() => underlay.remove());
    const nodes: MeshNode[] = [];
    const synced: unknown[] = [];
    for (let number = 1; number <= NODES; number += 1) nodes.push(await underlay.node(number));
    await underlay.look(...nodes);
    const late = await underlay.node(NODES + 1);
    // What the mesh's run does: one activity for each node.
    underlay.onTold(async () => {
      for (const { mesh } of nodes) synced.push(await mesh.sync(NEVER));
    });
    await late.mesh.look(NEVER);
    assert.deepEqual(synced, Array<object>(NODES).fill({ netns: 1, written: 7, removed: 0 }));
    const [first, last] = [await nodes[0]?.pod(2), await late.pod(2)];
    assert.ok(first !== undefined);
    for (const { netns } of [first, last]) answering.push(tellPeers(netns));
    await reaches(first, last);
    await reaches(last, first);
    await underlay.members.remove(`n${NODES + 1}`);
    const left = await Promise.all(nodes.map(({ mesh }) => mesh.sync(NEVER)));
    assert.deepEqual(left, Array<object>(NODES).fill({ netns: 1, written: 0, removed: 7 }));
  });
});
