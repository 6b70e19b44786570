/** What the keeper of builds needs: who serves, and what Temporal does with runs. */
import type { Server } from '../workflow-builds.ts';

export interface Roster {
  /** Says that this process serves, or goes on saying so. @returns all that do. @throws PodwireError EtcdUnavailable, RecordInvalid */
  renew(): Promise<readonly Server[]>;
  /** This process serves no longer. @throws PodwireError EtcdUnavailable */
  leave(): Promise<void>;
}

export interface OpenRun {
  readonly workflowId: string;
  readonly runId: string;
}

/** Temporal's versions of one deployment of workers. Every method throws PodwireError `TemporalUnavailable`. */
export interface WorkflowBuilds {
  /** Why the server cannot keep builds apart; undefined when it can. */
  whyUnsupported(): Promise<string | undefined>;
  /** The build that new runs are for; `UNVERSIONED` when none is set. */
  current(): Promise<string>;
  /** Also throws while no worker of that build has asked for work yet. */
  makeCurrent(build: string): Promise<void>;
  /** Open runs that belong to a build that is none of these, as far as the server's index knows by now. */
  runsOfOthers(builds: readonly string[]): Promise<readonly OpenRun[]>;
  /**
   * Ends the run and begins it anew with this build: same id, same input, same signals, and none of its history, so that nothing has to
   * be replayed by code that did not write it.
   * @returns false when the run was over
   */
  beginAnew(run: OpenRun, build: string): Promise<boolean>;
}
