/**
 * Runs a plan's lanes. The first tries follow one another; what fails goes on in the background; news interrupt everything that waits.
 */
import { condition } from '@temporalio/workflow';
import type { Begun, LastStep, PublishInput } from '../activities/control/inputs.ts';
import type { Lane } from '../domain/plan.ts';
import { controlStep, NewsScope, type RoundContext } from './context.ts';
import type { GateKeeper } from './gate.ts';
import { LaneRun, type LaneEnd } from './lane.ts';
import { Interrupted, Stale } from './outcome.ts';

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
export function runLanes(context: RoundContext, lanes: readonly Lane[], options: LaneOptions = {}): Promise<LanesOver> {
  return new LanesOfAPod(context, lanes, options).run();
}

class LanesOfAPod {
  readonly #context: RoundContext;
  readonly #options: LaneOptions;
  readonly #runs: readonly LaneRun[];
  /** The lanes and the opening of the gate run in it. */
  readonly #scope: NewsScope;
  readonly #gateOpening: Promise<void>[] = [];
  /** `over`: no lane runs any more, and nothing is published beside the lanes. */
  #state: 'running' | 'over' = 'running';
  #open: number;
  /** A step was in trouble: from then on people see what the lanes do while others still try. */
  #troubled = false;
  #statusIsOld = false;
  /** The only lane's last step went with the last status, or was to go with it: nothing is left to be published. */
  #settled = false;
  /** As in `LanesOver`. */
  #marked: boolean | undefined;
  /** An error of podwire's own in one lane ends all lanes in good order: none may still run when the next round begins. */
  #unexpected: Error | undefined;

  constructor(context: RoundContext, lanes: readonly Lane[], options: LaneOptions) {
    this.#context = context;
    this.#options = options;
    this.#scope = new NewsScope(context);
    this.#open = lanes.length;
    const { begun } = options;
    // With other lanes beside it, a lane says at once what it has done.
    const isOnly = lanes.length === 1;
    this.#runs = lanes.map(
      (lane, index) =>
        new LaneRun(context, lane, {
          onTrouble: () => this.#onTrouble(),
          ...(isOnly ? { settle: (last: LastStep) => this.#settle(last) } : {}),
          ...(index > 0 || begun === undefined ? {} : { begun }),
        }),
    );
  }

  async run(): Promise<LanesOver> {
    const publishing = this.#publishWhileRunning();
    const running = await this.#startInOrder();
    // None of these promises fails: no lane may go on behind the next round's back.
    const ends = await Promise.all(running);
    await Promise.all(this.#gateOpening);
    this.#state = 'over';
    await Promise.all([this.#scope.close(), publishing]);
    if (!this.#settled) await this.#publishLast(ends).catch(ignoreInterruption);
    if (this.#unexpected !== undefined) throw this.#unexpected;
    return { ends, marked: this.#marked };
  }

  async #publishWhileRunning(): Promise<void> {
    for (;;) {
      await condition(() => this.#isOver || this.#statusIsOld);
      if (this.#isOver) return;
      this.#statusIsOld = false;
      await this.#publish(undefined).catch(ignoreInterruption);
    }
  }

  /** Each lane's first try is waited for before the next lane begins. */
  async #startInOrder(): Promise<Promise<LaneEnd>[]> {
    const running: Promise<LaneEnd>[] = [];
    for (const run of this.#runs) {
      const end = this.#scope.run(() => run.run()).catch((error: unknown) => this.#fail(error));
      running.push(end.finally(() => this.#onEnd()));
      await condition(() => run.news.yielded || this.#context.wake.hasNews);
    }
    return running;
  }

  /** The last step of the only lane, and the last status with it. @throws Interrupted, Stale */
  async #settle(last: LastStep): Promise<void> {
    this.#settled = true;
    // The lane ends with `done` if this step succeeds.
    const inputs = this.#options.thenMark?.(['done']);
    const { what, input } = this.#status(inputs);
    const step = `${last.kind === 'result' ? 'record result' : 'forget'}: ${last.input.interfaceName}`;
    const done = await controlStep(this.#context, (control) =>
      control.settle.executeWithOptions({ summary: `${step}; ${what}` }, [{ ...input, last }]),
    );
    if (done.outcome === 'stale') throw new Stale('the record was written by somebody else');
    // The status alone is left, and is published when the lane has ended.
    if (done.outcome === 'unpublished') this.#settled = false;
    else if (inputs !== undefined) this.#marked = done.marked;
  }

  /** What the lanes have come to, with the mark where all is well. @throws Interrupted */
  async #publishLast(ends: readonly LaneEnd[]): Promise<void> {
    const inputs = this.#options.thenMark?.(ends);
    const marked = await this.#publish(inputs);
    if (inputs !== undefined) this.#marked = marked;
  }

  /** Writes status and events for what the lanes have done so far. @returns as the activity. @throws Interrupted */
  #publish(thenMark: string | undefined): Promise<boolean> {
    const { what, input } = this.#status(thenMark);
    return controlStep(this.#context, (control) =>
      control.publishStatus.executeWithOptions({ summary: what }, [input]),
    );
  }

  #status(thenMark: string | undefined): { readonly what: string; readonly input: PublishInput } {
    const news = this.#runs.map((run) => run.news);
    const attached = news.flatMap((each) => (each.attached === undefined ? [] : [each.attached]));
    const detached = news.flatMap((each) => each.detached);
    const left = news.flatMap((each) => each.left);
    const mark = thenMark === undefined ? {} : { thenMark };
    const what =
      thenMark === undefined ? 'publish status and events' : 'publish status and events, write the converged mark';
    return {
      what,
      input: { ...this.#context.pod, attached, detached, ...(left.length === 0 ? {} : { left }), ...mark },
    };
  }

  get #isOver(): boolean {
    return this.#state === 'over';
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

  /** A network that is stuck delays the start of its own pod no longer than it takes to say that the network is stuck. */
  #letStart(): void {
    const { gate } = this.#options;
    if (gate?.opensWithout !== true || !this.#runs.every((run) => run.ended || run.news.stuck)) return;
    this.#gateOpening.push(this.#scope.run(() => gate.open(true)).catch(() => undefined));
  }
}

/** News came in while the status could not be written: the next round publishes again. */
function ignoreInterruption(error: unknown): undefined {
  if (!(error instanceof Interrupted)) throw error;
}
