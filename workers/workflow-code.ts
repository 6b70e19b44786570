/** Where the workflows' code comes from: the bundle built ahead of time when it lies beside us, else the sources, bundled at start. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { WorkerOptions } from '@temporalio/worker';

const bundle = fileURLToPath(new URL('../workflow-bundle.js', import.meta.url));
const sources = fileURLToPath(new URL('../workflows/index.ts', import.meta.url));

export function workflowCode(): Pick<WorkerOptions, 'workflowBundle' | 'workflowsPath'> {
  return existsSync(bundle) ? { workflowBundle: { codePath: bundle } } : { workflowsPath: sources };
}
