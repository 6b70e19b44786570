/** Where a step on a node is in its life (ADR 33), and where a failure takes it; without effects of its own. */
import type { ActivityOptions } from '@temporalio/workflow';
import * as options from './activity-options.ts';

export class StepPhases {
  #phase: 'first' | 'quick' | 'stuck' | 'away' = 'first';
  /** For other steps in the sandbox, instead of the phase's own tries. */
  #waits = false;
  #quickTries: number = options.QUICK_TRIES;

  /** How the next activity is to be tried. */
  get options(): ActivityOptions {
    if (this.#waits) return options.NODE_BUSY;
    switch (this.#phase) {
      case 'first':
        return options.NODE_FIRST;
      case 'quick':
        return { ...options.NODE_QUICK, retry: { ...options.NODE_QUICK.retry, maximumAttempts: this.#quickTries } };
      case 'stuck':
        return options.NODE_STUCK;
      case 'away':
        return options.NODE_AWAY;
    }
  }

  /**
   * Another step works in the sandbox. Of a step that is stuck that is no news: it keeps its pace, or sixteen stuck networks of a pod
   * would ask the server for a try each second, for ever.
   * @returns whether the step now waits for its turn
   */
  busy(): boolean {
    this.#waits = this.#phase !== 'stuck';
    return this.#waits;
  }

  /** Nobody took the step. */
  away(): void {
    this.#phase = 'away';
    this.#waits = false;
  }

  /** The step itself failed. @returns what a person is to be told; undefined while there are quick tries */
  failed(): 'Stuck' | undefined {
    const waited = this.#waits;
    this.#waits = false;
    // The try after a wait is one of the quick ones, so that waiting neither uses them up nor gives more of them for ever.
    if (waited && this.#phase === 'quick') this.#quickTries -= 1;
    const isQuick = this.#phase === 'first' || (waited && this.#phase !== 'stuck' && this.#quickTries > 0);
    this.#phase = isQuick ? 'quick' : 'stuck';
    return isQuick ? undefined : 'Stuck';
  }
}
