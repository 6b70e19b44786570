/**
 * What a node worker does about podwire's etcd as a whole: into one that was emptied or replaced it writes back what the node knows, and
 * while podwire is to be out of the cluster it keeps no schedule.
 */
import { restoreJournal } from '../activities/network/cni/restore-journal.ts';
import type { CniDeps } from '../activities/network/deps.ts';
import type { Logger } from '../adapters/log/logger.ts';
import type { StoreState } from '../domain/ports/store-state.ts';

export interface StoreWatchParts {
  readonly deps: CniDeps;
  readonly state: () => Promise<StoreState>;
  /** Publishes the node itself, and what else of it is read in etcd. */
  readonly publish: () => Promise<void>;
  readonly log: Logger;
}

export class StoreWatch {
  readonly #parts: StoreWatchParts;
  #id: string | undefined;
  #tornDown = false;

  constructor(parts: StoreWatchParts) {
    this.#parts = parts;
  }

  get isTornDown(): boolean {
    return this.#tornDown;
  }

  /** @throws PodwireError EtcdUnavailable, CriUnavailable: the next look begins again */
  async look(signal: AbortSignal): Promise<void> {
    const { deps, state, publish, log } = this.#parts;
    const { incarnation, teardown } = await state();
    this.#tornDown = teardown !== undefined;
    // The watcher begins a life of the store; until then nothing is attached that might have been attached before.
    if (incarnation === undefined || incarnation.id === this.#id) return;
    if (!(await deps.store.isRestored(deps.node))) {
      const { written, left } = await restoreJournal(deps, signal);
      await deps.store.putRestored(deps.node);
      log.info({ incarnation: incarnation.id, written, left }, "podwire's etcd is new: the journal was written back");
    }
    await publish();
    this.#id = incarnation.id;
  }
}
