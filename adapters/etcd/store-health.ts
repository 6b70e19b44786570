/** How full podwire's etcd is, and which alarms are raised in it. */
import { z } from 'zod';
import type { EtcdConnection } from './open.ts';

export interface StoreHealth {
  /** Bytes that the data file of the member that answered takes; undefined: this user may not ask. */
  readonly sizeBytes: number | undefined;
  /** `NOSPACE`, `CORRUPT`; undefined: this user may not ask. */
  readonly alarms: readonly string[] | undefined;
}

/** etcd's answer has the number as decimal text (etcdserverpb.StatusResponse.dbSize). */
const sizeSchema = z.coerce.number().int().nonnegative();

/** @throws what etcd's client throws when it does not answer */
export async function readStoreHealth(etcd: EtcdConnection): Promise<StoreHealth> {
  return etcd.use(async (client) => {
    // Rights are of no matter for this read, and an etcd that does not answer fails it.
    await client.get('/podwire/').exec();
    const [status, alarm] = await Promise.allSettled([
      client.maintenance.status(),
      client.maintenance.alarm({ action: 'Get' }),
    ]);
    return {
      sizeBytes: status.status === 'fulfilled' ? sizeSchema.parse(status.value.dbSize) : undefined,
      alarms:
        alarm.status === 'fulfilled'
          ? [...new Set(alarm.value.alarms.map((each) => each.alarm.toUpperCase()))]
          : undefined,
    };
  });
}
