/** mesh-scale: a thousand members on all nodes whose devices are empty, until every one is filled; then one more joins, and leaves. */
import { eachWithLimit } from '../../domain/concurrency/with-limit.ts';
import { createEtcd, type Etcd } from '../../adapters/etcd/client.ts';
import { signalMesh } from '../../adapters/temporal/pod-starter.ts';
import { whyFailed } from '../../deploy/lab/commands.ts';
import { inNetns } from '../../deploy/lab/lab.ts';
import { NAMESPACE, runEnded, runOfMesh, type BenchLab } from './bench-lab.ts';
import { calmMachine } from './load.ts';
import { cpuTimes } from './mesh-breakdown.ts';
import { bar, type BenchResult, type Check } from './report.ts';
import { newestRun, runSteps } from './run-history.ts';
import { makeStandIn, recordStandIns, removeStandIns, type StandIn, type StandInNetwork } from './stand-in-members.ts';
import { sampleOf } from './statistics.ts';

const MEMBERS = 1_000;
/** The same with entries for MACs and static neighbours. */
const NETWORKS: readonly StandInNetwork[] = [
  { ref: { scope: NAMESPACE, name: 'scale0' }, link: 'scale0', vni: 7302 },
  { ref: { scope: NAMESPACE, name: 'scale1' }, link: 'scale1', vni: 7303, flood: false },
];
const JOINS = 3;
const AT_ONCE = 8;
const CONVERGE_LIMIT_MS = 60_000;
const JOIN_LIMIT_MS = 5_000;
/** The members of the network before go in the background. */
const CALM_LIMIT_MS = 120_000;

export async function meshScaleBench(bench: BenchLab): Promise<BenchResult> {
  const etcd = createEtcd({ endpoints: [bench.lab.etcd.host], timeoutMs: 5_000 });
  try {
    const results: Scale[] = [];
    for (const network of NETWORKS) results.push(await scale(bench, etcd, network));
    return {
      bench: 'mesh-scale',
      how:
        `${MEMBERS} members on ${bench.lab.nodes.length} nodes: real namespaces with real, empty VXLAN devices and real records, without Kubernetes pods; ` +
        `from before the mesh is signalled until its run has ended, which is after every node has written; then every device's entries are counted`,
      figures: results.flatMap((result) => result.figures),
      tables: [],
      checks: results.flatMap((result) => result.checks),
    };
  } finally {
    etcd.close();
  }
}

interface Scale {
  readonly figures: BenchResult['figures'];
  readonly checks: readonly Check[];
}

async function scale(bench: BenchLab, etcd: Etcd, network: StandInNetwork): Promise<Scale> {
  const { nodes } = bench.lab;
  const standIns: StandIn[] = [];
  const mode = network.flood === false ? 'entries for MACs' : 'flooding';
  const nodeOf = (index: number): (typeof nodes)[number] => nodes[index % nodes.length] as (typeof nodes)[number];
  try {
    bench.say(`mesh-scale, ${mode}: making ${MEMBERS} namespaces`);
    const indexes = Array.from({ length: MEMBERS }, (_, index) => index);
    const made = await eachWithLimit(indexes, AT_ONCE, async (index) => {
      standIns.push(await makeStandIn(nodeOf(index), network, index));
    });
    const failed = made.find((outcome) => outcome.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    await calmMachine(CALM_LIMIT_MS);
    // Last: once a node's worker looks over its devices by itself, what is recorded is done before anybody measures it.
    await recordStandIns(etcd, network, standIns);
    bench.say(`mesh-scale, ${mode}: converging`);
    const first = await told(bench, network);
    bench.say(`mesh-scale, ${mode}: ${MEMBERS} members after ${(first.ms / 1_000).toFixed(1)} s`);
    const checks = [await complete(network, standIns, `${mode}: after the first sync`)];
    const [joins, leaves]: [Told[], Told[]] = [[], []];
    for (let round = 0; round < JOINS; round += 1) {
      const one = await makeStandIn(nodeOf(round), network, MEMBERS + round);
      standIns.push(one);
      await recordStandIns(etcd, network, [one]);
      joins.push(await told(bench, network));
      bench.say(
        `mesh-scale, ${mode}: join ${round + 1} of ${JOINS} in ${((joins.at(-1)?.ms ?? 0) / 1_000).toFixed(1)} s`,
      );
      checks.push(await complete(network, standIns, `${mode}: after join ${round + 1}`));
      standIns.pop();
      await removeStandIns(etcd, network, [one], { keepVni: true });
      leaves.push(await told(bench, network));
    }
    checks.push(await complete(network, standIns, `${mode}: after ${JOINS} leaves`));
    const activities = sampleOf(joins.map((join) => join.activities));
    const ms = (all: readonly Told[]): ReturnType<typeof sampleOf> => sampleOf(all.map((each) => each.ms));
    const cpu = (all: readonly Told[]): ReturnType<typeof sampleOf> => sampleOf(all.map((each) => each.cpuMs));
    const join = ms(joins);
    return {
      figures: [
        {
          what: `${mode}: ${MEMBERS} empty devices → all filled`,
          ...{ unit: 'ms', sample: ms([first]), bars: [bar('≤ 60 s', first.ms, CONVERGE_LIMIT_MS)] },
        },
        { what: `${mode}: CPU time of the node workers for that`, unit: 'ms', sample: cpu([first]) },
        {
          what: `${mode}: one more joins → all have it`,
          ...{ unit: 'ms', sample: join, bars: [bar('max ≤ 5 s', join.max, JOIN_LIMIT_MS)] },
        },
        { what: `${mode}: CPU time of the node workers for that`, unit: 'ms', sample: cpu(joins) },
        {
          what: `${mode}: node activities of a join`,
          ...{ unit: 'count', sample: activities, bars: [bar('max ≤ 1 a node', activities.max, nodes.length)] },
        },
        { what: `${mode}: one leaves → nobody has it`, unit: 'ms', sample: ms(leaves) },
      ],
      checks,
    };
  } finally {
    bench.say(`mesh-scale, ${mode}: removing ${standIns.length} namespaces`);
    await removeStandIns(etcd, network, standIns);
  }
}

interface Told {
  readonly ms: number;
  readonly cpuMs: number;
  readonly activities: number;
}

/** Tells the mesh that members changed, and waits until every node is done. */
async function told(bench: BenchLab, network: StandInNetwork): Promise<Told> {
  const before = cpuTimes(bench).nodes;
  const startedAt = performance.now();
  await signalMesh(bench.temporal.client, network.ref, { reason: 'bench' });
  await runEnded(bench, runOfMesh(network.ref.name));
  const ms = performance.now() - startedAt;
  const cpuMs = cpuTimes(bench).nodes - before;
  const steps = await runSteps(bench, runOfMesh(network.ref.name), await newestRun(bench, runOfMesh(network.ref.name)));
  return { ms, cpuMs, activities: steps.filter(({ kind }) => kind === 'activity').length };
}

/** Counts the permanent entries of every device; without flooding also its neighbours. */
async function complete(network: StandInNetwork, standIns: readonly StandIn[], when: string): Promise<Check> {
  const others = standIns.length - 1;
  let [right, wrong] = [0, ''];
  await eachWithLimit(standIns, AT_ONCE, async ({ netnsPath }) => {
    const counts = [await countLines(netnsPath, ['/usr/sbin/bridge', 'fdb', 'show', 'dev', network.link])];
    const neighbours = ['/usr/sbin/ip', 'neigh', 'show', 'dev', network.link, 'nud', 'permanent'];
    if (network.flood === false) counts.push(await countLines(netnsPath, neighbours));
    if (counts.every((count) => count === others)) right += 1;
    else wrong = `; ${netnsPath} has ${counts.join(' and ')}`;
  });
  const says = `${when}: ${right} of ${standIns.length} devices have ${others} entries each${wrong}`;
  return { says, holds: right === standIns.length };
}

async function countLines(netnsPath: string, [file = '', ...args]: readonly string[]): Promise<number> {
  const result = await inNetns(netnsPath, file, args, { timeoutMs: 10_000 });
  if (result.code !== 0) throw new Error(`${file} in ${netnsPath}: ${whyFailed(result)}`);
  return result.stdout.split('\n').filter((line) => line.includes('permanent') || line.includes('PERMANENT')).length;
}
