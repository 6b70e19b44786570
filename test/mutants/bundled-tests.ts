/** Test files as one module each, in which a source file can be another text: starting one takes no loader of TypeScript. */
import { join, relative } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { run } from '../../adapters/process/run.ts';
import { ROOT } from '../runner/groups.ts';

const COMMON = { bundle: true, platform: 'node', format: 'esm', packages: 'external', logLevel: 'silent' } as const;

/** Those of the test files that import the source file, themselves or by what they import. Paths as the repository has them. */
export async function testsThatImport(file: string, tests: readonly string[]): Promise<string[]> {
  const { metafile } = await build({
    ...COMMON,
    entryPoints: [...tests],
    absWorkingDir: ROOT,
    outdir: 'unwritten',
    write: false,
    metafile: true,
  });
  return Object.values(metafile.outputs).flatMap(({ entryPoint, inputs }) =>
    entryPoint !== undefined && file in inputs ? [entryPoint] : [],
  );
}

export interface Subject {
  readonly file: string;
  readonly text: string;
}

export interface Verdict {
  readonly passed: boolean;
  readonly seconds: number;
  readonly output: string;
}

/** Runs a test file with this text in place of the source file. A text that cannot be bundled has failed. */
export async function runTest(test: string, subject: Subject, folder: string, timeoutMs: number): Promise<Verdict> {
  const outfile = join(folder, `${test.replaceAll('/', '-')}.mjs`);
  const started = performance.now();
  try {
    await build({ ...COMMON, entryPoints: [test], absWorkingDir: ROOT, outfile, plugins: [replacing(subject)] });
  } catch (error) {
    return { passed: false, seconds: 0, output: String(error) };
  }
  const result = await run({ file: process.execPath, args: [outfile], env: { HOME: folder }, timeoutMs });
  const seconds = (performance.now() - started) / 1000;
  return { passed: result.code === 0, seconds, output: result.stdout + result.stderr };
}

const replacing = ({ file, text }: Subject): Plugin => ({
  name: 'mutant',
  setup: (bundle) => {
    bundle.onLoad({ filter: /\.ts$/ }, ({ path }) =>
      relative(ROOT, path) === file ? { contents: text, loader: 'ts' } : undefined,
    );
  },
});
