/** The worker's connection to Temporal; keeps trying while the server is away, with a bounded back-off, for ever. */
import { setTimeout as sleep } from 'node:timers/promises';
import { NativeConnection } from '@temporalio/worker';
import type { Logger } from '../adapters/log/logger.ts';
import { tlsOption, type TemporalOptions } from '../adapters/temporal/connection.ts';

const PAUSE_MS = { first: 500, longest: 10_000 };

/** Connects, however long it takes; `signal` gives up (and throws). */
export async function connectWorker(
  options: TemporalOptions,
  log: Logger,
  signal: AbortSignal,
): Promise<NativeConnection> {
  const tls = tlsOption(options.tls);
  for (let pause = PAUSE_MS.first; ; pause = Math.min(pause * 2, PAUSE_MS.longest)) {
    try {
      return await NativeConnection.connect({
        address: options.address,
        ...(tls === undefined ? {} : { tls }),
        ...(options.apiKey === undefined ? {} : { apiKey: options.apiKey }),
      });
    } catch (error) {
      log.warn({ err: error, address: options.address, retryInMs: pause }, 'Temporal does not answer yet');
      await sleep(pause * (0.75 + Math.random() / 2), undefined, { signal });
    }
  }
}
