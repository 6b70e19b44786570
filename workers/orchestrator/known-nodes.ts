/**
 * Which nodes the figures of the cluster name. A node's record stays in etcd when the node is gone, and where nodes come and go with new names
 * the records become ever more.
 */
import type { NodeLook } from '../../adapters/etcd/node-looks.ts';
import { allWithLimit } from '../../domain/concurrency/with-limit.ts';

/** A node whose worker has looked since then is named, whatever the API says of it. */
const SEEN_MS = 24 * 3_600_000;
/** A name that no node had may be given to a new one. */
const GONE_MS = 3_600_000;
const AT_ONCE = 8;

export class KnownNodes {
  readonly #exists: (node: string) => Promise<boolean>;
  readonly #now: () => number;
  /** When the API had no such node, in milliseconds since the epoch. */
  readonly #goneAt = new Map<string, number>();

  /** @param exists whether there is such a node */
  constructor(exists: (node: string) => Promise<boolean>, now: () => number = Date.now) {
    this.#exists = exists;
    this.#now = now;
  }

  /** Those of nodes that exist or were seen within a day. While nobody can say whether a node exists it counts as one that does. */
  async of(looks: readonly NodeLook[]): Promise<NodeLook[]> {
    let isAway = false;
    const isNamed = await allWithLimit(looks, AT_ONCE, async ({ node, lookedAt }): Promise<boolean> => {
      const now = this.#now();
      if (lookedAt !== undefined && now - Date.parse(lookedAt) < SEEN_MS) return true;
      if (now - (this.#goneAt.get(node) ?? -Infinity) < GONE_MS) return false;
      this.#goneAt.delete(node);
      if (isAway) return true;
      try {
        if (await this.#exists(node)) return true;
      } catch {
        isAway = true;
        return true;
      }
      this.#goneAt.set(node, now);
      return false;
    });
    return looks.filter((_, index) => isNamed[index] === true);
  }
}
