/**
 * Runs a plan's attachment tasks. The first tries follow one another; what fails goes on in the background; requests interrupt everything that waits.
 */
import { condition } from '@temporalio/workflow';
import type { Begun, LastStep, PublishInput } from '../../activities/control/control-contract.ts';
import type { AttachmentTask } from '../../domain/plan/plan.ts';
import { controlStep, RequestScope, type RoundContext } from '../steps/run-context.ts';
import type { GateKeeper } from './gate.ts';
import { TaskRun, type TaskEnd } from './task-run.ts';
import { Interrupted, Stale } from '../steps/outcome.ts';

export interface TasksOver {
  readonly ends: readonly TaskEnd[];
  /** Undefined: the converged record was not asked for, or the status could not be written. */
  readonly marked: boolean | undefined;
}

export interface TaskOptions {
  /** What was begun of the first task together with the observation. */
  readonly begun?: Begun | undefined;
  readonly gate?: GateKeeper;
  /** Inputs to write the converged record with after the last status; undefined: none. */
  readonly thenMark?: (ends: readonly TaskEnd[]) => string | undefined;
}

/** Runs all tasks to their end. The pod's status is published while some tasks still try, and at the end. */
export function runTasks(
  context: RoundContext,
  tasks: readonly AttachmentTask[],
  options: TaskOptions = {},
): Promise<TasksOver> {
  return new TasksOfAPod(context, tasks, options).run();
}

class TasksOfAPod {
  readonly #context: RoundContext;
  readonly #options: TaskOptions;
  readonly #runs: readonly TaskRun[];
  /** The tasks and the opening of the gate run in it. */
  readonly #scope: RequestScope;
  readonly #gateOpening: Promise<void>[] = [];
  /** `over`: no task runs any more, and nothing is published beside the tasks. */
  #state: 'running' | 'over' = 'running';
  #open: number;
  /** A step has a condition to report: from then on people see what the tasks do while others still try. */
  #hasCondition = false;
  #statusIsOld = false;
  /** The only task's last step went with the last status, or was to go with it: nothing is left to be published. */
  #settled = false;
  /** As in `TasksOver`. */
  #marked: boolean | undefined;
  /** An error of podwire's own in one task ends all tasks in good order: none may still run when the next round begins. */
  #unexpected: Error | undefined;

  constructor(context: RoundContext, tasks: readonly AttachmentTask[], options: TaskOptions) {
    this.#context = context;
    this.#options = options;
    this.#scope = new RequestScope(context);
    this.#open = tasks.length;
    const { begun } = options;
    // With other tasks beside it, a task says at once what it has done.
    const isOnly = tasks.length === 1;
    this.#runs = tasks.map(
      (task, index) =>
        new TaskRun(context, task, {
          onCondition: () => this.#onCondition(),
          ...(isOnly ? { settle: (last: LastStep) => this.#settle(last) } : {}),
          ...(index > 0 || begun === undefined ? {} : { begun }),
        }),
    );
  }

  async run(): Promise<TasksOver> {
    const publishing = this.#publishWhileRunning();
    const running = await this.#startInOrder();
    // None of these promises fails: no task may go on behind the next round's back.
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

  /** Each task's first try is waited for before the next task begins. */
  async #startInOrder(): Promise<Promise<TaskEnd>[]> {
    const running: Promise<TaskEnd>[] = [];
    for (const run of this.#runs) {
      const end = this.#scope.run(() => run.run()).catch((error: unknown) => this.#fail(error));
      running.push(end.finally(() => this.#onEnd()));
      await condition(() => run.report.yielded || this.#context.wake.hasRequest);
    }
    return running;
  }

  /** The last step of the only task, and the last status with it. @throws Interrupted, Stale */
  async #settle(last: LastStep): Promise<void> {
    this.#settled = true;
    // The task ends with `done` if this step succeeds.
    const inputs = this.#options.thenMark?.(['done']);
    const { what, input } = this.#status(inputs);
    const step = `${last.kind === 'result' ? 'record result' : 'forget'}: ${last.input.interfaceName}`;
    const done = await controlStep(this.#context, (control) =>
      control.settle.executeWithOptions({ summary: `${step}; ${what}` }, [{ ...input, last }]),
    );
    if (done.outcome === 'stale') throw new Stale('the record was written by somebody else');
    // The status alone is left, and is published when the task has ended.
    if (done.outcome === 'unpublished') this.#settled = false;
    else if (inputs !== undefined) this.#marked = done.marked;
  }

  /** What the tasks have come to, with the converged record where all is well. @throws Interrupted */
  async #publishLast(ends: readonly TaskEnd[]): Promise<void> {
    const inputs = this.#options.thenMark?.(ends);
    const marked = await this.#publish(inputs);
    if (inputs !== undefined) this.#marked = marked;
  }

  /** Writes status and events for what the tasks have done so far. @returns as the activity. @throws Interrupted */
  #publish(thenMark: string | undefined): Promise<boolean> {
    const { what, input } = this.#status(thenMark);
    return controlStep(this.#context, (control) =>
      control.publishStatus.executeWithOptions({ summary: what }, [input]),
    );
  }

  #status(thenMark: string | undefined): { readonly what: string; readonly input: PublishInput } {
    const report = this.#runs.map((run) => run.report);
    const attached = report.flatMap((each) => (each.attached === undefined ? [] : [each.attached]));
    const detached = report.flatMap((each) => each.detached);
    const left = report.flatMap((each) => each.left);
    const mark = thenMark === undefined ? {} : { thenMark };
    const what =
      thenMark === undefined ? 'publish status and events' : 'publish status and events, write the converged record';
    return {
      what,
      input: { ...this.#context.pod, attached, detached, ...(left.length === 0 ? {} : { left }), ...mark },
    };
  }

  get #isOver(): boolean {
    return this.#state === 'over';
  }

  #fail(error: unknown): TaskEnd {
    this.#unexpected ??= error instanceof Error ? error : new Error(String(error));
    this.#scope.cancel();
    return 'interrupted';
  }

  #onCondition(): void {
    this.#hasCondition = true;
    this.#statusIsOld = true;
    this.#letStart();
  }

  /** What is done shows at once while another task goes on in the background; otherwise the end is soon enough. */
  #onEnd(): void {
    this.#open -= 1;
    if (this.#open > 0) this.#letStart();
    if (this.#hasCondition && this.#open > 0) this.#statusIsOld = true;
  }

  /** A network that is stuck delays the start of its own pod no longer than it takes to say that the network is stuck. */
  #letStart(): void {
    const { gate } = this.#options;
    if (gate?.opensWithout !== true || !this.#runs.every((run) => run.ended || run.report.stuck)) return;
    this.#gateOpening.push(this.#scope.run(() => gate.open(true)).catch(() => undefined));
  }
}

/** Requests came in while the status could not be written: the next round publishes again. */
function ignoreInterruption(error: unknown): undefined {
  if (!(error instanceof Interrupted)) throw error;
}
