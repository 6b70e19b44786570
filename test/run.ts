/**
 * `npm test` and `npm run test:full`: all groups one after the other, then a table. Exit code 0 only if every group passed and
 * the machine is as it was before.
 *
 * Options: `--full` (also test/full), `--only-full` (nothing but test/full), `--everything` (all of what a seed chooses from), `--seed N` (which third), `--only GROUP,…`, `--file TEXT` (paths that contain
 * it), `--lab NAME` (a lab that is up; it is not taken down).
 */
import { Command } from 'commander';
import { outliveClosedOutput } from '../adapters/process/closed-output.ts';
import { NODE_VERSION } from '../deploy/lab/node-binary.ts';
import { GROUPS, majorOf, type Group } from './runner/groups.ts';
import { leftBehind, machine } from './runner/machine.ts';
import { runGroup, type GroupResult } from './runner/run-group.ts';
import { isTestLab, TestLab } from './runner/test-lab.ts';

interface Options {
  readonly full: boolean;
  readonly onlyFull: boolean;
  readonly everything: boolean;
  readonly seed: number;
  readonly only?: string;
  readonly file?: string;
  readonly lab?: string;
}

const options = new Command('test')
  .option('--full', 'also the tests in test/full', false)
  .option('--only-full', 'only the tests in test/full', false)
  .option('--everything', 'all of it, not what a seed chooses (with --full or --only-full)', false)
  .option(
    '--seed <n>',
    'which third of the crash points, of the long tests and of what runs on a second Node',
    Number,
    Math.floor(Math.random() * 3),
  )
  .option('--only <groups>', `only these groups, separated by commas: ${GROUPS.map(({ name }) => name).join(', ')}`)
  .option('--file <text>', 'only test files whose path contains this')
  .option('--lab <name>', 'use this lab, which is up, and leave it running')
  .parse()
  .opts<Options>();

outliveClosedOutput();
const print = (line: string): void => void process.stdout.write(`${line}\n`);
const interruption = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    if (!interruption.signal.aborted) print(`\n${signal}: ending the tests and taking down what was started`);
    interruption.abort();
  });
}

process.exitCode = await main();

async function main(): Promise<number> {
  const groups = chosenGroups().filter(isRequest);
  const started = performance.now();
  const lab = new TestLab(options.lab, print);
  const needsLab = groups.some((group) => group.needsLab);
  if (needsLab) {
    lab.claim();
    await lab.clean();
  }
  const isOtherLab = (name: string): boolean => !isTestLab(name);
  const before = await machine(isOtherLab);
  const results: GroupResult[] = [];
  try {
    for (const group of groups) {
      if (interruption.signal.aborted) break;
      results.push(await runOne(group, lab));
    }
  } finally {
    if (results.some((result) => !result.ok)) lab.keepLogs();
    if (needsLab) await lab.down();
  }
  const left = leftBehind(before, await machine(isOtherLab));
  report(results, left, (performance.now() - started) / 1000);
  if (interruption.signal.aborted) return 130;
  return left.length === 0 && results.length === groups.length && results.every((result) => result.ok) ? 0 : 1;
}

function chosenGroups(): readonly Group[] {
  const names = options.only?.split(',');
  const unknown = names?.filter((name) => !GROUPS.some((group) => group.name === name)) ?? [];
  if (unknown.length > 0)
    throw new Error(`--only: no group ${unknown.join(', ')}; there are: ${GROUPS.map(({ name }) => name).join(', ')}`);
  if (names !== undefined) return GROUPS.filter((group) => names.includes(group.name));
  if (options.onlyFull) return GROUPS.filter((group) => group.fullOnly === true);
  return GROUPS.filter((group) => options.full || group.fullOnly !== true);
}

/** Where this machine has the major version of the images already, their groups have run. */
function isRequest({ name, onNodeOfImages }: Group): boolean {
  const { node } = process.versions;
  if (onNodeOfImages !== true || majorOf(node) !== majorOf(NODE_VERSION)) return true;
  print(`${name} is left out: this is Node ${node}`);
  return false;
}

async function runOne(group: Group, lab: TestLab): Promise<GroupResult> {
  const started = performance.now();
  const env: Record<string, string> = { PODWIRE_TEST_MODE: group.podwire ?? 'manifests' };
  const seed = options.everything ? undefined : options.seed;
  if (seed !== undefined) env['PODWIRE_CRASH_SEED'] = String(seed);
  if (group.needsLab) {
    try {
      env['PODWIRE_TEST_LAB'] = (await lab.up()).name;
    } catch (error) {
      const why = `the lab cannot run: ${error instanceof Error ? error.message : String(error)}`;
      print(why);
      return { name: group.name, ok: false, seconds: (performance.now() - started) / 1000, tests: 0, failed: 0, why };
    }
  }
  return runGroup(group, { signal: interruption.signal, print, env, fileFilter: options.file, seed });
}

function report(results: readonly GroupResult[], left: readonly string[], seconds: number): void {
  print('\ngroup            result   tests  failed       time  busy');
  for (const { name, ok, tests, failed, seconds: took, busy, why } of results) {
    const cells = [
      name.padEnd(16),
      (ok ? 'ok' : 'FAILED').padEnd(8),
      String(tests).padStart(5),
      String(failed).padStart(7),
      `${took.toFixed(1)} s`.padStart(10),
      (busy === undefined ? '' : `${busy} %`).padStart(5),
    ];
    print(`${cells.join(' ')}${why === undefined ? '' : `  ${why.split('\n')[0]}`}`);
  }
  const slow = results.filter(({ slowest = [] }) => slowest.length > 0);
  if (slow.length > 0) print('\nslowest, of 20 s and more:');
  for (const { name, slowest = [] } of slow)
    for (const each of slowest) print(`${name.padEnd(16)} ${each.seconds.toFixed(0).padStart(5)} s  ${each.name}`);
  for (const { name, failures = [] } of results)
    if (failures.length > 0) print(`\nfailed in ${name}:\n${failures.map((line) => `  ${line}`).join('\n')}`);
  if (left.length > 0) print(`\nleft behind on this machine:\n${left.map((thing) => `  ${thing}`).join('\n')}`);
  else print('nothing was left behind on this machine');
  print(`total ${seconds.toFixed(0)} s`);
}
