/** A Temporal client for the length of one command. */
import type { Client } from '@temporalio/client';
import type { temporalSettings } from '../config/temporal.ts';
import { temporalOf } from '../config/temporal.ts';
import type { Values } from '../config/cli-flags.ts';

/** Probes the server first, so that a wrong address fails within two seconds and names itself. @throws PodwireError `TemporalUnavailable` */
export async function withTemporal<T>(
  settings: Values<typeof temporalSettings>,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  // Loaded only here: it takes longer than everything that other commands do.
  const { connectClient } = await import('../adapters/temporal/connection.ts');
  const temporal = connectClient(temporalOf(settings));
  try {
    await temporal.probe();
    return await work(temporal.client);
  } finally {
    await temporal.close();
  }
}
