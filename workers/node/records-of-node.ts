/**
 * What looks at a node's attachments rests while there are none: nothing can come to the node that etcd does not tell, since whatever is done
 * there is recorded first.
 */
import type { Pace } from '../pace.ts';

export class RecordsOfNode {
  readonly #paces: readonly Pace[];
  #isHeard = false;

  /** @param paces of all that rests */
  constructor(paces: readonly Pace[]) {
    this.#paces = paces;
  }

  /** Whether etcd tells what comes to be recorded of the node. */
  heard(isHeard: boolean): void {
    this.#isHeard = isHeard;
    if (!isHeard) for (const pace of this.#paces) pace.heard(false);
  }

  changed(): void {
    for (const pace of this.#paces) pace.changed();
  }

  /** To be called after each look. @param isEmpty whether it found nothing that could change without a record */
  rest(pace: Pace, isEmpty: boolean): void {
    pace.heard(this.#isHeard && isEmpty);
  }
}
