/** What pools leave in etcd that no node sees to. */
import { allWithLimit } from '../../domain/concurrency/with-limit.ts';
import { LATER_MS } from '../../domain/ipam/occupancy.ts';
import { addressOwnersPrefix, poolAddressesPrefix } from '../../domain/keys.ts';
import type { PoolUpkeep } from '../../domain/ports/pool-upkeep.ts';
import type { Etcd } from './client.ts';
import { addressRecordIn } from './pool-records.ts';
import { unchanged } from './record-entries.ts';

/** Transactions under way at once. */
const AT_ONCE = 8;

export function createPoolUpkeep(etcd: Pick<Etcd, 'keys' | 'list' | 'transact'>, now: () => number): PoolUpkeep {
  return {
    async nodes() {
      const keys = await etcd.keys(addressOwnersPrefix());
      return [...new Set(keys.map((key) => key.slice(addressOwnersPrefix().length).split('/', 1)[0] ?? ''))];
    },
    async forgetRested() {
      const { entries } = await etcd.list(poolAddressesPrefix());
      const over = entries.filter((entry) => {
        const record = addressRecordIn(entry);
        return record?.state === 'resting' && (record.until ?? 0) + LATER_MS < now();
      });
      await allWithLimit(over, AT_ONCE, (entry) => etcd.transact([unchanged(entry)], [{ remove: entry.key }]));
    },
  };
}
