/** What follows from a call of CNI and is not waited for: somebody sees to it, at once or when those whom it needs are back. Nothing here throws. */
import type { SandboxEnd, SandboxNews } from '../primary/sandbox-run.ts';

export interface SandboxDuties {
  /** The sandbox has its lease and its pair. */
  added(sandboxId: string): void;
  /**
   * Has the pre-removal hooks called, where there are any. The lease is still there.
   * @returns when they are over, or at the end of the time that a DEL has for them
   */
  beforeRemoval(sandboxId: string, signal: AbortSignal): Promise<void>;
  /** A DEL was at work, whether it has come to an end or not. */
  ended(sandboxId: string): void;
}

/** How the run of a sandbox is told. @throws PodwireError TemporalUnavailable */
export interface PrimaryRuns {
  added(node: string, news: SandboxNews): Promise<void>;
  ended(node: string, end: SandboxEnd): Promise<void>;
  /** @returns hooks that the run goes on with */
  beforeRemoval(node: string, news: SandboxNews, limitMs: number, signal: AbortSignal): Promise<readonly string[]>;
}
