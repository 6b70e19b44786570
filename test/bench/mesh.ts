/** mesh: one more pod joins, then leaves, a network of two hundred members on all nodes. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { eachWithLimit } from '../../domain/concurrency/with-limit.ts';
import { createEtcd, type Etcd } from '../../adapters/etcd/client.ts';
import { signalMesh } from '../../adapters/temporal/pod-starter.ts';
import { floodTargets } from '../../deploy/demo/kernel-look.ts';
import type { RunResult } from '../../adapters/process/child.ts';
import { attempt, whyFailed } from '../../deploy/lab/commands.ts';
import { waitFor } from '../../deploy/lab/waiting.ts';
import {
  ensurePods,
  NAMESPACE,
  quiet,
  runEnded,
  runOfMesh,
  setNetworks,
  type BenchLab,
  type BenchPod,
} from './bench-lab.ts';
import { change, type WatchedPod } from './change.ts';
import { FdbMonitor, type FdbEvent } from './fdb-monitor.ts';
import { cpuTimes, meshPhases, phasesTable, type CpuTimes, type MeshPhases } from './mesh-breakdown.ts';
import { LinkMonitor } from './link-monitor.ts';
import { bar, type BenchResult, type Check } from './report.ts';
import { newestRun, runSteps, type Step } from './run-history.ts';
import { makeStandIn, recordStandIns, removeStandIns, type StandIn, type StandInNetwork } from './stand-in-members.ts';
import { sampleOf } from './statistics.ts';
import { setWallClock, wallNow } from './wall-clock.ts';

const LINK = 'mesh0';
const NETWORK: StandInNetwork = { ref: { scope: NAMESPACE, name: LINK }, link: LINK, vni: 7301 };
const NETWORKS = `${LINK} id=${NETWORK.vni} up ip=10.75.0.1/16`;
const MEMBERS = 200;
const ROUNDS = 10;
/** As many processes at once on a node as podwire's node worker starts. */
const AT_ONCE = 8;
/** A network that has just changed rests for up to a second (sync-pace.ts); what is measured is a change of a quiet one. */
const REST_MS = 1_500;
/** Destination of the floor's entries. */
const BY_HAND = '10.251.0.1';

export async function meshBench(bench: BenchLab): Promise<BenchResult> {
  const { nodes } = bench.lab;
  const home = nodes[0];
  if (home === undefined) throw new Error('the lab has no node');
  const [pod] = await ensurePods(bench, home, ['attach']);
  if (pod === undefined) throw new Error('no pod');
  const etcd = createEtcd({ endpoints: [bench.lab.etcd.host], timeoutMs: 5_000 });
  const standIns: StandIn[] = [];
  const monitors: FdbMonitor[] = [];
  try {
    await makeMembers(bench, etcd, standIns);
    for (const { netnsPath } of standIns) monitors.push(await FdbMonitor.open(netnsPath));
    const own = await FdbMonitor.open(pod.netnsPath);
    const link = await LinkMonitor.open(pod.netnsPath);
    try {
      return await measure(bench, { pod, monitor: link }, { standIns, monitors, own });
    } finally {
      await Promise.all([own.close(), link.close()]);
      // After a failure it may still be a member.
      await setNetworks(bench, pod, null);
    }
  } finally {
    await Promise.all(monitors.map((monitor) => monitor.close()));
    await removeStandIns(etcd, NETWORK, standIns);
    etcd.close();
  }
}

/** Namespaces, devices, records, and a mesh that is complete. */
async function makeMembers(bench: BenchLab, etcd: Etcd, standIns: StandIn[]): Promise<void> {
  const { nodes } = bench.lab;
  const indexes = Array.from({ length: MEMBERS - 1 }, (_, index) => index);
  bench.say(`mesh: making ${indexes.length} namespaces`);
  const made = await eachWithLimit(indexes, AT_ONCE, async (index) => {
    standIns.push(await makeStandIn(nodes[index % nodes.length] as (typeof nodes)[number], NETWORK, index));
  });
  const failed = made.find((outcome) => outcome.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  await recordStandIns(etcd, NETWORK, standIns);
  await signalMesh(bench.temporal.client, NETWORK.ref, { reason: 'bench' });
  await runEnded(bench, runOfMesh(LINK));
  const targets = await floodTargets(standIns[0]?.netnsPath ?? '', LINK);
  if (targets.length !== MEMBERS - 2) throw new Error(`a member has ${targets.length} entries, not ${MEMBERS - 2}`);
  bench.say('mesh: complete');
}

interface Members {
  readonly standIns: readonly StandIn[];
  readonly monitors: readonly FdbMonitor[];
  /** Of the pod that joins. */
  readonly own: FdbMonitor;
}

interface Join {
  /** From the start of the mesh's run until the last entry was written in another member. */
  readonly meshMs: number;
  /** From before the PATCH. */
  readonly wholeMs: number;
  readonly activities: number;
  readonly added: number;
  readonly addedOwn: number;
  readonly removed: number;
  readonly phases: MeshPhases;
  /** Of the whole join or leave: CPU milliseconds. */
  readonly cpu: CpuTimes;
}

async function measure(bench: BenchLab, watched: WatchedPod, members: Members): Promise<BenchResult> {
  const floors: number[] = [];
  const joins: Join[] = [];
  const leaves: Join[] = [];
  const floorCpu: number[] = [];
  for (let round = 1; round <= ROUNDS; round += 1) {
    await sleep(REST_MS);
    const before = cpuTimes(bench);
    floors.push(await byHand(members));
    // Written and removed again.
    floorCpu.push((cpuTimes(bench).here - before.here) / 2);
    joins.push(await once(bench, watched, members, NETWORKS));
    await sleep(REST_MS);
    leaves.push(await once(bench, watched, members, undefined));
    bench.say(`mesh: round ${round} of ${ROUNDS}`);
  }
  const others = members.standIns.length;
  const mesh = sampleOf(joins.map(({ meshMs }) => meshMs));
  const floor = sampleOf(floors);
  const activities = sampleOf(joins.map((join) => join.activities));
  return {
    bench: 'mesh',
    how:
      `a pod joins ${others} members on ${bench.lab.nodes.length} nodes; they are real namespaces with real VXLAN devices and real records, ` +
      `without Kubernetes pods; every write is counted by bridge monitor fdb in each of them; ` +
      `floor: the same ${others} writes, one nsenter … bridge -batch per namespace, ${AT_ONCE} at once per node`,
    figures: [
      {
        what: 'mesh run starts → last entry written',
        ...{ unit: 'ms', sample: mesh, floor },
        bars: [bar('p50 ≤ 2 × floor', mesh.p50, 2 * floor.p50)],
      },
      { what: 'PATCH → last entry written', unit: 'ms', sample: sampleOf(joins.map(({ wholeMs }) => wholeMs)) },
      {
        what: 'node activities of the mesh',
        ...{ unit: 'count', sample: activities },
        bars: [bar('max ≤ 3', activities.max, bench.lab.nodes.length)],
      },
      {
        what: 'CPU time of the node workers and what they start, per join',
        ...{ unit: 'ms', sample: sampleOf(joins.map(({ cpu }) => cpu.nodes)), floor: sampleOf(floorCpu) },
      },
      {
        what: 'CPU time of the orchestrator, per join',
        ...{ unit: 'ms', sample: sampleOf(joins.map(({ cpu }) => cpu.orchestrator)) },
      },
      {
        what: 'leave: mesh run starts → last entry removed',
        unit: 'ms',
        sample: sampleOf(leaves.map((l) => l.meshMs)),
      },
    ],
    tables: [phasesTable(joins.map(({ phases }) => phases))],
    checks: [...joinChecks(joins, others), ...leaveChecks(leaves, others)],
  };
}

function joinChecks(joins: readonly Join[], others: number): Check[] {
  const exact = joins.filter((join) => join.added === others && join.addedOwn === others && join.removed === 0).length;
  return [
    {
      says: `${exact} of ${joins.length} joins: ${others} entries into the new device, one into each of ${others} others, none removed, none twice`,
      holds: exact === joins.length,
    },
  ];
}

function leaveChecks(leaves: readonly Join[], others: number): Check[] {
  const exact = leaves.filter((leave) => leave.removed === others && leave.added === 0).length;
  return [
    { says: `${exact} of ${leaves.length} leaves: one entry out of each of ${others}`, holds: exact === leaves.length },
  ];
}

async function once(bench: BenchLab, watched: WatchedPod, members: Members, networks?: string): Promise<Join> {
  const before = cpuTimes(bench);
  const marks = members.monitors.map((monitor) => monitor.events.length);
  const ownMark = members.own.events.length;
  const { sentAt } = await change(bench, watched, LINK, networks);
  await quiet(bench, [watched.pod], LINK);
  const steps = await runSteps(bench, runOfMesh(LINK), await newestRun(bench, runOfMesh(LINK)));
  // On a busy machine the monitors tell late that the floor's entries went.
  const events = (await eventsSince(members.monitors, marks, watched.pod)).filter(
    ({ destination }) => destination !== BY_HAND,
  );
  const after = cpuTimes(bench);
  const lastAt = Math.max(...events.map(({ at }) => at));
  const startedAt = steps.find(({ kind }) => kind === 'start')?.endedAt ?? Number.NaN;
  return {
    meshMs: lastAt - startedAt,
    wholeMs: lastAt - sentAt,
    activities: steps.filter((step: Step) => step.kind === 'activity').length,
    added: events.filter(({ deleted }) => !deleted).length,
    addedOwn: members.own.events.slice(ownMark).filter(({ deleted }) => !deleted).length,
    removed: events.filter(({ deleted }) => deleted).length,
    phases: meshPhases(steps, events),
    cpu: {
      nodes: after.nodes - before.nodes,
      orchestrator: after.orchestrator - before.orchestrator,
      here: after.here - before.here,
    },
  };
}

/** Writes the entry of a member that does not exist into every device, as fast as plain tools do, and removes it again. */
async function byHand({ standIns, monitors }: Members): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'podwire-bench-'));
  const destination = BY_HAND;
  const batchOf = (verb: string): string => {
    const file = join(folder, verb);
    writeFileSync(file, `fdb ${verb} 00:00:00:00:00:00 dev ${LINK} dst ${destination} self permanent\n`);
    return file;
  };
  const [append, remove] = [batchOf('append'), batchOf('delete')];
  const lists = [...new Set(standIns.map(({ node }) => node))].map((node) => {
    const file = join(folder, `members-${node.name}`);
    writeFileSync(file, standIns.flatMap((each) => (each.node === node ? [`${each.netnsPath}\n`] : [])).join(''));
    return file;
  });
  const everywhere = (batch: string): Promise<RunResult[]> => {
    const one = ['nsenter', '--net={}', '--', '/usr/sbin/bridge', '-force', '-batch', batch];
    return Promise.all(lists.map((list) => attempt('xargs', ['-a', list, '-P', String(AT_ONCE), '-I', '{}', ...one])));
  };
  const marks = monitors.map((monitor) => monitor.events.length);
  try {
    setWallClock();
    const startedAt = wallNow();
    const [failed] = (await everywhere(append)).filter((result) => result.code !== 0);
    if (failed !== undefined) throw new Error(`bridge -batch by hand: ${whyFailed(failed)}`);
    const events = await eventsSince(monitors, marks, { podIP: destination });
    // The node worker's own look at its devices may have been faster.
    await everywhere(remove);
    return Math.max(...events.map(({ at }) => at)) - startedAt;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Events of every member since its mark, once each has one about this destination: the monitors are read a little later. */
async function eventsSince(
  monitors: readonly FdbMonitor[],
  marks: readonly number[],
  { podIP }: Pick<BenchPod, 'podIP'>,
): Promise<FdbEvent[]> {
  return waitFor(
    `every member to have its entry for ${podIP} changed`,
    async () => {
      const news = monitors.map((monitor, index) => monitor.events.slice(marks[index]));
      const all = news.every((events) => events.some(({ destination }) => destination === podIP));
      return all ? news.flat() : undefined;
    },
    { limitMs: 15_000, everyMs: 20 },
  );
}
