/** What a node of a network of mode node writes when the membership changes, against a model of the kernel's tables. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { FLOOD_MAC, type FdbEntry } from '../../../domain/forwarding/fdb.ts';
import { segmentNames, segmentPlan, type SegmentMember, type SegmentPlan } from '../../../domain/node-mode/segment.ts';
import {
  costOf,
  forwardingDifference,
  type ForwardingDifference,
  type SeenForwarding,
} from '../../../domain/node-mode/forwarding-difference.ts';

const NETWORK = {
  network: { scope: 'cluster.network', name: 'blue' },
  vni: 100,
  dstPort: 4789,
  floodUnknown: false,
  guarded: true,
};
const HERE = { node: 'n1', vtep: '192.0.2.1', parentMtu: 1500 };
const { device } = segmentNames(NETWORK);
const EMPTY: SeenForwarding = { tunnels: [], behind: [], neighbours: [] };

const hex = (number: number): string => number.toString(16).padStart(2, '0');
/** The pod of that number, on the node of that number. */
const member = (number: number, node: number): SegmentMember => ({
  ...{ podUid: `pod-${number}`, interfaceName: 'blue0', node: `n${node}`, vtep: `192.0.2.${node}` },
  mac: `02:00:00:00:${hex(number >> 8)}:${hex(number & 0xff)}`,
  addresses: [`10.9.${number >> 8}.${number & 0xff}/16`, `fd00:9::${number.toString(16)}/64`],
});
const portOf = ({ podUid }: SegmentMember): string => `pwn${podUid}`;
const planFor = (members: readonly SegmentMember[]): SegmentPlan => segmentPlan(NETWORK, HERE, members, portOf);
const portsIn = (members: readonly SegmentMember[]): Set<string> =>
  new Set(members.filter(({ node }) => node === HERE.node).map(portOf));

/** As the kernel does it: a MAC is behind one port, and has one destination unless it is the flooding one. */
function after(seen: SeenForwarding, change: ForwardingDifference): SeenForwarding {
  const behind = new Map(seen.behind.map(({ mac, port }) => [mac, port]));
  let tunnels: FdbEntry[] = [...seen.tunnels];
  for (const { mac, port } of change.behind) behind.set(mac, port);
  for (const entry of change.tunnels) {
    if (entry.mac !== FLOOD_MAC) {
      behind.set(entry.mac, device);
      tunnels = tunnels.filter(({ mac }) => mac !== entry.mac);
    }
    tunnels.push(entry);
  }
  const isSame = (a: FdbEntry, b: FdbEntry): boolean => a.mac === b.mac && a.destination === b.destination;
  for (const { mac } of change.remove.behind) if (behind.get(mac) === device) behind.delete(mac);
  tunnels = tunnels.filter((entry) => !change.remove.tunnels.some((gone) => isSame(gone, entry)));
  const neighbours = new Map(seen.neighbours.map(({ address, mac }) => [address, mac]));
  for (const { address, mac } of change.neighbours.set) neighbours.set(address, mac);
  for (const { address } of change.neighbours.remove) neighbours.delete(address);
  return {
    tunnels,
    behind: [...behind].map(([mac, port]) => ({ mac, port })),
    neighbours: [...neighbours].map(([address, mac]) => ({ address, mac })),
  };
}

/** Once all is written. */
function forwardingOf(members: readonly SegmentMember[], from: SeenForwarding = EMPTY): SeenForwarding {
  return after(from, forwardingDifference(from, planFor(members), portsIn(members)));
}

/** Pods of few numbers on few nodes: they leave, come back elsewhere, and share addresses now and then. */
const membership = fc
  .uniqueArray(fc.tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 4 })), {
    maxLength: 12,
    selector: ([number]) => number,
  })
  .map((pairs) => pairs.map(([number, node]) => member(number, node)));

const sorted = (texts: readonly string[]): string[] => [...texts].sort();
const texts = (entries: readonly object[]): string[] => sorted(entries.map((entry) => JSON.stringify(entry)));

describe('what a node forwards', () => {
  test('is what the membership says, whatever was there before, and then nothing is left to write', () => {
    fc.assert(
      fc.property(membership, membership, (before, now) => {
        const seen = forwardingOf(now, forwardingOf(before));
        const plan = planFor(now);
        assert.deepEqual(texts(seen.tunnels), texts(plan.tunnels));
        assert.deepEqual(texts(seen.neighbours), texts(plan.neighbours));
        const remote = plan.tunnels.filter(({ mac }) => mac !== FLOOD_MAC).map(({ mac }) => mac);
        const behindDevice = seen.behind.filter(({ port }) => port === device).map(({ mac }) => mac);
        assert.deepEqual(sorted(behindDevice), sorted(remote));
        for (const { mac, port } of plan.behind) assert.equal(seen.behind.find((each) => each.mac === mac)?.port, port);
        assert.equal(costOf(forwardingDifference(seen, plan, portsIn(now))), 0);
      }),
    );
  });

  test('sends broadcasts to each other node with members, once, and to no other', () => {
    fc.assert(
      fc.property(membership, (members) => {
        const floods = planFor(members).tunnels.filter(({ mac }) => mac === FLOOD_MAC);
        const others = new Set(members.filter(({ node }) => node !== HERE.node).map(({ vtep }) => vtep));
        assert.deepEqual(
          floods.map(({ destination }) => destination),
          sorted([...others]),
        );
        assert.deepEqual(planFor(members).senders.from, sorted([...others]));
      }),
    );
  });

  test('costs a join the same on every other node, however many members there are', () => {
    const joins = [10, 100, 1_000].map((count) => {
      const members = Array.from({ length: count }, (_, index) => member(index + 1, (index % 3) + 1));
      const seen = forwardingOf(members);
      const now = [...members, member(4_000, 2)];
      return costOf(forwardingDifference(seen, planFor(now), portsIn(now)));
    });
    // One entry, and a neighbour for each of its two addresses.
    assert.deepEqual(joins, [3, 3, 3]);
  });

  test('keeps the entry of a port that the membership does not have yet', () => {
    const own = member(1, 1);
    const seen = forwardingOf([own]);
    const change = forwardingDifference(seen, planFor([]), portsIn([own]));
    assert.deepEqual(change.remove.behind, []);
  });

  test('does not name a port that is not there', () => {
    const own = member(1, 1);
    assert.deepEqual(forwardingDifference(EMPTY, planFor([own]), new Set()).behind, []);
  });

  test('tells which addresses have another MAC from now on', () => {
    const before = forwardingOf([member(1, 2), member(2, 2)]);
    const renewed = [{ ...member(1, 3), mac: '02:00:00:00:ff:01' }, member(2, 2)];
    assert.deepEqual(forwardingDifference(before, planFor(renewed), new Set()).moved, ['10.9.0.1', 'fd00:9::1']);
    const moved = [member(1, 3), member(2, 2)];
    assert.deepEqual(forwardingDifference(before, planFor(moved), new Set()).moved, []);
  });

  test('puts a MAC that came to this node behind its port, though its old node still names it', () => {
    const [here, there] = [member(1, 1), { ...member(2, 2), mac: member(1, 1).mac }];
    const plan = planFor([here, there]);
    assert.deepEqual(plan.behind, [{ mac: here.mac, port: portOf(here) }]);
    assert.deepEqual(
      plan.tunnels.map(({ mac }) => mac),
      [FLOOD_MAC],
    );
  });

  test('writes an entry again that only one of the two tables has lost', () => {
    const members = [member(1, 2)];
    const seen = forwardingOf(members);
    for (const lost of [
      { ...seen, behind: [] },
      { ...seen, tunnels: seen.tunnels.filter(({ mac }) => mac === FLOOD_MAC) },
    ])
      assert.deepEqual(texts(forwardingOf(members, lost).tunnels), texts(seen.tunnels));
    assert.equal(costOf(forwardingDifference({ ...seen, behind: [] }, planFor(members), new Set())), 1);
  });
});
