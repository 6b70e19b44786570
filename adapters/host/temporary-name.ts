/** Names for links that are being made. */
import { createHash } from 'node:crypto';

/** `pw` and 12 hex digits, the same ones for a pod and interface every time; users cannot ask for such a name. */
export function temporaryName(podUid: string, interfaceName: string): string {
  return `pw${createHash('sha256').update(`${podUid}/${interfaceName}`).digest('hex').slice(0, 12)}`;
}
