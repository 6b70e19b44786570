/**
 * podSandbox: what follows from a sandbox's ADD and DEL as podwire's primary network (ADR 56). Nobody waits for it but a DEL, for its hooks and
 * for 5 s. The node has done its part when the run begins: here etcd is brought to what the node's disk says, other teams' hooks are called,
 * and what a DEL has left is given back. The run ends when there is nothing to do; the next ADD or DEL of the sandbox starts another one.
 */
import {
  allHandlersFinished,
  CancellationScope,
  condition,
  continueAsNew,
  defineSignal,
  defineUpdate,
  setHandler,
} from '@temporalio/workflow';
import {
  BEFORE_REMOVAL,
  SANDBOX_ADDED,
  SANDBOX_ENDED,
  type PodSandboxInput,
  type PreRemovalAnswer,
  type PreRemovalRequest,
  type SandboxEnd,
  type SandboxNews,
  type SandboxReport,
} from '../../domain/primary/sandbox-run.ts';
import * as options from '../steps/activity-options.ts';
import { needsFreshHistory } from '../steps/fresh-history.ts';
import { callHooks } from './hook-calls.ts';
import { GoesOnLater, NodeGone, SandboxStep } from './sandbox-step.ts';
import { SandboxProgress } from './sandbox-progress.ts';

const sandboxAdded = defineSignal<[SandboxNews]>(SANDBOX_ADDED);
const sandboxEnded = defineSignal<[SandboxEnd]>(SANDBOX_ENDED);
const beforeRemoval = defineUpdate<PreRemovalAnswer, [PreRemovalRequest]>(BEFORE_REMOVAL);

export async function podSandbox(input: PodSandboxInput): Promise<SandboxReport> {
  const run = new SandboxRun(input);
  setHandler(sandboxAdded, (news) => run.added(news));
  setHandler(sandboxEnded, (end) => run.ended(end));
  setHandler(beforeRemoval, (request) => run.beforeRemoval(request));
  const left = await run.untilNothingIsLeft();
  if (left !== undefined) await continueAsNew<typeof podSandbox>(left);
  return run.report();
}

class SandboxRun {
  readonly #input: PodSandboxInput;
  readonly #progress: SandboxProgress;
  readonly #step: SandboxStep;
  #added: SandboxNews | undefined;
  /** Of a DEL: the hooks that are not over. */
  #removal: Omit<SandboxEnd, 'upTo'> | undefined;
  /** Of a DEL that has been at work. */
  #upTo: number | undefined;
  #isOver = false;
  /** What is told from here on was not known when the run began. */
  #isBegun = false;
  /** Of what it is recording or has recorded: etcd may have lost it since. */
  #isToldAgain = false;

  constructor(input: PodSandboxInput) {
    this.#input = input;
    this.#added = input.added;
    this.#removal = input.removal;
    this.#upTo = input.upTo;
    this.#progress = new SandboxProgress(input);
    this.#step = new SandboxStep(input.node, this.#progress);
  }

  added(news: SandboxNews): void {
    // Told once more of what it is at work on: its hooks keep their pauses.
    if (JSON.stringify(news) !== JSON.stringify(this.#added)) this.#added = news;
    else this.#isToldAgain = this.#isBegun;
  }

  /** What was to be done for the ADD is not to be begun any more. */
  ended({ sandbox, hooks, upTo }: SandboxEnd): void {
    this.#remove(sandbox, hooks);
    this.#upTo = Math.max(this.#upTo ?? 0, upTo);
  }

  async beforeRemoval({ sandbox, hooks, seconds }: PreRemovalRequest): Promise<PreRemovalAnswer> {
    this.#remove(sandbox, hooks);
    const pending = (): string[] => hooks.filter((hook) => this.#removal?.hooks.includes(hook) === true);
    await condition(() => this.#isOver || pending().length === 0, `${seconds}s`);
    return { pending: pending() };
  }

  report(): SandboxReport {
    return this.#progress.report();
  }

  /** @returns what the next run is to go on with; undefined when all is done */
  async untilNothingIsLeft(): Promise<PodSandboxInput | undefined> {
    try {
      for (;;) {
        if (this.#removal !== undefined) await this.#end(this.#removal.sandbox);
        else if (this.#added !== undefined) await this.#settle(this.#added);
        else {
          // A signal that has come meanwhile is seen by the next turn of this loop: nothing is awaited between here and there but handlers.
          this.#isOver = true;
          await condition(allHandlersFinished);
          if (this.#removal === undefined && this.#added === undefined) return undefined;
          this.#isOver = false;
        }
      }
    } catch (error) {
      if (error instanceof NodeGone) this.#progress.ended('node-gone');
      else if (!(error instanceof GoesOnLater)) throw error;
      this.#isOver = true;
      await condition(allHandlersFinished);
      return error instanceof NodeGone ? undefined : this.#left();
    }
  }

  #left(): PodSandboxInput {
    const { node, sandboxId } = this.#input;
    return {
      ...{ node, sandboxId },
      ...(this.#added === undefined ? {} : { added: this.#added }),
      ...(this.#removal === undefined ? {} : { removal: this.#removal }),
      ...(this.#upTo === undefined ? {} : { upTo: this.#upTo }),
    };
  }

  #remove(sandbox: SandboxEnd['sandbox'], hooks: readonly string[]): void {
    const known = this.#removal?.hooks ?? [];
    this.#removal = { sandbox, hooks: [...known, ...hooks.filter((hook) => !known.includes(hook))] };
    this.#added = undefined;
  }

  /** Gives way to a DEL. */
  async #settle(news: SandboxNews): Promise<void> {
    const scope = new CancellationScope();
    let isDone = false;
    const work = scope
      .run(() => this.#recordAndTell(news))
      .finally(() => {
        isDone = true;
      });
    const giveWay = condition(() => isDone || this.#added !== news);
    await Promise.race([work.catch(() => undefined), giveWay]);
    const gaveWay = !isDone;
    if (gaveWay) scope.cancel();
    try {
      await work;
      if (this.#added === news) this.#added = undefined;
    } catch (error) {
      if (!gaveWay) throw error;
    }
  }

  async #recordAndTell({ sandbox, hooks }: SandboxNews): Promise<void> {
    const { sandboxId } = sandbox;
    this.#isBegun = true;
    const first = await this.#step.record({ sandboxId, hooks: { wanted: hooks, done: [] } });
    if (first === undefined || !first.isHeld) return;
    const recordAgain = async (done: readonly string[]): Promise<void> => {
      while (this.#isToldAgain) {
        this.#isToldAgain = false;
        await this.#step.record({ sandboxId, hooks: { wanted: hooks, done } });
      }
    };
    this.#progress.ended('recorded');
    let { left } = first;
    for (let pause: number = options.HOOK_PAUSE_SECONDS.first; left.length > 0;) {
      const before = left;
      left = await this.#call('post-add', sandbox, left);
      const done = before.filter((hook) => !left.includes(hook));
      if (done.length > 0) await this.#step.record({ sandboxId, hooks: { wanted: hooks, done } });
      if (left.length === 0) break;
      if (needsFreshHistory()) throw new GoesOnLater();
      await condition(() => this.#added === undefined, `${pause}s`);
      pause = Math.min(pause * 2, options.HOOK_PAUSE_SECONDS.longest);
      await recordAgain(hooks.filter((hook) => !left.includes(hook)));
    }
    await this.#step.verify(sandboxId);
    await recordAgain(hooks);
  }

  async #end(sandbox: SandboxEnd['sandbox']): Promise<void> {
    const { sandboxId } = sandbox;
    await this.#callBeforeEnd(sandbox);
    // Between the hooks of a DEL and its end there is the node's work.
    if (this.#upTo === undefined)
      await condition(() => this.#upTo !== undefined || this.#hooksBeforeEnd.length > 0, options.SANDBOX_LINGER);
    const upTo = this.#upTo;
    if (this.#hooksBeforeEnd.length > 0) return;
    if (upTo !== undefined) await this.#step.end({ sandboxId, upTo, forget: true });
    if (this.#hooksBeforeEnd.length > 0 || this.#upTo !== upTo) return;
    this.#removal = undefined;
    this.#upTo = undefined;
    if (upTo !== undefined) this.#progress.ended('ended');
  }

  get #hooksBeforeEnd(): readonly string[] {
    return this.#removal?.hooks ?? [];
  }

  /** Until all are over. */
  async #callBeforeEnd(sandbox: SandboxEnd['sandbox']): Promise<void> {
    let released: number | undefined;
    for (let pause: number = options.HOOK_PAUSE_SECONDS.first; this.#hooksBeforeEnd.length > 0;) {
      const before = this.#hooksBeforeEnd;
      const left = await this.#call('pre-removal', sandbox, before);
      const over = before.filter((hook) => !left.includes(hook));
      const hooks = this.#hooksBeforeEnd.filter((hook) => !over.includes(hook));
      this.#removal = { sandbox, hooks };
      if (hooks.length === 0) return;
      if (needsFreshHistory()) throw new GoesOnLater();
      const upTo = this.#upTo;
      // The record stays until the hooks are over, for whoever compares; all else goes at once.
      if (upTo !== undefined && upTo !== released)
        await this.#step.end({ sandboxId: sandbox.sandboxId, upTo, forget: false });
      released = upTo;
      await condition(() => this.#upTo !== upTo || this.#hooksBeforeEnd.length !== hooks.length, `${pause}s`);
      pause = Math.min(pause * 2, options.HOOK_PAUSE_SECONDS.longest);
    }
  }

  #call(hook: 'post-add' | 'pre-removal', sandbox: SandboxEnd['sandbox'], hooks: readonly string[]) {
    return callHooks({ ...sandbox, hook, node: this.#input.node }, hooks, this.#progress);
  }
}
