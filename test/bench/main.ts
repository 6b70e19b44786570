/**
 * `npm run bench [NAME…] [-- --json] [--lab NAME] [--keep] [--cycles N] …`: podwire's figures on a real cluster, against floors of the same run.
 * Exit codes: 0 = measured, missed bars are said in the report; 1 = a check failed or a bench could not be carried out; 2 = usage.
 */
import { Command } from 'commander';
import { outliveClosedOutput } from '../../adapters/process/closed-output.ts';
import { buildPodwire } from '../../deploy/demo/build.ts';
import { labDown, labUp, lineProgress, openLab, type Lab, type Progress } from '../../deploy/lab/lab.ts';
import { attachBench } from './attach.ts';
import { makeNamespace, openBenchLab, removeNamespace, type BenchLab } from './bench-lab.ts';
import { burstBench } from './burst.ts';
import { cniAttachBench } from './cni-attach.ts';
import { cniBurstBench } from './cni-burst.ts';
import { cniCyclesBench } from './cni-cycles.ts';
import { loadLine, machineLoad, type MachineLoad } from './load.ts';
import { endMeasurement, startMeasuredPodwire } from './measured-podwire.ts';
import { memoryBench } from './memory.ts';
import { meshBench } from './mesh.ts';
import { reflectBench } from './reflect.ts';
import { meshScaleBench } from './mesh-scale.ts';
import { ratioOf, resultLines, type BenchResult } from './report.ts';

/** How often and how much; each bench has its own defaults. */
interface Counts {
  readonly cycles?: number;
  readonly repeats?: number;
  readonly pods?: number;
  readonly services?: number;
  readonly policies?: number;
  readonly seconds?: number;
}

const OWN_LAB = 'bench';
const NODES = 3;
const CYCLES = 300;
const MANY_CYCLES = 1_000;
const REPEATS = 5;
const PODS = 40;
const REFLECTED = { pods: 20_000, services: 2_000, policies: 500, seconds: 120 };

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
  reflect: (bench, { pods, services, policies, seconds }) =>
    reflectBench(bench, {
      pods: pods ?? REFLECTED.pods,
      services: services ?? REFLECTED.services,
      policies: policies ?? REFLECTED.policies,
      seconds: seconds ?? REFLECTED.seconds,
    }),
};

interface Flags extends Counts {
  readonly json?: boolean;
  readonly lab?: string;
  readonly keep?: boolean;
}

const program = new Command('bench')
  .description('Measures podwire on a real cluster. Without names: all benches.')
  .argument('[name...]', `of ${Object.keys(BENCHES).join(', ')}`)
  .option('--json', 'the report as JSON on standard output')
  .option('--lab <name>', 'measure in this lab, which is up; it stays')
  .option('--keep', `leave the lab '${OWN_LAB}' that was started for this, and its pods`)
  .option(
    '--cycles <n>',
    `attaches and detaches of attach, memory and cni-attach (${CYCLES}), cni-cycles (${MANY_CYCLES})`,
    Number,
  )
  .option('--repeats <n>', `bursts of cni-burst (${REPEATS})`, Number)
  .option(
    '--pods <n>',
    `pods of cni-burst on one node (${PODS}); over all nodes two and a half times as many; of reflect: ${REFLECTED.pods}`,
    Number,
  )
  .option('--services <n>', `services of reflect (${REFLECTED.services})`, Number)
  .option('--policies <n>', `network policies of reflect (${REFLECTED.policies})`, Number)
  .option('--seconds <n>', `steady changes of reflect (${REFLECTED.seconds})`, Number)
  .action((names: string[], flags: Flags) => main(names, flags));

async function main(names: readonly string[], flags: Flags): Promise<void> {
  for (const name of ['cycles', 'repeats', 'pods', 'services', 'policies', 'seconds'] as const) {
    const count = flags[name];
    if (count === undefined || (Number.isInteger(count) && count >= 1)) continue;
    process.stderr.write(`bench: --${name} must be a whole number from 1\n`);
    process.exitCode = 2;
    return;
  }
  const unknown = names.filter((name) => !(name in BENCHES));
  if (unknown.length > 0) {
    process.stderr.write(`bench: no bench ${unknown.join(', ')}; there are: ${Object.keys(BENCHES).join(', ')}\n`);
    process.exitCode = 2;
    return;
  }
  const chosen = names.length === 0 ? Object.keys(BENCHES) : names;
  const progress = lineProgress((line) => void process.stderr.write(`${line}\n`));
  // What an older build does is no figure of this one.
  await progress.task('tsc and the workflow bundle', buildPodwire);
  const lab =
    flags.lab === undefined ? await labUp({ name: OWN_LAB, nodes: NODES, progress }) : await openLab(flags.lab);
  try {
    await measure(lab, chosen, flags, progress);
  } finally {
    if (flags.lab !== undefined) await endMeasurement(lab);
    else if (flags.keep !== true) await labDown({ name: OWN_LAB, progress });
  }
}

async function measure(lab: Lab, chosen: readonly string[], flags: Flags, progress: Progress): Promise<void> {
  const bench = openBenchLab(lab, (line) => progress.line(line));
  const results: BenchResult[] = [];
  const failures: string[] = [];
  try {
    await progress.task('podwire', () => startMeasuredPodwire(lab));
    await makeNamespace(bench);
    const before = await machineLoad();
    if (flags.json !== true) print(loadLine('before', before));
    for (const name of chosen) {
      progress.stage(`bench ${name}`);
      try {
        const result = await (BENCHES[name] as (typeof BENCHES)[string])(bench, flags);
        results.push(result);
        if (flags.json !== true) resultLines(result).forEach(print);
      } catch (error) {
        failures.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
        progress.line(`-- ${failures.at(-1)}`);
      }
    }
    conclude(flags, before, await machineLoad(), results, failures);
  } finally {
    if (flags.keep !== true) await removeNamespace(bench);
    await bench.close();
  }
}

function conclude(
  flags: Flags,
  before: MachineLoad,
  after: MachineLoad,
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
    print(JSON.stringify({ machine: { before, after }, benches, missed, failed }, undefined, 2));
    return;
  }
  print('');
  print(loadLine('after', after));
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
