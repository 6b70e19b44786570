/** ADD and DEL of a CNI network share it; GC has it alone (CNI SPEC 1.1, section 3). */
import { networkKey, type NetworkRef } from '../../domain/network-selection.ts';

interface Holders {
  shared: number;
  exclusive: boolean;
  /** Called when something was given back. */
  readonly waiting: (() => void)[];
}

export class NetworkLocks {
  readonly #networks = new Map<string, Holders>();

  /** Waits while somebody has the network alone. */
  async shared<T>(network: NetworkRef, work: () => Promise<T>): Promise<T> {
    const key = networkKey(network);
    for (let holders = this.#of(key); holders.exclusive; holders = this.#of(key)) await turn(holders);
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

const turn = (holders: Holders): Promise<void> => new Promise((resolve) => holders.waiting.push(resolve));
