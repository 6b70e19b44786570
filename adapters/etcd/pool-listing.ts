/** All addresses of pools that are not free, for people. */
import type { AddressRecord, OwnerRecord } from '../../domain/ipam/records.ts';
import { addressOwnersPrefix, poolAddressesPrefix, poolsPrefix } from '../../domain/keys.ts';
import type { Etcd } from './client.ts';
import { addressRecordIn, ownerRecordIn } from './pool-records.ts';

interface ListedAddress {
  readonly pool: string;
  readonly address: string;
  /** undefined: it cannot be read. */
  readonly record: AddressRecord | undefined;
}

export interface ListedPools {
  readonly addresses: readonly ListedAddress[];
  readonly owners: readonly OwnerRecord[];
  /** By name, as they were written. */
  readonly declared: ReadonlyMap<string, string>;
}

/** @param pool undefined: all. @throws PodwireError EtcdUnavailable */
export async function listPools(etcd: Pick<Etcd, 'list'>, pool?: string): Promise<ListedPools> {
  const [addresses, owners, declared] = await Promise.all(
    [poolAddressesPrefix(pool), addressOwnersPrefix(), poolsPrefix()].map((prefix) => etcd.list(prefix)),
  );
  return {
    addresses: (addresses?.entries ?? []).map((entry) => {
      const [of = '', address = ''] = entry.key.slice(poolAddressesPrefix().length).split('/');
      return { pool: of, address, record: addressRecordIn(entry) };
    }),
    owners: (owners?.entries ?? []).flatMap((entry) => ownerRecordIn(entry) ?? []),
    declared: new Map((declared?.entries ?? []).map(({ key, value }) => [key.slice(poolsPrefix().length), value])),
  };
}
