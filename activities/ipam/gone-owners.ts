/** Addresses of nodes that are gone for good are given back: nobody else sees to what the worker of such a node has left. */
import type { AddressPools } from '../../domain/ports/address-pools.ts';
import type { Cluster } from '../../domain/ports/cluster.ts';
import type { PoolUpkeep } from '../../domain/ports/pool-upkeep.ts';
import { nodeOfTarget } from '../../domain/target.ts';

export interface GoneOwnersDeps {
  readonly pools: Pick<AddressPools, 'ownersOf' | 'release'>;
  readonly upkeep: PoolUpkeep;
  /** Milliseconds since 1970, when the node's worker last looked at its node; a node that never did has none. */
  readonly lookedAt: () => Promise<ReadonlyMap<string, number>>;
  readonly cluster: Pick<Cluster, 'nodeUid'>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly onGone: (node: string, owners: number) => void;
}

/** A worker looks at an idle node every ten minutes: one that has looked since then lives, whatever the API says of it. */
const SILENT_MS = 20 * 60_000;
/** From the first look that misses a node to the one that counts. */
const APART_MS = 60_000;

export class GoneOwners {
  readonly #deps: GoneOwnersDeps;
  /** Since when the API has no Node object of a silent node. */
  #missed = new Map<string, number>();

  constructor(deps: GoneOwnersDeps) {
    this.#deps = deps;
  }

  /** One look; a node has to be missed by two of them. @throws PodwireError ApiUnavailable, EtcdUnavailable */
  async look(): Promise<void> {
    const { upkeep, lookedAt, now, cluster } = this.#deps;
    const nodes = await upkeep.nodes();
    const looks = nodes.length === 0 ? new Map<string, number>() : await lookedAt();
    const missed = new Map<string, number>();
    for (const node of nodes) {
      if (now() - (looks.get(node) ?? 0) < SILENT_MS || (await cluster.nodeUid(nodeOfTarget(node))) !== undefined)
        continue;
      const since = this.#missed.get(node) ?? now();
      missed.set(node, since);
      if (now() - since >= APART_MS) await this.#giveBack(node);
    }
    this.#missed = missed;
    await upkeep.forgetRested();
  }

  async #giveBack(node: string): Promise<void> {
    const { pools, onGone } = this.#deps;
    const owners = await pools.ownersOf(node);
    for (const { owner, pool } of owners) await pools.release(owner, pool);
    onGone(node, owners.length);
  }
}
