/** What pools there are. */
import type { DeclaredPool } from '../ipam/declared.ts';

export interface PoolDeclarations {
  /**
   * A pool as a network configuration's `ipam` section has it, or as it was declared by the name that stands there.
   * @throws PodwireError AddressingInvalid (also: nobody has declared a pool of that name), EtcdUnavailable
   */
  read(written: unknown): Promise<DeclaredPool>;
  /** Declares a pool by its name, or declares it anew. Addresses that are given stay given. @throws PodwireError AddressingInvalid */
  declare(written: unknown): Promise<DeclaredPool>;
}
