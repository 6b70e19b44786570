/** Hash of everything that decides about a pod's networks (decision: one hash for watcher and orchestrator). */
import { createHash } from 'node:crypto';

/** @param canonical `desiredInputs(…).canonical`. @returns SHA-256 as 64 hex digits */
export function inputsHash(canonical: string): string {
  return createHash('sha256').update(canonical).digest('hex');
}
