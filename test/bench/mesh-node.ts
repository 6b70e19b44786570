/** mesh --mode node: a thousand members of a network of mode node, on three nodes and on twenty. Namespaces are nodes; no pod, no lab and no podwire is needed. */
import { createNetlinkThread, type NetlinkThread } from '../../adapters/netlink/thread.ts';
import { desiredEntries, FLOOD_MAC } from '../../domain/forwarding/fdb.ts';
import { segmentPort, type SegmentMember, type SegmentPort } from '../../domain/node-mode/segment.ts';
import type { IdentifiedNetns } from '../../domain/ports/link-kernel.ts';
import type { TestNetns } from '../kernel/namespace.ts';
import { NEVER } from '../kernel/node-under-test.ts';
import { emptyNetns } from '../kernel/primary-node.ts';
import { BROADCAST, ipv4Frame, rawLink } from '../kernel/raw-frames.ts';
import { portOf, Segments, type SegmentNode } from '../kernel/segment-nodes.ts';
import { until } from '../workflows/limits.ts';
import type { BenchResult, Check, Figure } from './report.ts';
import { sampleOf } from './statistics.ts';

const NODES = [3, 20];
/** On each node at least one, so that a join is no node's first. */
const MEMBERS = [20, 100, 1_000];
const ALL = 1_000;
/** Of what pod mode has. */
const SHARE = 0.1;

export async function meshNodeBench(rounds: number): Promise<BenchResult> {
  const thread = createNetlinkThread();
  const measured: Measured[] = [];
  try {
    for (const count of NODES) measured.push(await measure(thread, count, rounds));
  } finally {
    await thread.close();
  }
  return {
    bench: 'mesh --mode node',
    how:
      'members are interfaces of one namespace for each node, entries are what the kernels of all nodes hold, a join is its attach and one look of each node, ' +
      'copies are counted on the wire; pod mode beside it is as its planner has it, with the flooding that is its default',
    figures: measured.flatMap(({ nodes, joins }) => joins.map((join) => joinFigure(nodes, join))),
    tables: [
      {
        title: `${ALL} members`,
        columns: ['', 'entries in all', 'of pod mode', 'writes per join', 'copies per broadcast'],
        rows: [
          ['pod mode', ...[POD.entries, '', POD.writes, POD.copies].map(String)],
          ...measured.map(({ nodes, entries, joins, copies }) => [
            `node mode, ${nodes} nodes`,
            ...[String(entries), `${((100 * entries) / POD.entries).toFixed(1)} %`],
            ...[String(joins.at(-1)?.writes), String(copies)],
          ]),
        ],
      },
    ],
    checks: measured.flatMap(checksOf),
  };
}

interface Join {
  readonly members: number;
  /** On all nodes together, the same in all rounds. */
  readonly writes: number;
  /** From before the attach until all nodes know of it. */
  readonly ms: readonly number[];
}

interface Measured {
  readonly nodes: number;
  readonly entries: number;
  readonly copies: number;
  readonly joins: readonly Join[];
}

/** Every member's device floods to each other one. */
const POD = podMode();
function podMode() {
  const members = Array.from({ length: ALL }, (_, number) => {
    const vtep = `10.244.${number >> 8}.${number & 255}`;
    return { podUid: `p${number}`, vtep, mac: '', addresses: [] };
  });
  const own = desiredEntries({ members, vtep: '10.244.0.0', podUid: 'p0', peers: [], flood: true }).length;
  // A join is an entry in each of the others, and all of its own.
  return { entries: ALL * own, writes: 2 * ALL, copies: own };
}

function joinFigure(nodes: number, { members, ms }: Join): Figure {
  return { what: `one more joins ${members} on ${nodes} nodes`, unit: 'ms', sample: sampleOf(ms) };
}

function checksOf({ nodes, entries, copies, joins }: Measured): Check[] {
  const writes = joins.map((join) => join.writes);
  return [
    {
      says: `a join on ${nodes} nodes is ${writes.join(', ')} writes with ${MEMBERS.join(', ')} members`,
      holds: new Set(writes).size === 1,
    },
    { says: `${entries} entries on ${nodes} nodes, of ${POD.entries}`, holds: entries <= SHARE * POD.entries },
    { says: `${copies} copies of a broadcast on ${nodes} nodes`, holds: copies === nodes - 1 },
  ];
}

interface Place {
  readonly node: SegmentNode;
  readonly netns: TestNetns;
  readonly inside: IdentifiedNetns;
}

async function measure(thread: NetlinkThread, count: number, rounds: number): Promise<Measured> {
  const segments = await Segments.create(thread, count);
  const places: Place[] = [];
  try {
    for (const node of segments.nodes) {
      const netns = await emptyNetns();
      places.push({ node, netns, inside: await segments.links.open(netns.path, NEVER) });
    }
    const joins: Join[] = [];
    for (const members of MEMBERS) {
      while (segments.members.length < members) await attach(segments, places, segments.members.length);
      await segments.sync();
      joins.push(await joinsOf(segments, places, members, rounds));
    }
    return { nodes: count, joins, entries: await entriesOf(places), copies: await copiesOf(segments, places) };
  } finally {
    for (const { inside, netns } of places) {
      await inside.close();
      await netns.remove();
    }
    await segments.remove();
  }
}

async function joinsOf(segments: Segments, places: readonly Place[], members: number, rounds: number): Promise<Join> {
  const ms: number[] = [];
  const writes = new Set<number>();
  for (let round = 0; round < rounds; round += 1) {
    const from = performance.now();
    const port = await attach(segments, places, members);
    const changes = await segments.sync();
    ms.push(performance.now() - from);
    writes.add(changes.reduce((sum, each) => sum + (each === 'absent' ? 0 : each.written), 0));
    segments.members = segments.members.slice(0, -1);
    const { node } = placeOf(places, members);
    await node.kernel.detach(segments.plan(node), port, NEVER);
    await segments.sync();
  }
  if (writes.size !== 1) throw new Error(`joins of ${members} were ${[...writes].join(', ')} writes`);
  return { members, ms, writes: [...writes][0] ?? 0 };
}

const placeOf = (places: readonly Place[], number: number): Place => {
  const place = places[number % places.length];
  if (place === undefined) throw new Error('there are no nodes');
  return place;
};

/** The member of that number, which the other nodes have not heard of yet. They do not hear each other: what all tell all is not measured. */
async function attach(segments: Segments, places: readonly Place[], number: number): Promise<SegmentPort> {
  const { node, inside } = placeOf(places, number);
  const member: SegmentMember = {
    ...{ podUid: `pod-${number}`, interfaceName: `m${number}`, node: node.node, vtep: node.vtep },
    mac: `02:00:00:01:${hex(number >> 8)}:${hex(number & 255)}`,
    addresses: [`10.9.${1 + (number >> 8)}.${number & 255}/16`, `fd00:9::${(1 + number).toString(16)}/64`],
  };
  const alias = `podwire:${member.podUid}:1`;
  const port = segmentPort({ member, hostName: portOf(member), alias, isolated: true, guarded: true });
  await node.kernel.attach(inside, segments.plan(node), port);
  segments.members = [...segments.members, member];
  return port;
}

const hex = (byte: number): string => byte.toString(16).padStart(2, '0');

/** Of VXLAN devices and bridges, and neighbours. */
async function entriesOf(places: readonly Place[]): Promise<number> {
  let sum = 0;
  for (const { node } of places) {
    const fdb = (await node.netns.exec(['/usr/sbin/bridge', 'fdb'])).split('\n');
    const neighbours = await node.netns.exec(['/usr/sbin/ip', 'neigh', 'show', 'nud', 'permanent']);
    // Those of the members, and the flooding ones; others are the MACs of links themselves.
    sum += fdb.filter((line) => /^02:00:00:01:.* (?:master|dst) /.test(line) || line.startsWith(FLOOD_MAC)).length;
    sum += neighbours.trim().split('\n').length;
  }
  return sum;
}

/** Of one broadcast of the first member, on the wire of its node. */
async function copiesOf(segments: Segments, places: readonly Place[]): Promise<number> {
  const [first] = segments.members;
  const { node, inside } = placeOf(places, 0);
  if (first === undefined) throw new Error('there are no members');
  const wire = rawLink(node.open, 'eth0');
  const link = rawLink(inside, first.interfaceName);
  try {
    link.send(ipv4Frame({ from: first.mac, to: BROADCAST }, '10.9.1.0', '255.255.255.255', 'to all'));
    let copies = 0;
    await until('the broadcast is on the wire', () => {
      copies += wire.frames('out').filter((frame) => frame.includes('to all')).length;
      return copies >= places.length - 1;
    });
    return copies;
  } finally {
    wire.close();
    link.close();
  }
}
