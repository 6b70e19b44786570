/** Builds podwire as `npm run build` does. */
import { join } from 'node:path';
import { run } from '../../adapters/process/run.ts';
import { ROOT } from '../lab/image-inputs.ts';

const STEPS = [
  ['node_modules/typescript/bin/tsc', '-p', join(ROOT, 'tsconfig.build.json')],
  ['node_modules/tsx/dist/cli.mjs', join(ROOT, 'workers/build-bundle.ts')],
] as const;

/** @throws Error with what the compiler said */
export async function buildPodwire(): Promise<void> {
  for (const [script, ...args] of STEPS) {
    const result = await run({
      file: process.execPath,
      args: [join(ROOT, script), ...args],
      env: { PATH: '/usr/bin:/bin', HOME: '/nonexistent' },
      timeoutMs: 180_000,
    });
    if (result.code !== 0) throw new Error(`${script} failed:\n${result.stdout}${result.stderr}`.trimEnd());
  }
}
