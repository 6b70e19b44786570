/**
 * `npm run mutants`: changes one thing in a file at a time and runs the unit tests that import the file; prints the changes that no
 * test noticed. Exit code 0 only if there are none beyond those that test/mutants/equivalents.json says to change nothing.
 *
 * Arguments: files instead of the usual ones. The usual ones decide what is done to links, so that a hole in their tests costs most.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { GROUPS, ROOT, testFiles } from '../runner/groups.ts';
import { runTest, testsThatImport } from './bundled-tests.ts';
import { mutantsOf, type Mutant } from './mutations.ts';

const FILES = ['domain/plan/plan.ts', 'domain/vxlan/link-plan.ts', 'domain/forwarding/fdb.ts'];
const AT_ONCE = 2;
/** Bundles find the packages that they import from here. */
mkdirSync(join(ROOT, 'build'), { recursive: true });
const FOLDER = mkdtempSync(join(ROOT, 'build/mutants-'));
const LIMIT_MS = 60_000;

interface Equivalent {
  readonly file: string;
  readonly within: string;
  readonly from: string;
  readonly to: string;
  readonly reason: string;
}

const equivalents = JSON.parse(
  readFileSync(new URL('equivalents.json', import.meta.url), 'utf8'),
) as readonly Equivalent[];
const print = (line: string): void => void process.stdout.write(`${line}\n`);
const chosen = process.argv.slice(2);

try {
  let survivors = 0;
  for (const file of chosen.length > 0 ? chosen : FILES) survivors += await mutate(file);
  process.exitCode = survivors === 0 ? 0 : 1;
} finally {
  rmSync(FOLDER, { recursive: true, force: true });
}

/** @returns how many mutants survive */
async function mutate(file: string): Promise<number> {
  const text = readFileSync(join(ROOT, file), 'utf8');
  const tests = await fastestFirst(file, text);
  const mutants = mutantsOf(file, text);
  const argued = (mutant: Mutant): boolean =>
    equivalents.some(
      (each) =>
        each.file === file && each.within === mutant.within && each.from === mutant.from && each.to === mutant.to,
    );
  const waiting = mutants.filter((mutant) => !argued(mutant));
  print(
    `${file}: ${waiting.length} mutants and ${mutants.length - waiting.length} equivalent ones, ${tests.length} test files`,
  );
  const survivors: Mutant[] = [];
  const worker = async (_: unknown, index: number): Promise<void> => {
    const folder = join(FOLDER, String(index));
    mkdirSync(folder, { recursive: true });
    for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
      if (await survives({ file, text: mutant.text }, tests, folder)) {
        survivors.push(mutant);
        print(`  ${file}:${mutant.line} ${mutant.within}: ${mutant.from}  →  ${mutant.to}`);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  print(`${file}: ${survivors.length} survive`);
  return survivors.length;
}

/** @throws Error when a test fails without any change */
async function fastestFirst(file: string, text: string): Promise<string[]> {
  const group = GROUPS.find(({ name }) => name === 'unit');
  const all = group === undefined ? [] : testFiles(group).map((path) => relative(ROOT, path));
  const timed: { test: string; seconds: number }[] = [];
  for (const test of await testsThatImport(file, all)) {
    const { passed, seconds, output } = await runTest(test, { file, text }, FOLDER, LIMIT_MS);
    if (!passed) throw new Error(`${test} fails as it is:\n${output}`);
    timed.push({ test, seconds });
  }
  if (timed.length === 0) throw new Error(`no unit test imports ${file}`);
  return timed.sort((a, b) => a.seconds - b.seconds).map(({ test }) => test);
}

async function survives(subject: { file: string; text: string }, tests: readonly string[], folder: string) {
  for (const test of tests) if (!(await runTest(test, subject, folder, LIMIT_MS)).passed) return false;
  return true;
}
