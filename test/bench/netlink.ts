/** What netlink takes beside iproute2's programs, for the same work in the same namespace, in turns. No pod and no podwire is needed. */
import { createIprouteKernel } from '../../adapters/iproute/node-kernel.ts';
import { fdbLine } from '../../adapters/iproute/lines.ts';
import { createNetlinkKernel } from '../../adapters/netlink/node-kernel.ts';
import { createNetlinkThread, type NetlinkThread } from '../../adapters/netlink/thread.ts';
import type { FdbEntry } from '../../domain/forwarding/fdb.ts';
import { FLOOD_MAC } from '../../domain/forwarding/fdb.ts';
import type { IdentifiedNetns, LinkCommand, LinkKernel } from '../../domain/ports/link-kernel.ts';
import { createTestNetns, NETNS_ROOT, type TestNetns } from '../kernel/namespace.ts';
import { bar, type BenchResult, type Figure } from './report.ts';
import { sampleOf } from './statistics.ts';

const ENTRIES = 10_000;
/** A share of what `bridge -batch` takes. */
const FDB_RATIO = 0.6;
const LINK: readonly LinkCommand[] = [
  { op: 'add-vxlan', name: 'bench', vni: 1, dstPort: 8472, parent: 'eth0', mtu: 1450 },
  { op: 'set-up', name: 'bench' },
];

const addressOf = (n: number): string => `10.${64 + (n >> 14)}.${(n >> 7) & 127}.${1 + (n & 127)}`;
const hex = (byte: number): string => byte.toString(16).padStart(2, '0');

const KINDS: Readonly<Record<string, (n: number) => FdbEntry>> = {
  'of a MAC each': (n) => ({ mac: `02:00:00:00:${hex(n >> 8)}:${hex(n & 255)}`, destination: addressOf(n) }),
  'of the flooding MAC': (n) => ({ mac: FLOOD_MAC, destination: addressOf(n) }),
};

export async function netlinkBench(rounds: number): Promise<BenchResult> {
  const thread = createNetlinkThread();
  try {
    return await measured(thread, rounds);
  } finally {
    await thread.close();
  }
}

async function measured(thread: NetlinkThread, rounds: number): Promise<BenchResult> {
  const iproute2 = createIprouteKernel({ netnsRoots: [NETNS_ROOT] });
  const netlink = createNetlinkKernel({ netnsRoots: [NETNS_ROOT], thread });
  const figures: Figure[] = [];
  for (const [kind, entryOf] of Object.entries(KINDS)) figures.push(...(await entries(netlink, kind, entryOf, rounds)));
  figures.push(await looks(netlink, iproute2, rounds * 20));
  return {
    bench: 'netlink',
    how: `${ENTRIES} forwarding entries of a VXLAN link in a network namespace, through the thread; floor: nsenter and one bridge -batch, whose lines are there already`,
    figures,
    tables: [],
    checks: [],
  };
}

async function entries(
  kernel: LinkKernel,
  kind: string,
  entryOf: (n: number) => FdbEntry,
  rounds: number,
): Promise<Figure[]> {
  const taken = { add: [] as number[], remove: [] as number[] };
  const floor = { add: [] as number[], remove: [] as number[] };
  for (let round = 0; round < rounds; round += 1) {
    const all = Array.from({ length: ENTRIES }, (_each, n) => entryOf(n));
    const change =
      (some: { add?: FdbEntry[]; remove?: FdbEntry[] }) => async (_pod: TestNetns, netns: IdentifiedNetns) => {
        const [outcome] = await kernel.changeFdbs([
          { netns, link: 'bench', change: { add: some.add ?? [], remove: some.remove ?? [] } },
        ]);
        if (outcome?.status !== 'fulfilled') throw outcome?.reason ?? new Error('no outcome');
      };
    await timed(kernel, [
      { work: change({ add: all }), times: taken.add },
      { work: change({ remove: all }), times: taken.remove },
    ]);
    const verb = all[0]?.mac === FLOOD_MAC ? 'append' : 'replace';
    const batch = (word: 'append' | 'replace' | 'delete') => {
      const input = all.map((entry) => `${fdbLine(word, 'bench', entry)}\n`).join('');
      return async (pod: TestNetns): Promise<void> => {
        await pod.exec(['/usr/sbin/bridge', '-batch', '-'], { input });
      };
    };
    await timed(kernel, [
      { work: batch(verb), times: floor.add },
      { work: batch('delete'), times: floor.remove },
    ]);
  }
  const figure = (what: string, times: number[], beside: number[]): Figure => {
    const sample = sampleOf(times);
    const below = sampleOf(beside);
    return {
      ...{ what: `${what} ${kind}`, unit: 'ms', sample, floor: below },
      bars: [bar(`ratio ≤ ${FDB_RATIO}`, sample.p50 / below.p50, FDB_RATIO)],
    };
  };
  return [
    figure(`write ${ENTRIES} entries`, taken.add, floor.add),
    figure(`remove ${ENTRIES} entries`, taken.remove, floor.remove),
  ];
}

interface Timed {
  readonly work: (pod: TestNetns, netns: IdentifiedNetns) => Promise<void>;
  readonly times: number[];
}

/** One after the other, on a new link in a new namespace. */
async function timed(kernel: LinkKernel, all: readonly Timed[]): Promise<void> {
  const pod = await createTestNetns();
  const netns = await kernel.open(pod.path, AbortSignal.timeout(60_000));
  try {
    await kernel.execute(netns, LINK);
    for (const { work, times } of all) {
      const startedAt = performance.now();
      await work(pod, netns);
      times.push(performance.now() - startedAt);
    }
  } finally {
    await netns.close();
    await pod.remove();
  }
}

async function looks(netlink: LinkKernel, iproute2: LinkKernel, rounds: number): Promise<Figure> {
  const pod = await createTestNetns();
  const times = new Map<LinkKernel, number[]>([
    [netlink, []],
    [iproute2, []],
  ]);
  try {
    for (let round = 0; round < rounds; round += 1)
      for (const [kernel, taken] of times) {
        const netns = await kernel.open(pod.path, AbortSignal.timeout(10_000));
        const startedAt = performance.now();
        await kernel.observe(netns);
        taken.push(performance.now() - startedAt);
        await netns.close();
      }
  } finally {
    await pod.remove();
  }
  return {
    what: 'look at links, addresses and routes',
    unit: 'ms',
    sample: sampleOf(times.get(netlink) ?? []),
    floor: sampleOf(times.get(iproute2) ?? []),
  };
}
