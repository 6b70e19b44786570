/**
 * `npm run bench [NAME…] [-- --json] [--lab NAME] [--keep] [--cycles N] …`: podwire's figures on a real cluster, against floors of the same run.
 * Exit codes: 0 = measured, missed bars are said in the report; 1 = a check failed or a bench could not be carried out; 2 = usage.
 */
import { Command, Option } from 'commander';
import { outliveClosedOutput } from '../../adapters/process/closed-output.ts';
import { labDown, labUp, lineProgress, openLab, type Lab, type Progress } from '../../deploy/lab/lab.ts';
import { attachBench } from './attach.ts';
import { makeNamespace, openBenchLab, removeNamespace, type BenchLab } from './bench-lab.ts';
import { besideBench } from './beside.ts';
import { burstBench } from './burst.ts';
import { coldPlugBench } from './cold-plug.ts';
import { cniAttachBench } from './cni-attach.ts';
import { cniBurstBench } from './cni-burst.ts';
import { cniCyclesBench } from './cni-cycles.ts';
import { askedLine, comparedLine, comparedOf, withComparedOptions, type ComparedFlags } from './compared-settings.ts';
import { idleBench } from './idle.ts';
import { installBench } from './install.ts';
import { ipamBench } from './ipam.ts';
import { loadLine, machineLoad, type MachineLoad } from './load.ts';
import { measuredPodwire, presentPodwire, WAYS, type Way } from './measured-podwire.ts';
import { memoryBench } from './memory.ts';
import { meshBench } from './mesh.ts';
import { meshNodeBench } from './mesh-node.ts';
import { reflectBench } from './reflect.ts';
import { meshScaleBench } from './mesh-scale.ts';
import { netlinkBench } from './netlink.ts';
import { primaryBench } from './primary.ts';
import { ratioOf, resultLines, type BenchResult } from './report.ts';
import type { Site } from './site.ts';
import { stormBench } from './storm.ts';

/** How often and how much; each bench has its own defaults. */
interface Counts {
  readonly cycles?: number;
  readonly repeats?: number;
  readonly pods?: number;
  readonly services?: number;
  readonly policies?: number;
  readonly seconds?: number;
  readonly orchestrators?: number;
  /** Of mesh. */
  readonly mode: 'pod' | 'node';
}

const OWN_LAB = 'bench';
const NODES = 3;
const CYCLES = 300;
const MANY_CYCLES = 1_000;
const TURN_CYCLES = 60;
const REPEATS = 5;
const ROUNDS = 3;
const PODS = 40;
const COLD_PODS = 20;
/** As many as a kubelet takes by default. */
const STORM_PODS = 110;
const IDLE_SECONDS = 120;
const REFLECTED = { pods: 20_000, services: 2_000, policies: 500, seconds: 120 };

/** Of podwire as it was started for all of these. */
const BENCHES: Readonly<Record<string, (bench: BenchLab, counts: Counts) => Promise<BenchResult>>> = {
  attach: (bench, { cycles = CYCLES }) => attachBench(bench, cycles),
  mesh: (bench) => meshBench(bench),
  memory: (bench, { cycles = CYCLES }) => memoryBench(bench, cycles),
  'cni-attach': (bench, { cycles = CYCLES }) => cniAttachBench(bench, cycles),
  'cni-cycles': (bench, { cycles = MANY_CYCLES }) => cniCyclesBench(bench, cycles),
  // Their many pods would only be in the way of the others.
  burst: (bench) => burstBench(bench),
  'mesh-scale': (bench) => meshScaleBench(bench),
  'cni-burst': (bench, { pods = PODS, repeats = REPEATS }) => cniBurstBench(bench, { pods, repeats }),
  'cold-plug': (bench, { pods = COLD_PODS }) => coldPlugBench(bench, pods),
  reflect: (bench, { pods, services, policies, seconds }) =>
    reflectBench(bench, {
      pods: pods ?? REFLECTED.pods,
      services: services ?? REFLECTED.services,
      policies: policies ?? REFLECTED.policies,
      seconds: seconds ?? REFLECTED.seconds,
    }),
};

/** These bring podwire themselves, in the ways that they compare or time. */
const OF_THEIR_OWN: Readonly<Record<string, (site: Site, counts: Counts) => Promise<BenchResult>>> = {
  idle: (site, { seconds = IDLE_SECONDS }) => idleBench(site, seconds),
  netlink: (_site, { repeats = ROUNDS }) => netlinkBench(repeats),
  ipam: (_site, { repeats = ROUNDS }) => ipamBench(repeats),
  primary: (_site, { cycles = TURN_CYCLES }) => primaryBench(cycles),
  storm: (site, { pods = STORM_PODS, repeats = ROUNDS }) => stormBench(site, { pods, rounds: repeats }),
  install: (site, { repeats = ROUNDS }) => installBench(site, repeats),
  pods: (site, { cycles = TURN_CYCLES, repeats = ROUNDS }) => besideBench(site, { cycles, rounds: repeats }),
};
const meshOfNodes: (typeof OF_THEIR_OWN)[string] = (_site, { repeats = ROUNDS }) => meshNodeBench(repeats);
const NAMES = [...Object.keys(BENCHES), ...Object.keys(OF_THEIR_OWN)];

/** They give single processes other settings while they run, or start without one of them. */
const HOST_ONLY: Readonly<Record<string, string>> = {
  idle: 'it stops the node workers and leaves the rest running',
  'cold-plug': 'as pods the node workers answer no plugin',
  reflect: 'it stops the watcher and starts the orchestrator with settings of its own',
};

interface Flags extends Counts, ComparedFlags {
  readonly json?: boolean;
  readonly lab?: string;
  readonly keep?: boolean;
  readonly podwire: Way;
}

const program = withComparedOptions(new Command('bench'))
  .description('Measures podwire on a real cluster. Without names: all benches.')
  .argument('[name...]', `of ${NAMES.join(', ')}`)
  .addOption(
    new Option(
      '--podwire <how>',
      "pods with the lab's Temporal and etcd, pods with those of the evaluation, or processes of this machine",
    )
      .choices(WAYS)
      .default('manifests'),
  )
  .option('--json', 'the report as JSON on standard output')
  .option('--lab <name>', 'measure in this lab, which is up; it stays')
  .option('--keep', `leave the lab '${OWN_LAB}' that was started for this, and its pods`)
  .option(
    '--cycles <n>',
    `attaches and detaches of attach, memory and cni-attach (${CYCLES}), cni-cycles (${MANY_CYCLES}), each turn of pods and primary (${TURN_CYCLES})`,
    Number,
  )
  .option(
    '--repeats <n>',
    `bursts of cni-burst (${REPEATS}), rounds of netlink, ipam, storm, install and pods (${ROUNDS})`,
    Number,
  )
  .option(
    '--pods <n>',
    `pods of cni-burst on one node (${PODS}); over all nodes two and a half times as many; of each kind of cold-plug: ${COLD_PODS}; of storm: ${STORM_PODS}; of reflect: ${REFLECTED.pods}`,
    Number,
  )
  .addOption(
    new Option('--mode <mode>', 'networks of mesh: members that are pods, or a device and a bridge for each node')
      .choices(['pod', 'node'])
      .default('pod'),
  )
  .option('--services <n>', `services of reflect (${REFLECTED.services})`, Number)
  .option('--policies <n>', `network policies of reflect (${REFLECTED.policies})`, Number)
  .option(
    '--seconds <n>',
    `each window of idle (${IDLE_SECONDS}), steady changes of reflect (${REFLECTED.seconds})`,
    Number,
  )
  .option(
    '--orchestrators <n>',
    'replicas of podwire as pods; as shipped there are two, as processes there is one',
    Number,
  )
  .action((names: string[], flags: Flags) => main(names, flags));

async function main(names: readonly string[], flags: Flags): Promise<void> {
  for (const name of ['cycles', 'repeats', 'pods', 'services', 'policies', 'seconds', 'orchestrators'] as const) {
    const count = flags[name];
    if (count === undefined || (Number.isInteger(count) && count >= 1)) continue;
    process.stderr.write(`bench: --${name} must be a whole number from 1\n`);
    process.exitCode = 2;
    return;
  }
  const unknown = names.filter((name) => !NAMES.includes(name));
  if (unknown.length > 0) {
    process.stderr.write(`bench: no bench ${unknown.join(', ')}; there are: ${NAMES.join(', ')}\n`);
    process.exitCode = 2;
    return;
  }
  const impossible = names.filter((name) => flags.podwire !== 'host' && name in HOST_ONLY);
  if (impossible.length > 0) {
    for (const name of impossible)
      process.stderr.write(`bench: ${name} needs --podwire host: ${HOST_ONLY[name] ?? ''}\n`);
    process.exitCode = 2;
    return;
  }
  const progress = lineProgress((line) => void process.stderr.write(`${line}\n`));
  const lab =
    flags.lab === undefined ? await labUp({ name: OWN_LAB, nodes: NODES, progress }) : await openLab(flags.lab);
  const giveBack = presentPodwire(lab);
  try {
    await makeNamespace(lab);
    await measure(lab, names.length === 0 ? NAMES : names, flags, progress);
  } finally {
    if (flags.keep !== true) await removeNamespace(lab);
    if (flags.lab !== undefined) await giveBack();
    else if (flags.keep !== true) await labDown({ name: OWN_LAB, progress });
  }
}

async function measure(lab: Lab, chosen: readonly string[], flags: Flags, progress: Progress): Promise<void> {
  const results: BenchResult[] = [];
  const failures: string[] = [];
  const { orchestrators } = flags;
  const site = {
    ...{ lab, progress, compared: comparedOf(flags) },
    ...(orchestrators === undefined ? {} : { orchestrators }),
  };
  const running = new Running(site, flags.podwire, flags.json === true);
  const before = await machineLoad();
  if (flags.json !== true) print(loadLine('before', before));
  try {
    for (const name of chosen) {
      if (flags.podwire !== 'host' && name in HOST_ONLY) {
        progress.line(`${name} is left out, it needs --podwire host: ${HOST_ONLY[name] ?? ''}`);
        continue;
      }
      progress.stage(`bench ${name}`);
      try {
        const result = await one(running, name, flags);
        results.push(result);
        if (flags.json !== true) resultLines(result).forEach(print);
      } catch (error) {
        failures.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
        progress.line(`-- ${failures.at(-1)}`);
      }
    }
    conclude(flags, { before, after: await machineLoad(), settings: running.settings }, results, failures);
  } finally {
    await running.end();
  }
}

async function one(running: Running, name: string, counts: Counts): Promise<BenchResult> {
  const own = name === 'mesh' && counts.mode === 'node' ? meshOfNodes : OF_THEIR_OWN[name];
  if (own === undefined) return (BENCHES[name] as (typeof BENCHES)[string])(await running.bench(), counts);
  await running.end();
  return own(running.site, counts);
}

/** podwire and the connections of the benches, from the first that wants them until one brings its own, or the end. */
class Running {
  readonly site: Site;
  readonly #way: Way;
  readonly #silent: boolean;
  #end: (() => Promise<void>) | undefined;
  #bench: BenchLab | undefined;
  /** What podwire was started with last, and what it says that it does. */
  settings: string;

  constructor(site: Site, way: Way, silent: boolean) {
    this.site = site;
    this.settings = askedLine(site.compared);
    this.#way = way;
    this.#silent = silent;
  }

  async bench(): Promise<BenchLab> {
    if (this.#bench !== undefined) return this.#bench;
    const { progress } = this.site;
    const podwire = measuredPodwire(this.#way, this.site);
    await progress.task(`podwire, ${this.#way}`, () => podwire.start());
    const bench = openBenchLab(podwire, (line) => progress.line(line));
    this.settings = comparedLine(podwire);
    if (!this.#silent) print(this.settings);
    this.#end = async () => {
      await bench.close();
      await podwire.end();
    };
    this.#bench = bench;
    return bench;
  }

  async end(): Promise<void> {
    await this.#end?.();
    [this.#end, this.#bench] = [undefined, undefined];
  }
}

function conclude(
  flags: Flags,
  { before, after, settings }: { before: MachineLoad; after: MachineLoad; settings: string },
  results: readonly BenchResult[],
  failures: readonly string[],
): void {
  const failed = [
    ...failures,
    ...results.flatMap(({ bench, checks }) =>
      checks.filter(({ holds }) => !holds).map(({ says }) => `${bench}: ${says}`),
    ),
  ];
  const missed = results.flatMap(({ bench, figures }) =>
    figures.flatMap(({ what, bars = [] }) =>
      bars.filter(({ met }) => !met).map(({ says }) => `${bench}: ${what} ${says}`),
    ),
  );
  if (failed.length > 0) process.exitCode = 1;
  if (flags.json === true) {
    const benches = results.map((result) => ({
      ...result,
      figures: result.figures.map((figure) => ({ ...figure, ratio: ratioOf(figure) })),
    }));
    print(JSON.stringify({ machine: { before, after }, settings, benches, missed, failed }, undefined, 2));
    return;
  }
  print('');
  print(loadLine('after', after));
  print(settings);
  for (const line of missed) print(`bar missed: ${line}`);
  for (const line of failed) print(`FAILED: ${line}`);
  print(`${results.length} benches, ${missed.length} bars missed, ${failed.length} checks failed`);
}

const print = (line: string): void => void process.stdout.write(`${line}\n`);

outliveClosedOutput();
try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
