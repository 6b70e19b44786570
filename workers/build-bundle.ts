/**
 * Builds the workflow bundle ahead of time, beside what tsc made of the sources; fails when a workflow imports what it must not.
 * Also copies what tsc does not: definitions of messages (contiv's CNI, the CRI, reflected state).
 */
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode } from '@temporalio/worker';
import { WORKFLOW_SOURCES } from './workflow-code.ts';

/** zod alone would make it 1.6 MB larger and every cached workflow six times as heavy. */
const MAX_BYTES = 2_600_000;

const root = fileURLToPath(new URL('..', import.meta.url));
const output = join(root, 'build/workflow-bundle.js');
const protos = ['adapters/cni-server/contiv-cni.proto', 'adapters/cri/cri.proto', 'adapters/reflect/proto'];
const { code } = await bundleWorkflowCode(WORKFLOW_SOURCES);
if (code.length > MAX_BYTES) {
  process.stderr.write(
    `The workflow bundle has ${code.length} bytes, at most ${MAX_BYTES}: something large was imported by a workflow.\n`,
  );
  process.exit(1);
}
mkdirSync(join(root, 'build'), { recursive: true });
for (const path of protos) cpSync(join(root, path), join(root, 'build', path), { recursive: true });
writeFileSync(output, code);
process.stdout.write(`${output}: ${code.length} bytes\n`);
