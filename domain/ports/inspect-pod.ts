/**
 * Read-only looks into a pod's network namespace, the same with every backend: what iproute2 prints, as text, for people and for the
 * CLI. An activity of this contract is served on the queue of the pod's target (`targetOf`, `nodeQueue`).
 */
import type { SoughtPod } from '../pod/static-pods.ts';

export interface InspectQuestion {
  /**
   * `fdb`: `bridge fdb show dev LINK`. `addresses`: `ip addr show dev LINK`. `details`: `ip -d addr show dev LINK`.
   * `routes`: `ip route show dev LINK`.
   */
  readonly about: 'fdb' | 'addresses' | 'details' | 'routes';
  readonly link: string;
}

export interface InspectInput extends SoughtPod {
  /** At most 64. */
  readonly questions: readonly InspectQuestion[];
}

export interface InspectResult {
  /** One for each question, in their order; undefined: the pod has no link of that name. */
  readonly answers: readonly (string | undefined)[];
}

export interface InspectActivities {
  /**
   * Fails with SandboxGone (no such pod, or no agent container that runs), InvalidLink (a question that is none), CommandTimedOut,
   * CommandFailed, CriUnavailable, ApiUnavailable, ExecUnavailable.
   */
  lookIntoPod(input: InspectInput): Promise<InspectResult>;
}
