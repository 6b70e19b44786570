/**
 * What the steps of a pod's run share, and the two ways to do something: on the control side, and on a node.
 *
 * The context is handed down under one name, `context`, and grows on its way: a run's, a round's, a task's (task-context.ts). A function
 * asks for the smallest of the three that it needs, and whoever has a larger one passes that.
 */
import {
  CancellationScope,
  condition,
  proxyActivities,
  proxyLocalActivities,
  type ActivityInterfaceFor,
  type ActivityOptions,
} from '@temporalio/workflow';
import type { Duration } from '@temporalio/common';
import type { ControlActivities } from '../../activities/control/control-contract.ts';
import type { NodeActivities } from '../../activities/network/network-contract.ts';
import { nodeQueue, type PodNetworkInput } from '../../domain/messages.ts';
import type { Observation } from '../../domain/plan/observation.ts';
import type { StepFailure } from '../../domain/records.ts';
import * as options from './activity-options.ts';
import { controlState } from './control-state.ts';
import { needsFreshHistory } from './fresh-history.ts';
import type { OneByOne } from './one-by-one.ts';
import { classify, Interrupted, isBusy, Refused, Stale, type Classified } from './outcome.ts';
import type { Progress } from '../pod-network/progress.ts';
import type { SandboxRequests } from '../pod-network/sandbox-requests.ts';
import { shortSummary } from './short-summary.ts';
import { StepPhases } from './step-phases.ts';
import type { Wake } from '../pod-network/wake.ts';

export interface RunContext {
  readonly pod: PodNetworkInput;
  readonly wake: Wake;
  readonly progress: Progress;
  readonly sandboxes: SandboxRequests;
  /** Every control activity of the run goes through this queue. */
  readonly steps: OneByOne;
  /** Absent: what is being done has to end in this run. */
  readonly mayContinueAsNew?: true;
}

/** One round: everything between two looks at the pod. */
export interface RoundContext extends RunContext {
  /** What the look at the beginning of the round found. */
  readonly observation: Observation;
}

/** A dependency that is slow shows as one that does not answer. */
const FOR_WANT_OF_TIME: readonly string[] = ['EtcdUnavailable', 'ApiUnavailable', 'TemporalUnavailable', 'TimedOut'];

export type Control = ActivityInterfaceFor<ControlActivities>;

export const control: Control = proxyLocalActivities<ControlActivities>(options.CONTROL);
/** For a run in which an activity failed for want of time: each of several calls may be slow although none of them hangs. */
export const patientControl: Control = proxyLocalActivities<ControlActivities>(options.CONTROL_PATIENT);

/**
 * Runs a control activity until it succeeds. While a dependency is away the workflow waits, visibly, and requests interrupt the wait. After one
 * activity has failed for want of time, all later activities of the run get more time.
 * @throws Interrupted
 */
export async function controlStep<T>(context: RunContext, call: (control: Control) => Promise<T>): Promise<T> {
  const { steps } = context;
  let pause: number = options.CONTROL_PAUSE_SECONDS.first;
  for (;;) {
    try {
      const proxy = steps.patient ? patientControl : control;
      const result = await CancellationScope.nonCancellable(() => steps.run(() => call(proxy)));
      context.progress.control(undefined, '');
      return result;
    } catch (error) {
      const outcome = classify(error);
      if (outcome.kind === 'cancelled' || outcome.kind === 'node-away') throw error;
      if (FOR_WANT_OF_TIME.includes(outcome.failure.code)) steps.patient = true;
      context.progress.control(controlState(outcome.failure), `${outcome.failure.code}: ${outcome.failure.message}`);
      endLongRound(context);
      const requested = await CancellationScope.nonCancellable(() => requestWithin(context, `${pause}s`));
      if (requested) throw new Interrupted();
      pause = Math.min(pause * 2, options.CONTROL_PAUSE_SECONDS.longest);
    }
  }
}

/** Waits for requests, at most `limit`. @returns whether requests came in */
export const requestWithin = ({ wake }: RunContext, limit: Duration): Promise<boolean> =>
  condition(() => wake.hasRequest, limit);

/**
 * Called when a round has failed at something and is about to try it again. A run that is stuck for weeks has to end some time, and the
 * history is looked at only between rounds. A round with a long history therefore ends as if requests had come in: everything that waits gives
 * way, and the next round begins with a fresh history.
 * @throws Interrupted
 */
function endLongRound({ mayContinueAsNew, wake }: RunContext): void {
  if (mayContinueAsNew !== true || !needsFreshHistory()) return;
  wake.change();
  throw new Interrupted();
}

/** Work that gives way to requests: when requests come in, everything that runs in the scope is cancelled and throws Interrupted. */
export class RequestScope {
  readonly #scope = new CancellationScope();
  readonly #interrupting: Promise<void>;
  #closed = false;

  constructor(context: RunContext) {
    this.#interrupting = this.#cancelOnRequest(context);
  }

  run<T>(work: () => Promise<T>): Promise<T> {
    return this.#scope.run(work);
  }

  cancel(): void {
    this.#scope.cancel();
  }

  /** To be called when all work has ended: from then on, requests are for somebody else. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#interrupting;
  }

  async #cancelOnRequest({ wake }: RunContext): Promise<void> {
    await condition(() => this.#closed || wake.hasRequest);
    if (!this.#closed) this.#scope.cancel();
  }
}

/** Runs `work` in a scope that requests cancel. @throws what `work` throws, Interrupted */
export async function untilRequested<T>(context: RunContext, work: () => Promise<T>): Promise<T> {
  const scope = new RequestScope(context);
  try {
    return await scope.run(work);
  } finally {
    await scope.close();
  }
}

type NodeProxy = ActivityInterfaceFor<NodeActivities>;

export interface NodeStep<Output> {
  readonly node: string;
  /** Stable, so that `temporal activity reset -w … -a …` is memorable. */
  readonly activityId: string;
  /** Limit of one try when it is not that of a link. */
  readonly startToClose?: '60s';
  /** A line for the UI. */
  readonly summary: string;
  readonly invoke: (node: NodeProxy, options: ActivityOptions) => Promise<Output>;
  /** Called when the step goes on in the background: the first try failed, or the node does not answer. Called again when the cause changes. */
  readonly onCondition: (stepCondition: StepCondition) => Promise<void>;
  /** Called when the step waits for another step in the pod's sandbox, which is no trouble of this step. */
  readonly onWait?: (failure: StepFailure) => void;
}

export interface StepCondition {
  /** What the operator is to be told; undefined while the quick tries go on. The pod's owner is told of the first failure. */
  readonly state: 'Stuck' | 'NodeUnavailable' | undefined;
  readonly failure: StepFailure;
}

/**
 * Runs one activity on a node through its phases: first try, quick tries, stuck; or waiting for a node that is away, or for its turn in
 * the sandbox. The server makes the tries of a phase. A phase that ended without success is entered again, for as long as it takes.
 * Runs inside a RequestScope.
 * @throws Interrupted, Stale, Refused
 */
export async function nodeStep<Output>(context: RunContext, step: NodeStep<Output>): Promise<Output> {
  const node = proxyActivities<NodeActivities>({ ...options.NODE, taskQueue: nodeQueue(step.node) });
  const { activityId } = step;
  const limit = step.startToClose === undefined ? {} : { startToCloseTimeout: step.startToClose };
  const phases = new StepPhases();
  let summary = shortSummary(step.summary);
  let reported: StepCondition | undefined;
  for (;;) {
    context.progress.flush();
    try {
      return await step.invoke(node, { ...phases.options, ...limit, activityId, summary });
    } catch (error) {
      const outcome = classify(error);
      if (isBusy(outcome)) {
        if (phases.busy()) {
          summary = shortSummary(`waits for its turn: ${step.summary}`);
          step.onWait?.(outcome.failure);
          reported = undefined;
        }
      } else {
        const stepCondition = conditionOf(outcome, step.node, phases);
        if (!isSame(stepCondition, reported)) await step.onCondition(stepCondition);
        reported = stepCondition;
        if (stepCondition.state === undefined) await pauseInScope(context);
        summary = shortSummary(
          stepCondition.state === undefined
            ? step.summary
            : `${stepCondition.state}: ${step.summary}: ${stepCondition.failure.message}`,
        );
      }
      endLongRound(context);
    }
  }
}

const isSame = ({ state, failure }: StepCondition, reported: StepCondition | undefined): boolean =>
  state === reported?.state && failure.code === reported?.failure.code && failure.message === reported.failure.message;

/** @throws Interrupted, Stale, Refused: every outcome that is no reason to try again */
function conditionOf(outcome: Classified, node: string, phases: StepPhases): StepCondition {
  switch (outcome.kind) {
    case 'cancelled':
      throw new Interrupted();
    case 'terminal':
      throw new Refused(outcome.failure);
    case 'stale':
      throw new Stale(outcome.failure.message);
    case 'node-away':
      phases.away();
      return {
        state: 'NodeUnavailable',
        failure: { code: 'NodeUnavailable', message: `node ${node} does not answer; waiting for its podwire worker` },
      };
    default:
      return { state: phases.failed(), failure: outcome.failure };
  }
}

/** @throws Interrupted when requests come in before the pause is over */
async function pauseInScope(context: RunContext): Promise<void> {
  let requested: boolean;
  try {
    requested = await requestWithin(context, options.NODE_QUICK_PAUSE);
  } catch (error) {
    throw classify(error).kind === 'cancelled' ? new Interrupted() : error;
  }
  if (requested) throw new Interrupted();
}
