/** The leases of a node, on its disk. */
import type { Lease, LeaseHolder } from '../primary/lease.ts';
import type { DamagedLease, LeaseRange, WantedLease } from '../primary/leases.ts';

export interface LeaseStore {
  /**
   * A lease that survives whatever happens to this process and its machine; for a holder that has one it is that one. Calls for one holder
   * come one after the other.
   * @throws PodwireError AddressesExhausted, RecordInvalid (the holder's lease cannot be read), or the disk's error: then nobody
   * else gets the addresses, and asking again writes them again
   */
  allocate(wanted: WantedLease, ranges: readonly LeaseRange[]): Promise<Lease>;
  /** The addresses rest from now on. undefined: there is no such lease, which is no failure. Throws the disk's error. */
  release(holder: LeaseHolder): Promise<Lease | undefined>;
  /** Every lease that can be read; one that is released has `releasedAt`. */
  leases(): readonly Lease[];
  damaged(): readonly DamagedLease[];
  /** Files beside the leases that are none, and belong to nobody that podwire knows. */
  readonly strangers: readonly string[];
  close(): Promise<void>;
}
