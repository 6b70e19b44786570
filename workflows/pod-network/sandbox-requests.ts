/**
 * What the CNI server of a node asks of a pod's run (ADR 52): that the networks of a sandbox are there before its containers start, and that
 * they are gone before its network namespace is. The requests are updates: whoever asks waits for the answer.
 */
import { allHandlersFinished, condition } from '@temporalio/workflow';
import type { NetworksTable, Release, SandboxRequest } from '../../domain/messages.ts';
import type { Observation } from '../../domain/plan/observation.ts';
import { isExecTarget } from '../../domain/target.ts';
import { networkRows } from './network-rows.ts';
import type { TaskView } from './progress.ts';
import type { Wake } from './wake.ts';

/** What a round has come to that did all that it could. */
interface Settled {
  readonly observation: Observation;
  readonly refused: boolean;
  readonly table: NetworksTable;
}

export class SandboxRequests {
  readonly #wake: Wake;
  /** Of the present round. */
  readonly #tasks: () => readonly TaskView[];
  #ending: string | undefined;
  /** What the present round has seen; undefined: it is looking. */
  #observed: Observation | undefined;
  /** Sandboxes that were asked for since the present look began, which it may have missed. */
  #askedMeanwhile: string[] = [];
  /** The last round that did all that it could. */
  #settled: Settled | undefined;
  #isOver = false;

  /** @param ending as in `PodNetworkInput` */
  constructor(wake: Wake, ending: string | undefined, tasks: () => readonly TaskView[]) {
    this.#wake = wake;
    this.#ending = ending;
    this.#tasks = tasks;
  }

  /** For the look of a round, and for a run that continues this one. */
  get ending(): { readonly ending?: string } {
    return this.#ending === undefined ? {} : { ending: this.#ending };
  }

  async awaitNetworks({ sandboxId, seconds }: SandboxRequest): Promise<NetworksTable> {
    if (this.#ending === sandboxId) this.#ending = undefined;
    this.#seeToIt(sandboxId);
    await condition(() => this.#isOver || hasNetworks(this.#settled, sandboxId), `${seconds}s`);
    if (hasNetworks(this.#settled, sandboxId)) return this.#settled.table;
    const networks = this.#observed === undefined ? [] : networkRows(this.#observed, this.#tasks(), false);
    return { networks, mayStart: false, isSettled: false };
  }

  async releaseSandbox({ sandboxId, seconds }: SandboxRequest): Promise<Release> {
    // A run that was started for this very request looks with it from the start.
    if (this.#ending !== sandboxId) {
      this.#ending = sandboxId;
      this.#settled = undefined;
      this.#wake.change();
    }
    await condition(() => this.#isOver || isEmpty(this.#settled, sandboxId), `${seconds}s`);
    return { released: isEmpty(this.#settled, sandboxId) && !this.#settled.refused };
  }

  /** A round begins to look at the pod. */
  looks(): void {
    this.#observed = undefined;
    this.#askedMeanwhile = [];
  }

  observed(observation: Observation): void {
    this.#observed = observation;
    const { sandboxId: seen } = observation;
    // The pod has another sandbox by now, and what is in others goes without further words.
    if (seen !== undefined && seen !== this.#ending) this.#ending = undefined;
    for (const sandboxId of this.#askedMeanwhile) this.#seeToIt(sandboxId);
  }

  /** The present round has done all that it could. @param refused something of it, for good */
  settled(observation: Observation, refused: boolean): void {
    const networks = networkRows(observation, this.#tasks(), true);
    const mayStart = !refused || observation.onRefusal !== 'shut';
    this.#settled = { observation, refused, table: { networks, mayStart, isSettled: true } };
  }

  /** The run is about to end: whoever still waits gets an answer. */
  async over(): Promise<void> {
    this.#isOver = true;
    await condition(allHandlersFinished);
  }

  #seeToIt(sandboxId: string): void {
    if (this.#observed === undefined) this.#askedMeanwhile.push(sandboxId);
    else if (this.#observed.sandboxId !== sandboxId) this.#wake.change();
  }
}

/** Whether the pod has in the sandbox what it is to have there. The networks of some pods are none of a sandbox's. */
function hasNetworks(settled: Settled | undefined, sandboxId: string): settled is Settled {
  if (settled === undefined) return false;
  const { node, presence, sandboxId: seen } = settled.observation;
  return seen === sandboxId || isExecTarget(node) || presence === 'host-network';
}

/** Whether a round has looked after what was attached in the sandbox, and has taken it away. */
function isEmpty(settled: Settled | undefined, sandboxId: string): settled is Settled {
  if (settled === undefined) return false;
  const { presence, sandboxId: seen, endingSandboxId } = settled.observation;
  if (endingSandboxId === sandboxId || presence === 'absent' || presence === 'ended') return true;
  return seen !== undefined && seen !== sandboxId;
}
