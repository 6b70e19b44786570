/**
 * Remembers for a moment what an observation has read. An observation in a run's history has only names and fingerprints; the run's later
 * steps need the whole selections. They are other activities, but of the same process, and so they find here what they would otherwise read
 * from the API and etcd again. docs/concepts.md says what that saves. Where nothing is remembered, each step reads for itself.
 *
 * What is remembered may be old: a change in between is signalled, and the next round observes anew. Only steps may ask that compare the
 * inputs, that write on conditions, or whose writes are right whatever they have missed.
 */
import { dropOldest } from '../../domain/drop-oldest.ts';
import type { PodRecords } from '../../domain/ports/record-store.ts';
import type { DesiredState } from './desired-state.ts';

interface Observed {
  readonly desiredState: DesiredState;
  readonly recorded: PodRecords;
}

export class RecentlyObserved {
  readonly #byPod = new Map<string, Observed & { readonly readAt: number }>();

  put(desiredState: DesiredState, recorded: PodRecords): void {
    this.#byPod.delete(desiredState.pod.uid);
    this.#byPod.set(desiredState.pod.uid, { desiredState, recorded, readAt: performance.now() });
    dropOldest(this.#byPod, RECENT_PODS);
  }

  /** What was read of the pod less than a second ago, if it had these inputs. */
  get(podUid: string, inputsHash: string): Observed | undefined {
    const observed = this.#notOlderThan(podUid, RECENT_MS);
    return observed?.desiredState.inputsHash === inputsHash ? observed : undefined;
  }

  /** The desired networks that the pod's run has most likely worked with, for the steps at its end. */
  ofRun(podUid: string): DesiredState | undefined {
    return this.#notOlderThan(podUid, RUN_MS)?.desiredState;
  }

  #notOlderThan(podUid: string, ms: number): Observed | undefined {
    const recent = this.#byPod.get(podUid);
    return recent === undefined || performance.now() - recent.readAt > ms ? undefined : recent;
  }
}

const RECENT_MS = 1_000;
/** A run takes that long in a burst of forty pods. */
const RUN_MS = 5_000;
const RECENT_PODS = 200;
