/** A TCP port of 127.0.0.1 for a server that a test starts. */
import { randomInt } from 'node:crypto';
import { isFree } from '../../deploy/lab/state.ts';

/**
 * Below the labs' ports, and below the kernel's ephemeral ones (32768 and up): the port of another process's outgoing connection, or
 * one that Temporal's development server takes for its inner services, could be chosen before the server of the test listens.
 */
const FIRST = 12_000;
const AFTER_LAST = 20_000;
const ATTEMPTS = 50;

/** A port that nobody had a moment ago. @throws Error when none of 50 was free */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const port = randomInt(FIRST, AFTER_LAST);
    if (await isFree(port)) return port;
  }
  throw new Error(`none of ${ATTEMPTS} ports of 127.0.0.1 between ${FIRST} and ${AFTER_LAST} is free`);
}
