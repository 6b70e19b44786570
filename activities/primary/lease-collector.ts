/** Gives back what sandboxes have left that the container runtime does not know any more: it never sent their DEL, or it never came. */
import type { SandboxRuntime } from '../../domain/ports/sandbox-runtime.ts';
import { isHeld, type LeaseHolder } from '../../domain/primary/lease.ts';
import { collectLeases, type MissedLeases } from '../../domain/primary/lease-collection.ts';
import { letGo, type WiredPodDeps } from './wired-pod.ts';

export interface LeaseCollectorDeps extends WiredPodDeps {
  /** Ids of all sandboxes that the runtime lists, whatever their state. */
  readonly listed: () => Promise<ReadonlySet<string>>;
  readonly runtime: Pick<SandboxRuntime, 'describe'>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly onGone: (holder: LeaseHolder) => void;
}

/** The kubelet gives a sandbox two minutes; a minute is longer than any list of the runtime is late. */
const PACE = { leastAgeMs: 180_000, apartMs: 60_000 };

export class LeaseCollector {
  readonly #deps: LeaseCollectorDeps;
  #missed: MissedLeases = new Map();

  constructor(deps: LeaseCollectorDeps) {
    this.#deps = deps;
  }

  /** One look. @throws PodwireError CriUnavailable: nothing was given back that is not proven to be gone */
  async look(signal: AbortSignal): Promise<void> {
    const { leases, listed, runtime, now, onGone } = this.#deps;
    const living = leases.leases().filter(isHeld);
    if (living.length === 0) return;
    const { missed, gone } = collectLeases(living, this.#missed, { sandboxIds: await listed(), at: now() }, PACE);
    this.#missed = missed;
    for (const lease of gone) {
      if ((await runtime.describe(lease.sandboxId)) !== undefined) continue;
      await letGo(this.#deps, lease, signal);
      onGone(lease);
    }
  }
}
