/** Builds the workflow bundle ahead of time; fails when a workflow imports what it must not. Usage: build-bundle [OUTPUT]. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode } from '@temporalio/worker';

/** zod alone would make it 1.6 MB larger and every cached workflow six times as heavy. */
const MAX_BYTES = 2_500_000;

const output = resolve(process.argv[2] ?? 'build/workflow-bundle.js');
const { code } = await bundleWorkflowCode({
  workflowsPath: fileURLToPath(new URL('../workflows/index.ts', import.meta.url)),
});
if (code.length > MAX_BYTES) {
  process.stderr.write(
    `The workflow bundle has ${code.length} bytes, at most ${MAX_BYTES}: something large was imported by a workflow.\n`,
  );
  process.exit(1);
}
mkdirSync(dirname(output), { recursive: true });
writeFileSync(output, code);
process.stdout.write(`${output}: ${code.length} bytes\n`);
