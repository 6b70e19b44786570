/**
 * Who may work in a sandbox now (ADR 33): one step at a time, one more may wait for a moment, and whoever comes besides is told at
 * once to come again. Each holds one of the worker's slots, of which other pods want some too; the wait itself is the server's.
 */
import { PodwireError } from '../../domain/failures.ts';
import { KeyedMutex } from '../concurrency/keyed-mutex.ts';

/** What a step is about. */
export interface StepOfSandbox {
  readonly podUid: string;
  readonly sandboxId: string;
  readonly interfaceName: string;
  /** Of the attachment's record: another one is another step. */
  readonly modRevision: string;
}

/** Longest wait for another operation on the same sandbox. */
const LOCK_WAIT_MS = 200;
/** Slots of a pod. */
const STEPS_OF_POD = 2;
/** Those who were told to come again do so within a second and a bit; if they do not, nobody waits for them any more. */
const GIVES_WAY_MS = 2_000;

export class SandboxLocks {
  readonly #mutex = new KeyedMutex();
  readonly #stepsOfPod = new Map<string, number>();
  /** By sandbox. */
  readonly #working = new Map<string, string>();
  /** By sandbox: the step that has had its turn while another one was told to come again. */
  readonly #givesWay = new Map<string, { readonly step: string; readonly until: number }>();

  /** As `KeyedMutex.run`, for whoever is no pod's step. */
  run<T>(sandboxId: string, waitMs: number, refuse: () => Error, work: () => Promise<T>): Promise<T> {
    return this.#mutex.run(sandboxId, waitMs, refuse, work);
  }

  /** Runs a step alone in its sandbox. @throws PodwireError SandboxBusy */
  async step<T>(of: StepOfSandbox, work: () => Promise<T>): Promise<T> {
    const { podUid, sandboxId } = of;
    const step = `${of.interfaceName}/${of.modRevision}`;
    // A step that hangs and is tried again at once would have the sandbox for ever.
    if (this.#hasToGiveWay(sandboxId, step))
      throw busy(`another network of pod ${podUid} waits for sandbox ${sandboxId}`);
    const steps = this.#stepsOfPod.get(podUid) ?? 0;
    if (steps >= STEPS_OF_POD) {
      this.#noteWaiting(sandboxId, step);
      throw busy(`pod ${podUid} has ${steps} steps on this node, and no more at once`);
    }
    this.#stepsOfPod.set(podUid, steps + 1);
    try {
      return await this.#alone(sandboxId, step, work);
    } finally {
      const left = (this.#stepsOfPod.get(podUid) ?? 1) - 1;
      if (left === 0) this.#stepsOfPod.delete(podUid);
      else this.#stepsOfPod.set(podUid, left);
    }
  }

  #alone<T>(sandboxId: string, step: string, work: () => Promise<T>): Promise<T> {
    const refuse = (): Error => {
      this.#noteWaiting(sandboxId, step);
      return busy(`sandbox ${sandboxId} has another operation for more than ${LOCK_WAIT_MS} ms`);
    };
    return this.#mutex.run(sandboxId, LOCK_WAIT_MS, refuse, async () => {
      this.#working.set(sandboxId, step);
      this.#givesWay.delete(sandboxId);
      try {
        return await work();
      } finally {
        this.#working.delete(sandboxId);
      }
    });
  }

  #noteWaiting(sandboxId: string, step: string): void {
    const now = performance.now();
    for (const [key, { until }] of this.#givesWay) if (until < now) this.#givesWay.delete(key);
    const working = this.#working.get(sandboxId);
    if (working === undefined || working === step) return;
    this.#givesWay.set(sandboxId, { step: working, until: now + GIVES_WAY_MS });
  }

  #hasToGiveWay(sandboxId: string, step: string): boolean {
    const last = this.#givesWay.get(sandboxId);
    return last?.step === step && performance.now() < last.until && this.#working.get(sandboxId) !== step;
  }
}

const busy = (why: string): PodwireError => new PodwireError('SandboxBusy', why);
