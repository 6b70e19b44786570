/** Names and payloads of the run that sees to what follows from a sandbox's ADD and DEL (ADR 56). Public. */
import type { PrimarySandbox } from './sandbox.ts';

export const POD_SANDBOX = 'podSandbox';
export const sandboxWorkflowId = (sandboxId: string): string => `sandbox/${sandboxId}`;

/** Signal: the sandbox has its addresses and its interface. */
export const SANDBOX_ADDED = 'sandboxAdded';
/** Signal: a DEL of the sandbox was at work, whatever it came to. */
export const SANDBOX_ENDED = 'sandboxEnded';
/** Update: a DEL begins. Answers with a `PreRemovalAnswer` when the hooks are over, or when the time is. */
export const BEFORE_REMOVAL = 'beforeRemoval';

export interface SandboxNews {
  readonly sandbox: PrimarySandbox;
  /** Post-add hooks, in order, each `queue/activity`. */
  readonly hooks: readonly string[];
}

export interface SandboxEnd {
  readonly sandbox: PrimarySandbox;
  /** Pre-removal hooks that the DEL has not seen ending well. */
  readonly hooks: readonly string[];
  /** Leases up to this one are to be given back if the DEL left them; a later one is that of another ADD. */
  readonly upTo: number;
}

export interface PreRemovalRequest {
  readonly sandbox: PrimarySandbox;
  readonly hooks: readonly string[];
  /** After which the answer is what the run has come to by then. */
  readonly seconds: number;
}

export interface PreRemovalAnswer {
  /** Hooks that are not over; the run goes on with them. */
  readonly pending: readonly string[];
}

export interface PodSandboxInput {
  readonly node: string;
  readonly sandboxId: string;
  /** What it was started for, or what the run before has left to it. */
  readonly added?: SandboxNews;
  readonly removal?: Omit<SandboxEnd, 'upTo'>;
  readonly upTo?: number;
}

export interface SandboxReport {
  /** `node-gone`: what etcd has of the sandbox stays, since its pod may live. */
  readonly state: 'recorded' | 'ended' | 'node-gone';
  /** What is not there of the pod's connection, as one look after its ADD found it. */
  readonly missing: readonly string[];
  /** Hooks that said that they are not to be called again, or that were not done when the sandbox ended; and steps that cannot be done. */
  readonly givenUp: readonly string[];
}
