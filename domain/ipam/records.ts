/** What etcd holds of pools. Each record is written in one transaction with those that belong to it. */
import type { AddressOwner } from './owner.ts';

/** What an owner has. */
export interface GivenAddress {
  /** With prefix length. */
  readonly address: string;
  readonly gateway?: string;
}

/** Exists exactly as long as its owner has the addresses. */
export interface OwnerRecord {
  readonly v: 1;
  readonly pool: string;
  readonly owner: AddressOwner;
  readonly addresses: readonly GivenAddress[];
  /** Milliseconds since 1970. */
  readonly at: number;
  /** How long its addresses rest after it, in milliseconds. */
  readonly restMs: number;
  /** Under which the addresses stay reserved afterwards. */
  readonly sticky?: string;
  /** Its place in the namespace's quota. */
  readonly slot?: number;
}

/** One for each address that is not free. */
export interface AddressRecord {
  readonly v: 1;
  /** `resting`: nobody has it, and nobody gets it yet. `kept`: it waits for its owner to come back. */
  readonly state: 'held' | 'resting' | 'kept';
  /** Who has it, or had it last. */
  readonly owner: AddressOwner;
  /** Milliseconds since 1970; of the last change. */
  readonly at: number;
  /** Of one that rests: when it is free again, in milliseconds since 1970. */
  readonly until?: number;
  /** For whom it is kept. */
  readonly sticky?: string;
}

/** Addresses that stay reserved under a key. */
export interface StickyRecord {
  readonly v: 1;
  /** Without prefix lengths. */
  readonly addresses: readonly string[];
}
