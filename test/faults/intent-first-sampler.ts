/** Looks again and again, while things run and die, whether a link of ours is without a record. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Lab } from '../../deploy/lab/lab.ts';
import { intentFirst } from '../lab/invariants.ts';

const PAUSE_MS = 700;

export class IntentFirstSampler {
  readonly #violations: string[] = [];
  readonly #stopping = new AbortController();
  readonly #loop: Promise<void>;
  looks = 0;

  constructor(lab: Lab) {
    this.#loop = this.#run(lab);
  }

  /** Ends the looking. @returns what was found */
  async stop(): Promise<readonly string[]> {
    this.#stopping.abort();
    await this.#loop;
    return this.#violations;
  }

  async #run(lab: Lab): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await intentFirst(lab).catch((error: unknown) => this.#violations.push((error as Error).message));
      this.looks += 1;
      await sleep(PAUSE_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}
