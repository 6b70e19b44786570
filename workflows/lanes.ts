/** Runs a plan's lanes: first tries in order, what fails goes on in the background, news interrupt everything that waits. */
import { CancellationScope, condition } from '@temporalio/workflow';
import type { Begun, LastStep, PublishInput } from '../activities/control/inputs.ts';
import type { Observation } from '../domain/observation.ts';
import type { Lane } from '../domain/plan.ts';
import { controlStep, type RunContext } from './context.ts';
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
export function runLanes(
  context: RunContext,
  observation: Observation,
  lanes: readonly Lane[],
  options: LaneOptions = {},
): Promise<LanesOver> {
  return new LanesOfAPod(context, observation, lanes, options).run();
}

class LanesOfAPod {
  readonly #context: RunContext;
  readonly #options: LaneOptions;
  readonly #runs: readonly LaneRun[];
  /** What the lanes and the opening of the gate run in: news cancel it. */
  readonly #scope = new CancellationScope();
  readonly #gateOpening: Promise<void>[] = [];
  /** `over`: no lane runs any more, and nothing is published beside them. */
  #state: 'running' | 'over' = 'running';
  #open: number;
  /** A step was in trouble: from then on people see what the lanes do while others still try. */
  #troubled = false;
  #statusIsOld = false;
  /** An error of podwire's own in one lane ends them all, in good order: none may still run when the next round begins. */
  #unexpected: Error | undefined;

  constructor(context: RunContext, observation: Observation, lanes: readonly Lane[], options: LaneOptions) {
    this.#context = context;
    this.#options = options;
    this.#open = lanes.length;
    const { begun } = options;
    // With others beside it a lane says at once what it has done.
    const settlesAtEnd = lanes.length === 1;
    this.#runs = lanes.map(
      (lane, index) =>
        new LaneRun(context, observation, lane, {
          onTrouble: () => this.#onTrouble(),
          settlesAtEnd,
          ...(index > 0 || begun === undefined ? {} : { begun }),
        }),
    );
  }

  async run(): Promise<LanesOver> {
    const beside = [this.#interruptOnNews(), this.#publishWhileRunning()];
    const running = await this.#startInOrder();
    // All of them, also when one fails in a way nobody foresaw: no lane may go on behind the next round's back.
    const settled = await Promise.allSettled(running);
    await Promise.all(this.#gateOpening);
    this.#state = 'over';
    await Promise.all(beside);
    return this.#finish(settled);
  }

  async #interruptOnNews(): Promise<void> {
    await condition(() => this.#isOver || this.#hasNews);
    if (!this.#isOver) this.#scope.cancel();
  }

  async #publishWhileRunning(): Promise<void> {
    for (;;) {
      await condition(() => this.#isOver || this.#statusIsOld);
      if (this.#isOver) return;
      this.#statusIsOld = false;
      await publish(this.#context, this.#runs).catch(ignoreInterruption);
    }
  }

  /** Each lane's first try is waited for before the next lane begins. */
  async #startInOrder(): Promise<Promise<LaneEnd>[]> {
    const running: Promise<LaneEnd>[] = [];
    for (const run of this.#runs) {
      const end = this.#scope.run(() => run.run()).catch((error: unknown) => this.#fail(error));
      running.push(end.finally(() => this.#onEnd()));
      await condition(() => run.news.yielded || this.#hasNews);
    }
    return running;
  }

  /** Writes what the lanes have come to, with the mark where all is well. */
  async #finish(settled: readonly PromiseSettledResult<LaneEnd>[]): Promise<LanesOver> {
    const { thenMark } = this.#options;
    const inputs = thenMark?.(settled.flatMap((end) => (end.status === 'fulfilled' ? [end.value] : [])));
    const last = this.#runs[0]?.lastStep;
    const written = await (
      last === undefined ? publish(this.#context, this.#runs, inputs) : settle(this.#context, this.#runs, last, inputs)
    ).catch(ignoreInterruption);
    if (this.#unexpected !== undefined) throw this.#unexpected;
    const ends: LaneEnd[] = settled.map((end) => {
      if (end.status === 'rejected') throw end.reason;
      return end.value;
    });
    if (written === 'stale') return { ends: ['stale'], marked: undefined };
    // News came in before the lane's last step was taken: whether it was, the next round sees.
    if (last !== undefined && written === undefined) return { ends: ['interrupted'], marked: undefined };
    return { ends, marked: inputs === undefined ? undefined : written };
  }

  get #isOver(): boolean {
    return this.#state === 'over';
  }

  get #hasNews(): boolean {
    return this.#context.wake.raised || this.#context.wake.cancelled;
  }

  #fail(error: unknown): LaneEnd {
    this.#unexpected ??= error instanceof Error ? error : new Error(String(error));
    this.#scope.cancel();
    return 'interrupted';
  }

  #onTrouble(): void {
    this.#troubled = true;
    this.#statusIsOld = true;
    this.#letStart();
  }

  /** What is done shows at once while another lane goes on in the background; otherwise the end is soon enough. */
  #onEnd(): void {
    this.#open -= 1;
    if (this.#open > 0) this.#letStart();
    if (this.#troubled && this.#open > 0) this.#statusIsOld = true;
  }

  /** A network that is stuck holds up its own pod's start no longer than it takes to say so. */
  #letStart(): void {
    const { gate } = this.#options;
    if (gate?.opensWithout !== true || !this.#runs.every((run) => run.ended || run.news.stuck)) return;
    this.#gateOpening.push(this.#scope.run(() => gate.open(true)).catch(() => undefined));
  }
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
  const done = await controlStep(context, (control) =>
    control.settle.executeWithOptions({ summary: `${step}; ${what}` }, [{ ...input, last }]),
  );
  if (done.outcome === 'stale') return 'stale';
  return done.outcome === 'published' ? done.marked : publish(context, runs, thenMark);
}

/** Writes status and events for what these lanes have done so far. @returns as the activity */
async function publish(context: RunContext, runs: readonly LaneRun[], thenMark?: string): Promise<boolean> {
  const { what, input } = statusOf(context, runs, thenMark);
  return controlStep(context, (control) => control.publishStatus.executeWithOptions({ summary: what }, [input]));
}

function statusOf(
  { pod }: RunContext,
  runs: readonly LaneRun[],
  thenMark: string | undefined,
): { readonly what: string; readonly input: PublishInput } {
  const attached = runs.flatMap(({ news }) => (news.attached === undefined ? [] : [news.attached]));
  const detached = runs.flatMap(({ news }) => news.detached);
  const left = runs.flatMap(({ news }) => news.left);
  const mark = thenMark === undefined ? {} : { thenMark };
  const what =
    thenMark === undefined ? 'publish status and events' : 'publish status and events, write the converged mark';
  return { what, input: { ...pod, attached, detached, ...(left.length === 0 ? {} : { left }), ...mark } };
}

/** News came in while the status could not be written: the next round publishes again. */
function ignoreInterruption(error: unknown): undefined {
  if (!(error instanceof Interrupted)) throw error;
}
