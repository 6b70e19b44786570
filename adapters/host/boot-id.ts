/** Which boot of this machine it is: whatever lived in an earlier one is gone. */
import { readFileSync } from 'node:fs';

/** The kernel's random boot id, a UUID (random(4)). */
export function readBootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}
