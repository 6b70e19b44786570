/**
 * Leases of sandboxes that the container runtime does not know. One look is no proof: a runtime lists a sandbox only some time after its
 * network was made, and a list may be stale or cut short.
 */
import { holderText, isHeld, type Lease } from './lease.ts';

export interface RuntimeLook {
  /** Ids of all sandboxes that the runtime lists, whatever their state; asked for after the leases were read. */
  readonly sandboxIds: ReadonlySet<string>;
  /** When it was asked, in milliseconds since 1970. */
  readonly at: number;
}

/** By holder, when a look missed its sandbox for the first time. */
export type MissedLeases = ReadonlyMap<string, number>;

export interface LeaseCollection {
  /** To be handed to the next look. */
  readonly missed: MissedLeases;
  /** Both looks missed their sandboxes. A caller asks the runtime for each of them by its id right before its release. */
  readonly gone: readonly Lease[];
}

export interface CollectionPace {
  /** A younger lease is in the making: longer than a runtime gives a plugin. */
  readonly leastAgeMs: number;
  /** From the first look that misses a sandbox to the one that counts. */
  readonly apartMs: number;
}

/** @param leases read before the look, in the order of nothing */
export function collectLeases(
  leases: readonly Lease[],
  missedBefore: MissedLeases,
  look: RuntimeLook,
  { leastAgeMs, apartMs }: CollectionPace,
): LeaseCollection {
  const missed = new Map<string, number>();
  const gone: Lease[] = [];
  for (const lease of leases) {
    if (!isHeld(lease) || look.sandboxIds.has(lease.sandboxId)) continue;
    if (look.at - lease.madeAt < leastAgeMs) continue;
    const holder = holderText(lease);
    const first = missedBefore.get(holder) ?? look.at;
    missed.set(holder, first);
    // A first look that is said to be later than this one was noted by a clock that went wrong: it is this one.
    if (look.at - first >= apartMs) gone.push(lease);
  }
  return { missed, gone };
}
