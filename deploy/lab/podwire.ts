/** podwire's own processes in a lab: watcher and orchestrator beside the control plane, a node worker in every node's netns. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { partPid, startPart, stopPart, type Lab, type LabNode, type PartSpec } from './lab.ts';
import { waitFor } from './waiting.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const build = join(root, 'build');

/** Health ports; every part has a network namespace or a port of its own. */
const PORTS = { watcher: 9464, orchestrator: 9465, node: 9466 };

export interface PodwireOptions {
  readonly logLevel?: string;
  /** More environment for every part (settings, failpoints). */
  readonly env?: Readonly<Record<string, string>>;
}

export const nodePart = (node: string): string => `podwire-node-${node}`;
export const WATCHER_PART = 'podwire-watcher';
export const ORCHESTRATOR_PART = 'podwire-orchestrator';

/** File in which a test names the places where a part shall die, wait or fail. */
export const failpointsFile = (lab: Lab, part: string): string => join(lab.dir, `failpoints-${part}.json`);

/** The processes of podwire in this lab, as `startPart` wants them. */
export function podwireParts(lab: Lab, options: PodwireOptions = {}): PartSpec[] {
  return [
    orchestratorSpec(lab, options),
    watcherSpec(lab, options),
    ...lab.nodes.map((node) => nodeSpec(lab, node, options)),
  ];
}

/** Starts what is missing and waits until every part serves. @throws Error naming the log of the part that does not */
export async function startPodwire(lab: Lab, options: PodwireOptions = {}): Promise<void> {
  if (!existsSync(join(build, 'workers/node.js'))) throw new Error('podwire is not built; run: npm run build');
  const parts = podwireParts(lab, options);
  await Promise.all(parts.map((part) => startPart(lab, part)));
  await Promise.all(parts.map((part) => waitUntilServing(lab, part.name)));
}

/** Starts one part again after it was stopped or died. */
export async function startPodwirePart(lab: Lab, name: string, options: PodwireOptions = {}): Promise<void> {
  const spec = podwireParts(lab, options).find((part) => part.name === name);
  if (spec === undefined) throw new Error(`${name} is no part of podwire in lab ${lab.name}`);
  await startPart(lab, spec);
}

export async function stopPodwire(lab: Lab): Promise<void> {
  await Promise.all(podwireParts(lab).map((part) => stopPart(lab, part.name)));
}

async function waitUntilServing(lab: Lab, name: string): Promise<void> {
  const url = healthUrl(lab, name);
  await waitFor(`${name} to be ready (see: npm run lab -- --name ${lab.name} logs ${name})`, 30_000, async () => {
    if (partPid(lab, name) === undefined)
      throw new Error(`${name} ended; see: npm run lab -- --name ${lab.name} logs ${name}`);
    return isReady(lab, url);
  });
}
