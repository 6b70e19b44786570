/**
 * Remembers for a moment what was observed, so that the later steps of a run do not ask the API and etcd again for what its observation
 * saw: a change in between is signalled, and the next round observes anew. Only for callers that compare the inputs, that write on
 * conditions, or that write something which is right whatever they have missed.
 */
import { dropOldest } from '../../domain/drop-oldest.ts';
import type { PodRecords } from '../../domain/ports/record-store.ts';
import type { Desired } from './desired.ts';

interface Observed {
  readonly desired: Desired;
  readonly recorded: PodRecords;
}

export class RecentlyObserved {
  readonly #byPod = new Map<string, Observed & { readonly readAt: number }>();

  put(desired: Desired, recorded: PodRecords): void {
    this.#byPod.delete(desired.pod.uid);
    this.#byPod.set(desired.pod.uid, { desired, recorded, readAt: performance.now() });
    dropOldest(this.#byPod, RECENT_PODS);
  }

  /** What was read of the pod less than a second ago, if it had these inputs. */
  get(podUid: string, inputsHash: string): Observed | undefined {
    const observed = this.#notOlderThan(podUid, RECENT_MS);
    return observed?.desired.inputsHash === inputsHash ? observed : undefined;
  }

  /** The wishes that the run which is ending now has most likely worked with. */
  ofRun(podUid: string): Desired | undefined {
    return this.#notOlderThan(podUid, RUN_MS)?.desired;
  }

  #notOlderThan(podUid: string, ms: number): Observed | undefined {
    const recent = this.#byPod.get(podUid);
    return recent === undefined || performance.now() - recent.readAt > ms ? undefined : recent;
  }
}

const RECENT_MS = 1_000;
/** In a burst of forty pods a run takes that long. */
const RUN_MS = 5_000;
const RECENT_PODS = 200;
