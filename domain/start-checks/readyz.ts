/** What a part's /readyz says, as `podwire doctor` reads it. */
import type { Check } from './check.ts';

export interface PartReport {
  /** `podwire-node`. */
  readonly part: string;
  readonly pod: string;
  readonly node: string;
  /** Of its container. */
  readonly image: string;
  readonly ready: boolean;
  readonly reasons: readonly string[];
  readonly checks: readonly Check[];
  /** Its clock minus the one it was compared with, in milliseconds; undefined when it did not tell. */
  readonly clockMs: number | undefined;
  /** Why it could not be asked; the rest is empty then. */
  readonly unreachable?: string;
}
