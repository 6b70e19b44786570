/** ADD and DEL of a CNI network share it; GC has it alone (CNI SPEC 1.1, section 3). */
import { PodwireError } from '../../../domain/failures.ts';
import { networkKey, type NetworkRef } from '../../../domain/network-selection.ts';

/** A GC of the reference plugins takes milliseconds. */
const WAIT_MS = 2_000;

interface Holders {
  shared: number;
  exclusive: boolean;
  /** Called when something was given back. */
  readonly waiting: (() => void)[];
}

export class NetworkLocks {
  readonly #networks = new Map<string, Holders>();

  /**
   * Waits a moment while somebody has the network alone.
   * @throws PodwireError SandboxBusy when that takes longer
   */
  async shared<T>(network: NetworkRef, work: () => Promise<T>): Promise<T> {
    const key = networkKey(network);
    const waitUntil = performance.now() + WAIT_MS;
    for (let holders = this.#of(key); holders.exclusive; holders = this.#of(key)) {
      await turn(holders, waitUntil);
      if (performance.now() < waitUntil || !this.#of(key).exclusive) continue;
      throw new PodwireError(
        'SandboxBusy',
        `GC of network ${key} takes longer than ${WAIT_MS / 1_000} s; tried again soon`,
      );
    }
    const holders = this.#of(key);
    holders.shared += 1;
    try {
      return await work();
    } finally {
      holders.shared -= 1;
      this.#release(key, holders);
    }
  }

  /** Runs `work` alone, or not at all when somebody is at it: undefined. */
  async ifIdle<T>(network: NetworkRef, work: () => Promise<T>): Promise<T | undefined> {
    const key = networkKey(network);
    const holders = this.#of(key);
    if (holders.exclusive || holders.shared > 0) return undefined;
    holders.exclusive = true;
    try {
      return await work();
    } finally {
      holders.exclusive = false;
      this.#release(key, holders);
    }
  }

  #of(key: string): Holders {
    const known = this.#networks.get(key);
    if (known !== undefined) return known;
    const holders: Holders = { shared: 0, exclusive: false, waiting: [] };
    this.#networks.set(key, holders);
    return holders;
  }

  #release(key: string, holders: Holders): void {
    for (const wake of holders.waiting.splice(0)) wake();
    if (holders.shared === 0 && !holders.exclusive && holders.waiting.length === 0) this.#networks.delete(key);
  }
}

/** Resolves when something was given back, or when the wait is over. */
function turn(holders: Holders, until: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, Math.max(0, until - performance.now()) + 1);
    holders.waiting.push(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
