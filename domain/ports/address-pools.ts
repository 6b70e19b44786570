/** Addresses of cluster-wide pools. Each change is one transaction: a process that dies at any point leaves all of it or nothing. */
import type { AddressOwner } from '../ipam/owner.ts';
import type { AddressPool } from '../ipam/pool.ts';
import type { GivenAddress, OwnerRecord } from '../ipam/records.ts';

export interface WantedAddresses {
  /** Canonical texts without prefix length, at most one of each set of the pool. */
  readonly addresses?: readonly string[];
  /** They stay reserved under this key when their owner is gone, and are those that were reserved under it: `stickyKey` or `claimKey`. */
  readonly sticky?: string | undefined;
}

export interface AddressPools {
  /**
   * The owner's addresses, one of each set of the pool: those that it has, however often it asks, else others. An owner of kind `pod`
   * has to have its attachment's intent recorded before, or its addresses are taken for a leak.
   *
   * @returns in the order of the sets
   * @throws PodwireError PoolExhausted (there is none now, or the namespace has its quota), AddressTaken (a wanted one belongs to another
   *   owner), AddressHeld (so does a reserved one, still), AddressOutside (the pool does not give a wanted one), EtcdUnavailable
   */
  allocate(pool: AddressPool, owner: AddressOwner, wanted?: WantedAddresses): Promise<readonly GivenAddress[]>;
  /**
   * The same for an owner that has addresses which are not, or not all, what it is to have: what can stay stays, and the rest is exchanged in
   * one transaction. If that cannot be, the owner has what it had. What it has no longer rests for a minute at least, since its link has it still.
   */
  exchange(pool: AddressPool, owner: AddressOwner, wanted?: WantedAddresses): Promise<readonly GivenAddress[]>;
  /**
   * From now on the addresses rest, or stay reserved; success where the owner has none.
   * @param pool undefined: those of all pools
   * @returns what was released
   */
  release(
    owner: Pick<AddressOwner, 'kind' | 'id' | 'interfaceName' | 'node'>,
    pool?: string,
  ): Promise<readonly OwnerRecord[]>;
  /** What the owner has, of all pools. */
  held(owner: Pick<AddressOwner, 'kind' | 'id' | 'interfaceName' | 'node'>): Promise<readonly OwnerRecord[]>;
  /** All owners of a node. */
  ownersOf(node: string): Promise<readonly OwnerRecord[]>;
  /** What was reserved under a key is free after the rest of a released address; nothing where an owner has it now. */
  forgetSticky(pool: string, key: string): Promise<boolean>;
}
