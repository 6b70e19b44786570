/** podwire as it is measured: as in the lab, but nothing of it works unless a pod changes, and the watcher tells in its log when it had each event. */
import { installation, installPodwire, uninstallPodwire } from '../../deploy/lab/installed.ts';
import type { Lab } from '../../deploy/lab/lab.ts';
import { partPid } from '../../deploy/lab/parts.ts';
import { ORCHESTRATOR_PART, startPodwire, stopPodwire } from '../../deploy/lab/podwire.ts';
import { HostPodwire } from './measured-host.ts';
import { PodsPodwire } from './measured-pods.ts';
import type { Compared } from './compared-settings.ts';
import type { Site } from './site.ts';

/** Pods with the lab's Temporal and etcd, pods with those of the evaluation, or processes of this machine. */
export const WAYS = ['manifests', 'evaluation', 'host'] as const;
export type Way = (typeof WAYS)[number];

export interface MeasuredPodwire {
  readonly way: Way;
  /** Settings of all parts that are compared. */
  readonly compared: Compared;
  /** With the addresses of the Temporal and the etcd that this podwire uses. */
  readonly lab: Lab;
  /** Starts every part and waits until it serves; what runs otherwise is replaced. */
  start(): Promise<void>;
  /** Ends podwire's own processes and starts them anew. */
  restart(): Promise<void>;
  /** Whether the worker of a node tells in its log when each plugin ran. */
  tellPlugins(node: string, told: boolean): Promise<void>;
  /** Processes of a part as the host sees them: several where it has several replicas, none when it does not run. */
  pids(part: string): readonly number[];
  /** Newest lines of a part's log, which are JSON. */
  logLines(part: string, count: number): string[];
  /** Takes back what only the measurement needed. */
  end(): Promise<void>;
}

export function measuredPodwire(way: Way, site: Site): MeasuredPodwire {
  return way === 'host' ? new HostPodwire(site) : new PodsPodwire(way, site);
}

/** Looks at how podwire runs in a lab. @returns what makes it so again */
export function presentPodwire(lab: Lab): () => Promise<void> {
  const installed = installation(lab);
  const onHost = partPid(lab, ORCHESTRATOR_PART) !== undefined;
  return async () => {
    await stopPodwire(lab);
    if (installed !== undefined) return installPodwire(lab, installed);
    await uninstallPodwire(lab);
    if (onHost) await startPodwire(lab);
  };
}
