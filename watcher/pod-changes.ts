/** Turns changes of the pod cache and of the ConfigMap into observations for `PodSignals`. */
import type { RelistReason } from '../adapters/kubernetes/list-watch.ts';
import type { Change } from '../adapters/kubernetes/uid-cache.ts';
import type { PodView } from '../domain/pod/pod-view.ts';
import { inChunks } from './chunks.ts';
import type { PodInputsReader } from './pod-inputs.ts';
import type { PodSignals } from './pod-signals.ts';

export class PodChanges {
  readonly #inputs: PodInputsReader;
  readonly #signals: PodSignals;
  readonly #views: () => Iterable<PodView>;
  readonly #stop: AbortSignal;
  #passing = false;
  #passAgain = false;

  constructor(inputs: PodInputsReader, signals: PodSignals, views: () => Iterable<PodView>, stop: AbortSignal) {
    this.#inputs = inputs;
    this.#signals = signals;
    this.#views = views;
    this.#stop = stop;
  }

  take(change: Change<PodView>, relist: RelistReason | undefined): void {
    const { view } = change;
    if (change.type === 'deleted') {
      const counted = this.#inputs.isSelected(view) && view.phaseClass !== 'waiting';
      this.#signals.gone(view, counted, 'pod deleted');
      return;
    }
    // The first list is a whole cluster of pods that are most likely converged: `RelistCheck` goes through it at its own pace.
    if (relist === 'start') return;
    this.#consider(view, relist === undefined ? 'pod changed' : 'pod changed while not watched');
  }

  /** Looks at every pod again under a new ConfigMap, in chunks so that events are taken in between. */
  async reconsiderAll(reason: string): Promise<void> {
    if (this.#passing) {
      this.#passAgain = true;
      return;
    }
    this.#passing = true;
    try {
      do {
        this.#passAgain = false;
        await inChunks(this.#views(), this.#stop, (view) => {
          this.#consider(view, reason);
        });
      } while (this.#passAgain && !this.#stop.aborted);
    } finally {
      this.#passing = false;
    }
  }

  #consider(view: PodView, reason: string): void {
    // Parsing and hashing is for pods that carry the label, or carried it.
    if (!this.#inputs.isSelected(view) && !this.#signals.knows(view.uid)) return;
    const { hash, wanting, networks } = this.#inputs.read(view);
    const definitions = this.#inputs.definitionsOf(view);
    this.#signals.observe({ ...view, definitions, networks }, hash, wanting, reason);
  }
}
