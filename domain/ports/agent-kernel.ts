/** The kernel as it is reached from inside a pod: programs run in its agent containers through the Pod Exec API. */
import type { NetnsKernel, OpenNetns } from './link-kernel.ts';

/** An agent container while one operation lasts. */
export interface AgentTarget {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  /** Asked right before anything is changed. @throws PodwireError when another pod, or another instance, is there now */
  readonly verify: () => Promise<void>;
  readonly signal: AbortSignal;
}

interface AgentCommandResult {
  /** undefined: the container ended, or the connection did, before it could be told. */
  readonly code: number | undefined;
  readonly stderr: string;
}

/** Every method may fail with ExecUnavailable, besides what `NetnsKernel` says. */
export interface AgentKernel extends NetnsKernel {
  openAgent(target: AgentTarget): OpenNetns;
  runInAgent(target: AgentTarget, argv: readonly string[]): Promise<AgentCommandResult>;
}
