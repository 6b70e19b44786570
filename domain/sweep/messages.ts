/** Names and payloads of the sweep that cross process borders. Public. */
import type { Finding } from './finding.ts';

/** One sandbox of a node. */
export interface OnlySandbox {
  /** Of the pod in the API. */
  readonly podUid: string;
  readonly sandboxId: string;
}

export const NODE_SWEEP = 'nodeSweep';

/** Id of the run that a node's worker starts after a look at the whole node, and the beginning of the ids of others. */
export const sweepId = (node: string): string => `sweep/${node}`;

/** Ids of runs that a person starts; runs that do the same are one. */
export function manualSweepId({ node, dryRun, removeForeign }: NodeSweepInput): string {
  const how = dryRun === true ? 'dry-run' : removeForeign === true ? 'remove-foreign' : 'now';
  return `${sweepId(node)}/${how}`;
}

/** Id of a run for what changed in one sandbox. @param at tells it from others of the same sandbox */
export const changeId = (node: string, sandboxId: string, at: string): string =>
  `${sweepId(node)}/change/${sandboxId}/${at}`;

export interface NodeSweepInput {
  readonly node: string;
  /** Between the two looks. */
  readonly pauseSeconds: number;
  /** Looks twice and touches nothing. */
  readonly dryRun?: boolean;
  /** A person asked to remove what podwire did not make. */
  readonly removeForeign?: boolean;
  /** Drift in one sandbox and nothing else, which the node has seen twice: it is looked at once more, and acted on. */
  readonly only?: OnlySandbox & { readonly seen: readonly Finding[] };
  /** What the node has set right already: its pods' owners are told, and nothing is looked at. */
  readonly restored?: readonly Finding[];
}

/**
 * `found`: a dry run saw it twice. `gone`: it was not there any more at the second look. `reported`: nothing is done about it.
 * `repaired`: the node has set it right. `busy`: something works on it just now.
 */
export type SweepOutcome =
  'found' | 'gone' | 'removed' | 'repairing' | 'repaired' | 'told' | 'reported' | 'busy' | 'failed';

export interface SweepRow {
  readonly finding: Finding;
  /** Seconds since the node's worker saw it first. */
  readonly ageSeconds: number;
  readonly outcome: SweepOutcome;
  /** Why it failed. */
  readonly note?: string;
}

/** `node-away`: its worker does not answer. `node-gone`: it has no Node object either. */
type SweepState = 'done' | 'node-away' | 'node-gone' | 'failed';

export interface SweepReport {
  readonly node: string;
  readonly state: SweepState;
  readonly rows: readonly SweepRow[];
  /** More was found than one sweep takes on; the next one does. */
  readonly more: number;
  readonly note?: string;
}
