/**
 * When connections that no channel uses any more are closed.
 *
 * grpc-js looks for them when a channel is closed, and every ten seconds for as long as a process has any connection, which is most of the
 * times that an idle process wakes. Otherwise connections come to be unused when a channel goes idle or gets other addresses. Both are known
 * here, and one look follows each. The pool's methods are public, and no option says the same.
 */
import { getSubchannelPool } from '@grpc/grpc-js/build/src/subchannel-pool.js';

/** That of grpc-js. */
const PAUSE_MS = 10_000;

const pool = getSubchannelPool(true);
let due: NodeJS.Timeout | undefined;

/** Closes what is unused ten seconds from now, and keeps no process from ending meanwhile. */
export function closeUnusedSoon(): void {
  clearTimeout(due);
  due = setTimeout(() => pool.unrefUnusedSubchannels(), PAUSE_MS).unref();
}

// Called for each address that a channel is to use.
pool.ensureCleanupTask = closeUnusedSoon;
