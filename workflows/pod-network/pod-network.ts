/**
 * podNetwork: brings one pod's networks in line with what the pod asks for, then ends. A later change starts the next run under the
 * same id. A run that cannot converge stays open and keeps trying, so that the open runs are the list of what is stuck.
 *
 * A round: observe → plan (pure) → execute, with the undo pushed before the first step that needs it → publish → converged record. Signals are reconcile requests
 * that only raise flags.
 */
import {
  CancellationScope,
  CancelledFailure,
  continueAsNew,
  ContinueAsNew,
  defineQuery,
  defineSignal,
  defineUpdate,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { Beginning, Begun } from '../../activities/control/control-contract.ts';
import {
  AWAIT_NETWORKS,
  DESIRED_CHANGED,
  POD_DELETED,
  RELEASE_SANDBOX,
  RETRY_NOW,
  VIEW_QUERY,
  type NetworksTable,
  type ReconcileRequest,
  type Release,
  type PodNetworkInput,
  type SandboxRequest,
} from '../../domain/messages.ts';
import type { Observation } from '../../domain/plan/observation.ts';
import { firstStep } from '../../domain/plan/first-step.ts';
import { heldFailure, type HeldWish } from '../../domain/plan/held.ts';
import { plan, type AttachmentTask, type Plan } from '../../domain/plan/plan.ts';
import type { StepFailure } from '../../domain/records.ts';
import * as options from '../steps/activity-options.ts';
import {
  controlStep,
  requestWithin,
  nodeStep,
  untilRequested,
  type RoundContext,
  type RunContext,
} from '../steps/run-context.ts';
import { needsFreshHistory } from '../steps/fresh-history.ts';
import { GateKeeper } from './gate.ts';
import type { TaskEnd } from './task-run.ts';
import { runTasks } from './task-runs.ts';
import { Interrupted, Refused, Stale } from '../steps/outcome.ts';
import { OneByOne } from '../steps/one-by-one.ts';
import { recordFailure } from './record-failure.ts';
import { Progress, type PodNetworkView } from './progress.ts';
import { SandboxRequests } from './sandbox-requests.ts';
import { Wake } from './wake.ts';

const desiredChanged = defineSignal<[ReconcileRequest]>(DESIRED_CHANGED);
const podDeleted = defineSignal<[ReconcileRequest]>(POD_DELETED);
const retryNow = defineSignal<[ReconcileRequest?]>(RETRY_NOW);
const awaitNetworks = defineUpdate<NetworksTable, [SandboxRequest]>(AWAIT_NETWORKS);
const releaseSandbox = defineUpdate<Release, [SandboxRequest]>(RELEASE_SANDBOX);
const view = defineQuery<PodNetworkView>(VIEW_QUERY);

type Round = 'converged' | 'refused' | 'again' | 'stale';

export async function podNetwork({ retry, ending, ...pod }: PodNetworkInput): Promise<void> {
  const wake = new Wake();
  if (retry) wake.retry();
  const progress = new Progress(pod);
  const sandboxes = new SandboxRequests(wake, ending, () => progress.tasks);
  // A person may signal without arguments.
  setHandler(desiredChanged, (request?: ReconcileRequest | null) => {
    if (request?.unlessInputs === undefined || request.unlessInputs !== progress.inputsHash) wake.change();
  });
  setHandler(podDeleted, () => wake.change());
  setHandler(retryNow, () => wake.retry());
  setHandler(view, () => progress.view());
  setHandler(awaitNetworks, (request) => sandboxes.awaitNetworks(request));
  setHandler(releaseSandbox, (request) => sandboxes.releaseSandbox(request));
  // A run that is cancelled in the UI comes to a clean end, not to half an attach: its work goes on outside the cancelled scope.
  CancellationScope.current().cancelRequested.catch(() => wake.cancel());
  await CancellationScope.nonCancellable(() =>
    converge({ pod, wake, progress, sandboxes, steps: new OneByOne(), mayContinueAsNew: true }),
  );
}

async function converge(context: RunContext): Promise<void> {
  let staleRounds = 0;
  for (;;) {
    if (needsFreshHistory()) await beginAfresh(context);
    const round = await oneRound(context);
    if (context.wake.cancelled) return cleanUpAfterCancel(context);
    if (context.wake.raised || round === 'again') {
      staleRounds = 0;
    } else if (round === 'stale') {
      staleRounds += 1;
      await pauseAfterStale(context, staleRounds);
    } else {
      context.progress.finish(round === 'refused' ? 'Refused' : 'Converged', '');
      await context.sandboxes.over();
      return;
    }
  }
}

async function beginAfresh(context: RunContext): Promise<void> {
  await context.sandboxes.over();
  await continueAsNew<typeof podNetwork>(carriedOver(context));
}

/** Somebody cancelled the run: what is half done is undone, what is attached stays, and what was edited becomes what it was. */
async function cleanUpAfterCancel({ pod, progress, sandboxes, steps }: RunContext): Promise<void> {
  const quiet: RunContext = { pod, progress, sandboxes, steps, wake: new Wake() };
  const observation = await controlStep(quiet, (control) => control.observePod(pod));
  const unfinished = observation.known.filter((record) => record.phase !== 'attached');
  const lives = observation.presence === 'live';
  const tasks = unfinished.map((record): AttachmentTask => {
    const { interfaceName } = record;
    const isEdit = lives && record.phase === 'intent' && record.hasLastGood === true;
    return isEdit ? { interfaceName, remove: [], rollBack: record } : { interfaceName, remove: [record] };
  });
  await runTasks({ ...quiet, observation }, tasks);
  throw new CancelledFailure('cancelled: what was half done has been undone, what is attached stays');
}

/** Throws nothing but ContinueAsNew: an error of podwire's own would otherwise fail the workflow task for ever. */
async function oneRound(context: RunContext): Promise<Round> {
  const { retry } = context.wake.take();
  try {
    if (retry) await clearRefusals(context);
    return await observeAndAct(context);
  } catch (error) {
    if (error instanceof ContinueAsNew) throw error;
    if (error instanceof Interrupted) return 'again';
    if (error instanceof Stale) return 'stale';
    context.progress.control('Stuck', `unexpected: ${error instanceof Error ? error.message : String(error)}`);
    await requestWithin(context, `${options.UNEXPECTED_PAUSE_SECONDS}s`);
    return 'again';
  }
}

/** A retry that a person asked for is kept when requests come in before the refusals are cleared. */
async function clearRefusals(context: RunContext): Promise<void> {
  try {
    await controlStep(context, (control) => control.clearRefusals(context.pod));
  } catch (error) {
    if (error instanceof Interrupted) context.wake.retry();
    throw error;
  }
}

async function observeAndAct(context: RunContext): Promise<Round> {
  context.sandboxes.looks();
  const { observation, begun } = await observe(context);
  context.progress.observed(observation);
  context.sandboxes.observed(observation);
  return carryOut({ ...context, observation }, begun);
}

async function carryOut(context: RoundContext, begun: Begun | undefined): Promise<Round> {
  const { observation } = context;
  const decided = plan(observation);
  if (begun !== undefined && !isFirstStep(begun, decided)) return 'stale';
  if (decided.kind === 'lookup-sandbox') return lookupSandbox(context);

  const held = await refuseHeld(context, decided.held);
  const gate = new GateKeeper(context);
  const unsettledBy = (ends: readonly TaskEnd[]): Round | undefined =>
    anotherRound(ends, context.wake.raised, decided.more);
  const { ends, marked } = await runTasks(context, decided.tasks, {
    begun,
    gate,
    thenMark: (all) =>
      recordsAtOnce(observation) && unsettledBy(all) === undefined ? observation.inputsHash : undefined,
  });
  const unsettled = unsettledBy(ends);
  if (unsettled !== undefined) return unsettled;
  const refused = held || isRefused(observation, ends);
  context.sandboxes.settled(observation, refused);
  if (observation.gate !== undefined) await untilRequested(context, () => gate.open(refused));
  if (comesBack(observation)) return 'converged';
  if (!(marked ?? (await writeMark(context)))) return 'again';
  return refused ? 'refused' : 'converged';
}

/** Whether the converged record is written with the last status. It is not where a gate is opened in between. */
const recordsAtOnce = (observation: Observation): boolean => observation.gate === undefined && !comesBack(observation);

/**
 * Pods that get no converged record: that of a waiting pod is made when it has its node and its address, that of a pod whose sandbox is taken
 * down when it has the next one.
 */
const comesBack = ({ presence, endingSandboxId }: Observation): boolean =>
  presence === 'waiting' || (presence === 'live' && endingSandboxId !== undefined);

const isRefused = ({ problems, wished: allDesired }: Observation, ends: readonly TaskEnd[]): boolean =>
  problems > 0 || ends.includes('refused') || allDesired.some((desired) => desired.refused !== undefined);

function observe(context: RunContext): Promise<Beginning> {
  const { workflowId, runId } = workflowInfo();
  const summary = 'observe pod, desired networks and records; record the first change';
  return controlStep(context, (control) =>
    control.observeAndBegin.executeWithOptions({ summary }, [
      { ...context.pod, ...context.sandboxes.ending, owner: { workflowId, runId } },
    ]),
  );
}

/**
 * The activity that looks at the pod plans as well, to take the first step at once. Both plans follow from one observation. They differ only
 * where another build of podwire ran the activity; the next round then sees what that build began.
 */
function isFirstStep(begun: Begun, decided: Plan): boolean {
  const step = firstStep(decided);
  if (step === undefined || step.kind !== begun.kind) return false;
  const { interfaceName, sandboxId } =
    step.kind === 'removal' ? step.record : { ...step, interfaceName: step.desired.interfaceName };
  const isThere = step.kind !== 'removal' || begun.kind !== 'removal' || step.record.node === begun.node;
  return isThere && interfaceName === begun.interfaceName && sandboxId === begun.sandboxId;
}

function writeMark(context: RoundContext): Promise<boolean> {
  const { inputsHash } = context.observation;
  return controlStep(context, (control) =>
    control.writeMark.executeWithOptions({ summary: 'write the converged record' }, [{ ...context.pod, inputsHash }]),
  );
}

function anotherRound(ends: readonly TaskEnd[], requested: boolean, more: boolean): Round | undefined {
  if (ends.some((end) => ['interrupted', 'renamed', 'taken-over'].includes(end))) return 'again';
  if (ends.includes('stale')) return 'stale';
  return requested || (more && !ends.includes('refused')) ? 'again' : undefined;
}

/** Records what stays in the place of a desired network, so that the pod's owner sees why a desired network is not carried out. */
async function refuseHeld(context: RoundContext, held: readonly HeldWish[]): Promise<boolean> {
  if (held.length === 0) return false;
  for (const wish of held) {
    const { desired } = wish;
    await controlStep(context, (control) =>
      control.recordRefusal.executeWithOptions({ summary: `refuse ${desired.interfaceName}: held` }, [
        {
          ...context.pod,
          inputsHash: context.observation.inputsHash,
          interfaceName: desired.interfaceName,
          network: desired.network,
          failure: heldFailure(wish),
        },
      ]),
    );
  }
  return true;
}

/** Asks the node which sandbox the pod has; the answer is published in etcd, where the next observation finds it. */
async function lookupSandbox(context: RoundContext): Promise<Round> {
  const { uid: podUid, namespace, name } = context.pod;
  const { node, runtimeUid } = context.observation;
  try {
    await untilRequested(context, () =>
      nodeStep(context, {
        node,
        activityId: 'lookup-sandbox',
        summary: `find the sandbox of ${namespace}/${name} on ${node}`,
        invoke: (proxy, phase) =>
          proxy.lookupSandbox.executeWithOptions(phase, [
            { podUid, ...(runtimeUid && { runtimeUid }), namespace, name },
          ]),
        onCondition: async (stepCondition) => {
          if (stepCondition.state !== undefined) await publishLookupFailure(context, stepCondition.failure);
          context.progress.podStep('lookup-sandbox', stepCondition);
        },
      }),
    );
    context.progress.podStep('lookup-sandbox', undefined);
    // Not `again`: a run whose sandbox is gone before each next look must pause in between.
    return 'stale';
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    await publishLookupFailure(context, error.failure);
    context.progress.podStep('lookup-sandbox', { state: 'Refused', failure: error.failure });
    await requestWithin(context, `${options.UNEXPECTED_PAUSE_SECONDS}s`);
    return 'again';
  }
}

/** No desired network of the pod can be carried out as long as the pod's sandbox is not known. The pod's owner is to see why. */
async function publishLookupFailure(context: RoundContext, failure: StepFailure): Promise<void> {
  for (const { interfaceName, refused } of context.observation.wished) {
    if (refused !== undefined) continue;
    await recordFailure(context, interfaceName, 0, failure);
  }
  await controlStep(context, (control) =>
    control.publishStatus.executeWithOptions({ summary: 'publish status and events' }, [
      { ...context.pod, attached: [], detached: [] },
    ]),
  );
}

async function pauseAfterStale(context: RunContext, rounds: number): Promise<void> {
  const { first, longest } = options.STALE_PAUSE_SECONDS;
  const extra = rounds - options.STALE_ROUNDS_WITHOUT_PAUSE;
  if (extra <= 0) return;
  context.progress.flush();
  const seconds = Math.min(first * 2 ** (extra - 1), longest);
  await requestWithin(context, `${seconds}s`);
}

/** A change needs no carrying: every run begins with a look at everything. */
const carriedOver = ({ pod, sandboxes, wake }: RunContext): PodNetworkInput => ({
  ...pod,
  ...sandboxes.ending,
  ...(wake.retryWanted ? { retry: true } : {}),
});
