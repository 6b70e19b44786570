/** One run's shared things, and the two ways to do something: on the control side, and on a node. */
import {
  CancellationScope,
  condition,
  proxyActivities,
  proxyLocalActivities,
  type ActivityInterfaceFor,
  type ActivityOptions,
} from '@temporalio/workflow';
import type { ControlActivities } from '../activities/control/inputs.ts';
import type { NodeActivities } from '../activities/node/inputs.ts';
import { nodeQueue, type PodNetworkInput, type ProvisioningState } from '../domain/messages.ts';
import type { StepFailure } from '../domain/records.ts';
import * as options from './activity-options.ts';
import type { OneByOne } from './one-by-one.ts';
import { classify, Interrupted, Refused, Stale } from './outcome.ts';
import type { Progress } from './progress.ts';
import type { Wake } from './wake.ts';

export interface RunContext {
  readonly pod: PodNetworkInput;
  readonly wake: Wake;
  readonly progress: Progress;
  /** Control activities go through it. */
  readonly steps: OneByOne;
}

export const control = proxyLocalActivities<ControlActivities>(options.CONTROL);

/**
 * Runs a control activity until it succeeds. While a dependency is away the workflow waits, visibly, and news interrupt it.
 * @throws Interrupted
 */
export async function controlStep<T>(context: RunContext, call: () => Promise<T>): Promise<T> {
  let pause: number = options.CONTROL_PAUSE_SECONDS.first;
  for (;;) {
    try {
      const result = await CancellationScope.nonCancellable(() => context.steps.run(call));
      context.progress.control(undefined, '');
      return result;
    } catch (error) {
      const outcome = classify(error);
      if (outcome.kind === 'cancelled' || outcome.kind === 'node-away') throw error;
      context.progress.control(controlState(outcome.failure), `${outcome.failure.code}: ${outcome.failure.message}`);
      await waitForNews(context, pause);
      pause = Math.min(pause * 2, options.CONTROL_PAUSE_SECONDS.longest);
    }
  }
}

/** @throws Interrupted when news come in before the pause is over. */
async function waitForNews(context: RunContext, seconds: number): Promise<void> {
  const news = await CancellationScope.nonCancellable(() =>
    condition(() => context.wake.raised || context.wake.cancelled, `${seconds}s`),
  );
  if (news) throw new Interrupted();
}

function controlState(failure: StepFailure): ProvisioningState {
  if (failure.code === 'ApiUnavailable') return 'ApiUnavailable';
  return failure.code === 'EtcdUnavailable' || failure.code === 'TimedOut' ? 'EtcdUnavailable' : 'Stuck';
}

/** Runs `work` in a scope that news cancel; it then throws Interrupted. */
export async function untilNews<T>(context: RunContext, work: () => Promise<T>): Promise<T> {
  const { wake } = context;
  const scope = new CancellationScope();
  let over = false;
  const interrupting = (async (): Promise<void> => {
    await condition(() => over || wake.raised || wake.cancelled);
    if (!over) scope.cancel();
  })();
  try {
    return await scope.run(work);
  } finally {
    over = true;
    await interrupting;
  }
}

export type NodeProxy = ActivityInterfaceFor<NodeActivities>;

export interface NodeStep<Output> {
  readonly node: string;
  /** Stable, so that `temporal activity reset -w … -a …` is memorable. */
  readonly activityId: string;
  /** Limit of one try when it is not that of a link. */
  readonly startToClose?: '60s';
  /** A line for the UI. */
  readonly summary: string;
  readonly invoke: (node: NodeProxy, options: ActivityOptions) => Promise<Output>;
  /** Told when the step goes on in the background: the first try failed, or the node does not answer. */
  readonly onTrouble: (trouble: Trouble) => Promise<void>;
}

export interface Trouble {
  /** What a person is to be told; undefined while the quick tries go on. */
  readonly state: 'Stuck' | 'NodeUnavailable' | undefined;
  readonly failure: StepFailure;
}

/**
 * Runs one activity on a node through its phases: first try, quick tries, stuck; or waiting for a node that is away.
 * Runs inside a scope that news cancel.
 * @throws Interrupted, Stale, Refused
 */
export async function nodeStep<Output>(context: RunContext, step: NodeStep<Output>): Promise<Output> {
  const node = proxyActivities<NodeActivities>({ ...options.NODE, taskQueue: nodeQueue(step.node) });
  const { activityId } = step;
  let summary = shortSummary(step.summary);
  let phase: ActivityOptions = options.NODE_FIRST;
  for (;;) {
    context.progress.flush();
    try {
      const limit = step.startToClose === undefined ? {} : { startToCloseTimeout: step.startToClose };
      return await step.invoke(node, { ...phase, ...limit, activityId, summary });
    } catch (error) {
      const trouble = troubleOf(error, step.node, phase);
      await step.onTrouble(trouble);
      if (phase === options.NODE_FIRST && trouble.state === undefined) await pauseInScope(context);
      phase = nextPhase(trouble);
      if (trouble.state !== undefined)
        summary = shortSummary(`${trouble.state}: ${step.summary}: ${trouble.failure.message}`);
    }
  }
}

/** The server refuses a command whose encoded summary exceeds 400 bytes, and the workflow task would fail for ever. */
const MAX_SUMMARY_CHARACTERS = 180;

function shortSummary(text: string): string {
  const plain = text.replace(/[^\x20-\x7e]/g, '?');
  return plain.length <= MAX_SUMMARY_CHARACTERS ? plain : `${plain.slice(0, MAX_SUMMARY_CHARACTERS - 3)}...`;
}

function nextPhase(trouble: Trouble): ActivityOptions {
  if (trouble.state === 'NodeUnavailable') return options.NODE_AWAY;
  return trouble.state === 'Stuck' ? options.NODE_STUCK : options.NODE_QUICK;
}

/** @throws Interrupted, Stale, Refused: everything that is no reason to try again */
function troubleOf(error: unknown, node: string, phase: ActivityOptions): Trouble {
  const outcome = classify(error);
  switch (outcome.kind) {
    case 'cancelled':
      throw new Interrupted();
    case 'terminal':
      throw new Refused(outcome.failure);
    case 'stale':
      throw new Stale(outcome.failure.message);
    case 'node-away':
      return {
        state: 'NodeUnavailable',
        failure: { code: 'NodeUnavailable', message: `node ${node} does not answer; waiting for its podwire worker` },
      };
    default:
      return { state: phase === options.NODE_FIRST ? undefined : 'Stuck', failure: outcome.failure };
  }
}

async function pauseInScope(context: RunContext): Promise<void> {
  let news: boolean;
  try {
    news = await condition(() => context.wake.raised, options.NODE_QUICK_PAUSE);
  } catch (error) {
    throw classify(error).kind === 'cancelled' ? new Interrupted() : error;
  }
  if (news) throw new Interrupted();
}
