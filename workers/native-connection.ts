/** The worker's connection to Temporal; keeps trying while the server is away, with a bounded back-off, for ever. */
import { setTimeout as sleep } from 'node:timers/promises';
import { NativeConnection } from '@temporalio/worker';
import type { Logger } from '../adapters/log/logger.ts';
import { tlsOption, type TemporalOptions } from '../adapters/temporal/connection.ts';

const PAUSE_MS = { first: 500, longest: 10_000 };

/**
 * Connects, however long it takes.
 *
 * @param signal gives up (and throws) at once. A connect that nobody answers cannot be called off: it is left alone.
 * @param onFailed hears why an attempt failed
 */
export async function connectWorker(
  options: TemporalOptions,
  log: Logger,
  signal: AbortSignal,
  onFailed: (why: string) => void = () => undefined,
): Promise<NativeConnection> {
  const tls = tlsOption(options.tls);
  for (let pause = PAUSE_MS.first; ; pause = Math.min(pause * 2, PAUSE_MS.longest)) {
    try {
      return await orAborted(
        NativeConnection.connect({
          address: options.address,
          ...(tls === undefined ? {} : { tls }),
          ...(options.apiKey === undefined ? {} : { apiKey: options.apiKey }),
        }),
        signal,
      );
    } catch (error) {
      if (signal.aborted) throw error;
      onFailed(error instanceof Error ? error.message : String(error));
      log.warn({ err: error, address: options.address, retryInMs: pause }, 'Temporal does not answer yet');
      await sleep(pause * (0.75 + Math.random() / 2), undefined, { signal });
    }
  }
}

/** The promise, or a rejection as soon as the signal is aborted. */
async function orAborted(connecting: Promise<NativeConnection>, signal: AbortSignal): Promise<NativeConnection> {
  const aborted = new Promise<never>((_, reject) => {
    const give = (): void => reject(signal.reason as Error);
    if (signal.aborted) give();
    else signal.addEventListener('abort', give, { once: true });
  });
  connecting.catch(() => undefined);
  return Promise.race([connecting, aborted]);
}
