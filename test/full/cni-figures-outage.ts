/** Attaches and detaches that are asked for while something on the node is away. */
import { copyFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cniPluginsDir } from '../../deploy/lab/cni-plugins.ts';
import { stopPart, type Lab, type LabNode } from '../../deploy/lab/lab.ts';
import { nodePart, startPodwire } from '../../deploy/lab/podwire.ts';
import type { FigurePods, DesiredNetwork } from './cni-figures-pods.ts';

/** After the return of what was away. */
const CONVERGED_WITHIN_MS = 60_000;

/** A type that the policy allows and no directory of a lab provides: the bridge plugin under this name can be taken away from one node. */
export const AWAY_TYPE = 'whereabouts';

/** Puts the bridge plugin under the name AWAY_TYPE onto a node. @returns takes it away for some time; removes it for good */
export function installAwayPlugin({ cniBinDir }: LabNode): {
  away(ms: number): Promise<void>;
  remove(): void;
} {
  const path = join(cniBinDir, AWAY_TYPE);
  copyFileSync(join(cniPluginsDir(), 'bridge'), path);
  return {
    away: async (ms) => {
      renameSync(path, `${path}.away`);
      await sleep(ms);
      renameSync(`${path}.away`, path);
    },
    remove: () => {
      rmSync(path, { force: true });
      rmSync(`${path}.away`, { force: true });
    },
  };
}

/** Kills a node's worker and starts it again. */
export async function workerAway(lab: Lab, node: LabNode, ms: number): Promise<void> {
  await stopPart(lab, nodePart(node.name), 'SIGKILL');
  await sleep(ms);
  await startPodwire(lab);
}

/**
 * While the outage lasts, every pod that has the network is asked to lose it, and every other one to get it.
 *
 * @param outage ends when what was away is back
 * @returns milliseconds from the return until every pod has what it asks for @throws Error after 60 s
 */
export async function toggledDuring(
  set: FigurePods,
  desired: DesiredNetwork,
  outage: () => Promise<void>,
): Promise<number> {
  const over = outage();
  await Promise.all(
    set.pods.map((pod) => {
      const others = set.desiredNetworks(pod).filter((each) => each.name !== desired.name);
      const has = others.length < set.desiredNetworks(pod).length;
      return set.ask(pod, has ? others : [...others, desired]);
    }),
  );
  await over;
  return set.converged(performance.now(), CONVERGED_WITHIN_MS);
}
