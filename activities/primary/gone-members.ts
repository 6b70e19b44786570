/** Nodes that are gone for good leave the mesh between nodes: nobody else takes away what the worker of such a node has said. */
import type { Cluster } from '../../domain/ports/cluster.ts';
import type { PrimarySandboxes } from '../../domain/ports/primary-sandboxes.ts';
import { mayReleaseNodeId } from '../../domain/primary/node-id.ts';
import { endMembership, type EndMembershipDeps } from './end-membership.ts';

export interface GoneMembersDeps extends EndMembershipDeps {
  readonly nodes: {
    /** Names of nodes that are members. */
    members(): Promise<readonly string[]>;
    /** Milliseconds since the epoch, when the node's worker last looked at its node; undefined: never. */
    lookedAt(): Promise<ReadonlyMap<string, number>>;
  };
  readonly cluster: Pick<Cluster, 'nodeUid'>;
  readonly sandboxes: Pick<PrimarySandboxes, 'list'>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly onGone: (node: string) => void;
}

/** A worker looks at an idle node every ten minutes: who has looked since then lives, and the API is not asked about it. */
const SILENT_MS = 20 * 60_000;

export class GoneMembers {
  readonly #deps: GoneMembersDeps;
  /** Since when the API has no Node object of a member. */
  readonly #missed = new Map<string, number>();

  constructor(deps: GoneMembersDeps) {
    this.#deps = deps;
  }

  /** One look; a node has to be missed by two of them. @throws PodwireError ApiUnavailable, EtcdUnavailable, TemporalUnavailable */
  async look(): Promise<void> {
    const { nodes, now } = this.#deps;
    const members = await nodes.members();
    if (members.length === 0) return this.#missed.clear();
    const lookedAt = await nodes.lookedAt();
    const silent = members.filter((node) => now() - (lookedAt.get(node) ?? 0) >= SILENT_MS);
    for (const node of this.#missed.keys()) if (!silent.includes(node)) this.#missed.delete(node);
    for (const node of silent) await this.#lookAt(node);
  }

  async #lookAt(node: string): Promise<void> {
    const { cluster, sandboxes, now, onGone } = this.#deps;
    if ((await cluster.nodeUid(node)) !== undefined) {
      this.#missed.delete(node);
      return;
    }
    const at = now();
    const since = this.#missed.get(node) ?? at;
    this.#missed.set(node, since);
    const living = (await sandboxes.list(node)).length;
    if (!mayReleaseNodeId({ isThere: false, at: since }, { isThere: false, at }, living)) return;
    await endMembership(this.#deps, node);
    this.#missed.delete(node);
    onGone(node);
  }
}
