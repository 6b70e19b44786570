/** Runs one group and counts. */
import { join, relative } from 'node:path';
import { ensureNode, NODE_VERSION } from '../../deploy/lab/node-binary.ts';
import { busySince, cpuTime } from './busy.ts';
import { ROOT, testFiles, type Group } from './groups.ts';
import { runNode } from './program.ts';

export interface GroupResult {
  readonly name: string;
  readonly ok: boolean;
  readonly seconds: number;
  /** Percent of the processors' time, by whatever ran on the machine; undefined: the group did not get so far. */
  readonly busy?: number;
  readonly tests: number;
  readonly failed: number;
  readonly why: string | undefined;
  /** What took longest of it, longest first. */
  readonly slowest?: readonly { readonly name: string; readonly seconds: number }[];
  /** What the test runner says of the tests that failed: names, places, errors. */
  readonly failures?: readonly string[];
}

export interface GroupContext {
  readonly signal: AbortSignal;
  readonly print: (line: string) => void;
  /** Environment for test files. */
  readonly env: Readonly<Record<string, string>>;
  /** Only files whose path contains this. */
  readonly fileFilter: string | undefined;
  /** Only the files that it chooses; undefined for all. */
  readonly seed: number | undefined;
}

/** What a check runs, by its path in the repository: two rows at once, each in its order. */
const CHECKS = [
  [
    ['lint', ['node_modules/eslint/bin/eslint.js', '.']],
    ['unused code', ['node_modules/knip/bin/knip.js']],
  ],
  [
    ['types', ['node_modules/typescript/bin/tsc', '--noEmit', '-p', '.']],
    ['build', ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json']],
    ['workflow bundle', ['node_modules/tsx/dist/cli.mjs', 'workers/build-bundle.ts']],
    ['CNI plugin', ['node_modules/tsx/dist/cli.mjs', 'cni/build.ts']],
    ['format', ['node_modules/prettier/bin/prettier.cjs', '--check', '.']],
  ],
] as const;

/** Never throws for what tests do. */
export async function runGroup(group: Group, context: GroupContext): Promise<GroupResult> {
  const [started, cpu] = [performance.now(), cpuTime()];
  const by = group.onNodeOfImages === true ? `, on Node ${NODE_VERSION}` : '';
  context.print(`\n=== ${group.name} (started ${new Date().toISOString().slice(11, 19)}${by})`);
  const result = await (group.folder === undefined ? runChecks(group, context) : runTests(group, context));
  return { name: group.name, seconds: (performance.now() - started) / 1000, busy: busySince(cpu), ...result };
}

type Outcome = Omit<GroupResult, 'name' | 'seconds' | 'busy'>;

async function runChecks(group: Group, context: GroupContext): Promise<Outcome> {
  const failed: string[] = [];
  const runRow = async (row: (typeof CHECKS)[number]): Promise<void> => {
    for (const [name, [script, ...args]] of row) {
      const started = performance.now();
      const { signal, print } = context;
      const result = await runNode({ args: [join(ROOT, script), ...args], limitMs: group.limitMs, signal, print });
      const took = `${((performance.now() - started) / 1000).toFixed(1)} s`;
      print(`${result.ok ? 'ok  ' : 'FAIL'} ${name} (${took})${result.ok ? '' : `: ${result.why ?? ''}`}`);
      if (!result.ok) failed.push(name);
    }
  };
  await Promise.all(CHECKS.map(runRow));
  return {
    ok: failed.length === 0,
    tests: CHECKS.flat().length,
    failed: failed.length,
    why: failed.length === 0 ? undefined : failed.join(', '),
  };
}

async function runTests(group: Group, context: GroupContext): Promise<Outcome> {
  const all = testFiles(group);
  const files = filesOf(group, all, context);
  if (files.length === 0) {
    const fine = group.fullOnly === true || all.length > 0;
    return { ok: fine, tests: 0, failed: 0, why: fine ? 'no test files' : `no test files in test/${group.folder}` };
  }
  let node = process.execPath;
  try {
    if (group.onNodeOfImages === true) node = await ensureNode();
  } catch (error) {
    return { ok: false, tests: 0, failed: 0, why: error instanceof Error ? error.message : String(error) };
  }
  const result = await runNode({
    node,
    args: [
      ...['--import', 'tsx', '--enable-source-maps', '--test', '--test-reporter=spec'],
      ...[`--test-concurrency=${group.concurrency}`, ...files.map((file) => relative(ROOT, file))],
    ],
    env: context.env,
    limitMs: group.limitMs,
    signal: context.signal,
    print: context.print,
  });
  return { ...judged(result), slowest: slowestOf(result.lines), failures: failuresOf(result.lines) };
}

/** A filter by path names what is wanted: then no seed chooses. */
function filesOf(
  { bySeed }: Group,
  all: readonly string[],
  { fileFilter, seed, print }: GroupContext,
): readonly string[] {
  if (fileFilter !== undefined) return all.filter((file) => file.includes(fileFilter));
  if (seed === undefined || bySeed === undefined) return all;
  const { chosen, left } = bySeed(all, seed);
  print(`not all of it, by --seed ${seed}; left to other seeds: ${left.join(', ')}`);
  return chosen;
}

const SLOW_S = 20;
const SLOWEST = 8;

/** Suites, and tests that are in none, as the spec reporter prints them at their end. */
function slowestOf(lines: readonly string[]): { name: string; seconds: number }[] {
  const took = new Map<string, number>();
  for (const line of lines) {
    const [, name, ms] = /^[✔✖] (.+) \(([\d.]+)ms\)$/.exec(line) ?? [];
    if (name !== undefined && Number(ms) >= SLOW_S * 1000) took.set(name, Number(ms) / 1000);
  }
  return [...took]
    .map(([name, seconds]) => ({ name, seconds }))
    .sort((a, b) => b.seconds - a.seconds)
    .slice(0, SLOWEST);
}

const FAILURE_LINES = 80;

/** The spec reporter repeats them below its closing lines, which other groups' output may push far up. */
function failuresOf(lines: readonly string[]): string[] {
  const heading = lines.findLastIndex((line) => line.endsWith('failing tests:'));
  if (heading === -1) return [];
  return lines
    .slice(heading + 1)
    .filter((line) => line.trim() !== '')
    .slice(0, FAILURE_LINES);
}

/** The closing lines of node's own runner decide, and nothing is skipped silently. */
function judged(result: Awaited<ReturnType<typeof runNode>>): Outcome {
  const count = (word: string): number => {
    const line = result.lines.findLast((each) => each.startsWith(`ℹ ${word} `));
    return Number(line?.slice(`ℹ ${word} `.length) ?? Number.NaN);
  };
  const tests = count('tests');
  const failed = count('fail') + count('cancelled');
  const unrun = count('skipped') + count('todo');
  if (!result.ok) return { ok: false, tests: tests || 0, failed: failed || 0, why: result.why };
  if (Number.isNaN(tests + failed + unrun))
    return { ok: false, tests: 0, failed: 0, why: 'the closing lines of the test runner are missing' };
  if (tests === 0) return { ok: false, tests, failed, why: 'the files hold no tests' };
  if (unrun > 0) return { ok: false, tests, failed, why: `${unrun} tests were skipped` };
  return { ok: failed === 0, tests, failed, why: undefined };
}
