/** A pool, and what else the section says that declares it. */
import type { AddressPool } from './pool.ts';

export interface DeclaredPool {
  readonly pool: AddressPool;
  readonly routes: readonly { readonly dst: string; readonly gw?: string }[];
  readonly dns: Readonly<Record<string, unknown>> | undefined;
  /** Keys of whereabouts that mean nothing here. */
  readonly ignored: readonly string[];
}
