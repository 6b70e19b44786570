/** Runs a plan's lanes: first tries in order, what fails goes on in the background, news interrupt everything that waits. */
import { CancellationScope, condition } from '@temporalio/workflow';
import type { Begun, LastStep, PublishInput } from '../activities/control/inputs.ts';
import type { Observation } from '../domain/observation.ts';
import type { Lane } from '../domain/plan.ts';
import { control, controlStep, type RunContext } from './context.ts';
import type { GateKeeper } from './gate.ts';
import { LaneRun, type LaneEnd } from './lane.ts';
import { Interrupted } from './outcome.ts';

export interface LanesOver {
  readonly ends: readonly LaneEnd[];
  /** Undefined: the mark was not asked for, or the status could not be written. */
  readonly marked: boolean | undefined;
}

export interface LaneOptions {
  /** What was begun of the first lane together with the observation. */
  readonly begun?: Begun | undefined;
  readonly gate?: GateKeeper;
  /** Inputs to write the converged mark with after the last status; undefined: none. */
  readonly thenMark?: (ends: readonly LaneEnd[]) => string | undefined;
}

/** Runs all lanes to their end. The pod's status is published while some lanes still try, and at the end. */
export async function runLanes(
  context: RunContext,
  observation: Observation,
  lanes: readonly Lane[],
  { begun, gate, thenMark }: LaneOptions = {},
): Promise<LanesOver> {
  const { wake } = context;
  let over = false;
  let statusIsOld = false;
  let troubled = false;
  let open = lanes.length;
  const gateOpening: Promise<void>[] = [];
  const onTrouble = (): void => {
    troubled = true;
    statusIsOld = true;
    letStart();
  };
  // A network that is stuck holds up its own pod's start no longer than it takes to say so.
  const letStart = (): void => {
    if (gate?.opensWithout !== true || !runs.every((run) => run.ended || run.news.stuck)) return;
    gateOpening.push(scope.run(() => gate.open(true)).catch(() => undefined));
  };
  // With others beside it a lane says at once what it has done.
  const settlesAtEnd = lanes.length === 1;
  const runs = lanes.map(
    (lane, index) =>
      new LaneRun(context, observation, lane, {
        onTrouble,
        settlesAtEnd,
        ...(index > 0 || begun === undefined ? {} : { begun }),
      }),
  );
  const scope = new CancellationScope();

  const interrupting = (async (): Promise<void> => {
    await condition(() => over || wake.raised || wake.cancelled);
    if (!over) scope.cancel();
  })();
  const publishing = (async (): Promise<void> => {
    for (;;) {
      await condition(() => over || statusIsOld);
      if (over) return;
      statusIsOld = false;
      await publish(context, runs).catch(ignoreInterruption);
    }
  })();

  // An error of podwire's own in one lane ends them all, in good order: none may still run when the next round begins.
  let unexpected: Error | undefined;
  const failed = (error: unknown): LaneEnd => {
    unexpected ??= error instanceof Error ? error : new Error(String(error));
    scope.cancel();
    return 'interrupted';
  };
  // What is done shows at once while another lane goes on in the background; otherwise the end is soon enough.
  const onEnd = (): void => {
    open -= 1;
    if (open > 0) letStart();
    if (troubled && open > 0) statusIsOld = true;
  };
  const running: Promise<LaneEnd>[] = [];
  for (const run of runs) {
    const end = scope.run(() => run.run()).catch(failed);
    running.push(end.finally(onEnd));
    await condition(() => run.news.yielded || wake.raised || wake.cancelled);
  }
  // All of them, also when one fails in a way nobody foresaw: no lane may go on behind the next round's back.
  const settled = await Promise.allSettled(running);
  await Promise.all(gateOpening);
  over = true;
  await Promise.all([interrupting, publishing]);
  const inputs = thenMark?.(settled.flatMap((end) => (end.status === 'fulfilled' ? [end.value] : [])));
  const last = runs[0]?.lastStep;
  const written = await (
    last === undefined ? publish(context, runs, inputs) : settle(context, runs, last, inputs)
  ).catch(ignoreInterruption);
  if (unexpected !== undefined) throw unexpected;
  const ends: LaneEnd[] = settled.map((end) => {
    if (end.status === 'rejected') throw end.reason;
    return end.value;
  });
  if (written === 'stale') return { ends: ['stale'], marked: undefined };
  // News came in before the lane's last step was taken: whether it was, the next round sees.
  if (last !== undefined && written === undefined) return { ends: ['interrupted'], marked: undefined };
  return { ends, marked: inputs === undefined ? undefined : written };
}

/** What the only lane ends with, and the status. @returns as the activity that publishes; `stale`: the record is somebody else's now */
async function settle(
  context: RunContext,
  runs: readonly LaneRun[],
  last: LastStep,
  thenMark: string | undefined,
): Promise<boolean | 'stale'> {
  const { what, input } = statusOf(context, runs, thenMark);
  const step = `${last.kind === 'result' ? 'record result' : 'forget'}: ${last.input.interfaceName}`;
  const done = await controlStep(context, () =>
    control.settle.executeWithOptions({ summary: `${step}; ${what}` }, [{ ...input, last }]),
  );
  if (done.outcome === 'stale') return 'stale';
  return done.outcome === 'published' ? done.marked : publish(context, runs, thenMark);
}

/** Writes status and events for what these lanes have done so far. @returns as the activity */
async function publish(context: RunContext, runs: readonly LaneRun[], thenMark?: string): Promise<boolean> {
  const { what, input } = statusOf(context, runs, thenMark);
  return controlStep(context, () => control.publishStatus.executeWithOptions({ summary: what }, [input]));
}

function statusOf(
  { pod }: RunContext,
  runs: readonly LaneRun[],
  thenMark: string | undefined,
): { readonly what: string; readonly input: PublishInput } {
  const attached = runs.flatMap(({ news }) => (news.attached === undefined ? [] : [news.attached]));
  const detached = runs.flatMap(({ news }) => news.detached);
  const mark = thenMark === undefined ? {} : { thenMark };
  const what =
    thenMark === undefined ? 'publish status and events' : 'publish status and events, write the converged mark';
  return { what, input: { ...pod, attached, detached, ...mark } };
}

/** News came in while the status could not be written: the next round publishes again. */
function ignoreInterruption(error: unknown): undefined {
  if (!(error instanceof Interrupted)) throw error;
}
