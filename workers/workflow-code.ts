/** Where the workflows' code comes from: the bundle built ahead of time when it lies beside us, else the sources, bundled at start. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, type WorkerOptions } from '@temporalio/worker';
import { buildInfo } from './build-info.ts';

const bundle = fileURLToPath(new URL('../workflow-bundle.js', import.meta.url));
const workflowsPath = fileURLToPath(new URL('../workflows/index.ts', import.meta.url));
/** Passes traces on; part of every bundle, for a run that began traced has to be replayed by whoever goes on with it. */
const tracePath = fileURLToPath(new URL('../workflows/tracing/run-trace.ts', import.meta.url));

/**
 * How the sources become a bundle. Every module is evaluated once for a worker instead of once for each run, which took 1 ms of
 * each (ADR 17). Modules of workflows/ and domain/ therefore hold no state of a run.
 */
export const WORKFLOW_SOURCES = {
  workflowsPath,
  preloadModules: [workflowsPath, tracePath],
  workflowInterceptorModules: [tracePath],
};

type WorkflowCode = Pick<WorkerOptions, 'workflowBundle' | 'workflowsPath' | 'bundlerOptions' | 'interceptors'>;

export function workflowCode(): WorkflowCode {
  if (existsSync(bundle)) return { workflowBundle: { codePath: bundle } };
  const { preloadModules, workflowInterceptorModules: workflowModules } = WORKFLOW_SOURCES;
  return { workflowsPath, bundlerOptions: { preloadModules }, interceptors: { workflowModules } };
}

export interface WorkflowBuild {
  readonly code: WorkflowCode;
  /** podwire's version and a hash of the code: what has the same text decides the same. */
  readonly build: string;
}

const HASH_DIGITS = 12;

/** The same code, with a name that tells it from any other. */
export async function workflowBuild(): Promise<WorkflowBuild> {
  if (existsSync(bundle)) return { code: workflowCode(), build: buildOf(await readFile(bundle, 'utf8')) };
  const { code } = await bundleWorkflowCode(WORKFLOW_SOURCES);
  return { code: { workflowBundle: { code } }, build: buildOf(code) };
}

/** @param code of the whole bundle */
export function buildOf(code: string): string {
  const hash = createHash('sha256').update(code).digest('hex').slice(0, HASH_DIGITS);
  return `${buildInfo(process.env).version}-${hash}`;
}
