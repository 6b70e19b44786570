/** What a node's CNI server asks of pods' runs, which are started if none is open. */
import type { DefinitionRef } from '../cni/network-definition.ts';
import type { NetworksTable, Release } from '../messages.ts';
import type { PodIdentity } from '../pod/pod-view.ts';

export interface PodOfSandbox extends PodIdentity {
  readonly nodeName: string;
  /** CNI networks that it names, a few at most; a hint to the run. */
  readonly definitions?: readonly DefinitionRef[];
}

/**
 * Each call is answered with what the run has come to when its time is over, at the latest.
 * @throws PodwireError `TemporalUnavailable`: also where no orchestrator takes the run's tasks
 */
export interface SandboxRuns {
  /** Waits until the pod's networks are there. The sandbox is published. @param limitMs more than a second */
  awaitNetworks(pod: PodOfSandbox, sandboxId: string, limitMs: number, signal: AbortSignal): Promise<NetworksTable>;
  /** Says that the sandbox is being taken down, and waits until what was attached in it is gone. @param limitMs more than a second */
  release(pod: PodOfSandbox, sandboxId: string, limitMs: number, signal: AbortSignal): Promise<Release>;
}
