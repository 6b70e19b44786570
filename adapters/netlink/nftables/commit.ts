/** Transactions that are tried again where somebody else's came in between. Synchronous, as the socket is. */
import { PodwireError } from '../../../domain/failures.ts';
import { ERRNO, NetlinkRefused } from '../refused.ts';
import { batch } from './objects.ts';
import type { NetfilterMessage, NetfilterSocket } from './transport.ts';

const ROUNDS = 10;
/** ERESTART, which programs get to see here: other tables than those that were asked about. */
const ERESTART = 85;

/** What was refused for no fault of its own changed nothing. @throws NetlinkRefused; PodwireError KernelBusy */
export function commit(socket: NetfilterSocket, messages: readonly NetfilterMessage[]): void {
  if (messages.length === 0) return;
  const whole = batch(messages);
  for (let round = 0; round < ROUNDS; round += 1) {
    try {
      socket.transaction(whole);
      return;
    } catch (error) {
      if (!isRefused(error, ERRNO.EAGAIN, ERRNO.EINTR, ERESTART)) throw error;
    }
  }
  throw new PodwireError('KernelBusy', 'rules cannot be written: somebody else changes his all the time');
}

export function unlessMissing<T>(ask: () => T): T | undefined {
  try {
    return ask();
  } catch (error) {
    if (isRefused(error, ERRNO.ENOENT)) return undefined;
    throw error;
  }
}

export const isRefused = (error: unknown, ...errnos: readonly number[]): boolean =>
  error instanceof NetlinkRefused && errnos.includes(error.errno);
