/** In which phase a step on a node is (ADR 33), and which phase follows a failure. Without effects of its own. */
import type { ActivityOptions } from '@temporalio/workflow';
import * as options from './activity-options.ts';

export class StepPhases {
  #phase: 'first' | 'quick' | 'stuck' | 'away' = 'first';
  /** The step waits for other steps in the sandbox, instead of making the tries of its phase. */
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
   * Another step works in the sandbox. A step that is stuck keeps its pace all the same: otherwise sixteen stuck networks of a pod would
   * ask the server for a try each second, for ever.
   * @returns whether the step now waits for its turn
   */
  busy(): boolean {
    this.#waits = this.#phase !== 'stuck';
    return this.#waits;
  }

  /** No worker of the node took the step. */
  away(): void {
    this.#phase = 'away';
    this.#waits = false;
  }

  /** The step itself failed. @returns what a person is to be told; undefined while there are quick tries */
  failed(): 'Stuck' | undefined {
    const waited = this.#waits;
    this.#waits = false;
    // The try after a wait counts as a quick one. Waiting therefore neither uses up the quick tries nor adds to them for ever.
    if (waited && this.#phase === 'quick') this.#quickTries -= 1;
    const isQuick = this.#phase === 'first' || (waited && this.#phase !== 'stuck' && this.#quickTries > 0);
    this.#phase = isQuick ? 'quick' : 'stuck';
    return isQuick ? undefined : 'Stuck';
  }
}
