/**
 * Addresses that a network's pool gives an attachment (ADR 59). They are asked for by the step that makes the link, whose intent is recorded by
 * then, and asked for again by each later one: whoever asks has what it has.
 */
import { PodwireError } from '../../../domain/failures.ts';
import { stickyKey, type AddressOwner } from '../../../domain/ipam/owner.ts';
import type { OwnerRecord } from '../../../domain/ipam/records.ts';
import { rangeOf, type AddressPool } from '../../../domain/ipam/pool.ts';
import { addressesPrefix } from '../../../domain/keys.ts';
import { isOfObject } from '../../../domain/network-objects/network-object.ts';
import { addressPoolOf, givenBy, subnetFor } from '../../../domain/network-objects/network-pool.ts';
import { uidInRuntime } from '../../../domain/pod/static-pods.ts';
import { addressHolder } from '../../../domain/plan/address-claims.ts';
import type { AddressPools, WantedAddresses } from '../../../domain/ports/address-pools.ts';
import type { IpNumbers } from '../../../domain/ports/ip-numbers.ts';
import type { VxlanAttachmentRecord } from '../../../domain/records.ts';
import { addressOf } from '../../../domain/text/cidr.ts';
import { ownerOf } from '../../../domain/vxlan/link-alias.ts';
import type { NetnsView } from '../../../domain/vxlan/link-observation.ts';
import type { GivenToLink, LinkPool } from '../../../domain/vxlan/vxlan.ts';

export interface LinkAddresses {
  /**
   * What the record's link is to have from its network's pool; undefined: nothing. It keeps what it has had until this is there.
   * @param view of the pod's netns: a link of podwire's keeps its addresses whatever etcd knows of them
   * @throws PodwireError PoolExhausted, AddressHeld, AddressOutside, StoreRebuilding, EtcdUnavailable
   */
  give(record: VxlanAttachmentRecord, view: NetnsView): Promise<GivenToLink | undefined>;
  /** To be called when the link is as it is to be: what it had from another pool is given back. */
  settled(record: VxlanAttachmentRecord): Promise<void>;
  /** To be called when the link is gone. */
  takeBack(record: VxlanAttachmentRecord): Promise<void>;
}

export interface LinkAddressesDeps {
  readonly pools: Pick<AddressPools, 'allocate' | 'exchange' | 'release' | 'held'>;
  readonly ip: Pick<IpNumbers, 'value' | 'subnet'>;
  /** False: who was attached before etcd was lost is not recorded yet, nor are the addresses. */
  readonly isWhole: () => Promise<boolean>;
}

export function createLinkAddresses(deps: LinkAddressesDeps): LinkAddresses {
  return {
    async give(record, view) {
      const { pool } = record.link;
      if (pool === undefined) return undefined;
      const known = (await deps.pools.held(poolOwner(record))).find((each) => each.pool === pool.name);
      return givenBy(record.link, await addressesOf(deps, record, pool, known, view), deps.ip);
    },
    async settled(record) {
      if (!mayHold(record)) return;
      const owner = poolOwner(record);
      const pool = record.link.pool?.name;
      for (const other of await deps.pools.held(owner))
        if (other.pool !== pool) await deps.pools.release(owner, other.pool);
    },
    async takeBack(record) {
      if (mayHold(record)) await deps.pools.release(poolOwner(record));
    },
  };
}

/** Only networks of objects have pools: others cost no look. An attach that was given up may have left what no record names. */
const mayHold = ({ network, link, lastGood, result }: VxlanAttachmentRecord): boolean =>
  isOfObject(network) || link.pool !== undefined || lastGood?.link.pool !== undefined || result?.given !== undefined;

const poolOwner = ({ podUid: id, interfaceName, node, namespace, name }: VxlanAttachmentRecord): AddressOwner => ({
  ...{ kind: 'pod', id, interfaceName, node },
  pod: { namespace, name },
});

async function addressesOf(
  deps: LinkAddressesDeps,
  record: VxlanAttachmentRecord,
  declared: LinkPool,
  known: OwnerRecord | undefined,
  view: NetnsView,
): Promise<readonly string[]> {
  const { pools, ip } = deps;
  const reserved = { prefix: addressesPrefix(record.network), own: addressHolder(record) };
  const pool = { ...addressPoolOf(declared, ip), reserved };
  const { wanted } = declared;
  const owner = poolOwner(record);
  if (known !== undefined) {
    if (serves(known, pool, declared, ip)) return textsOf(known.addresses);
    return textsOf(await orWaits(pools.exchange(pool, owner, wantedOf(wanted))));
  }
  const present = presentIn(view, record, pool, ip);
  // What the pod asks for stands above what its link has.
  const kept = present.filter((address) => !wanted.some((each) => setOf(each, pool, ip) === setOf(address, pool, ip)));
  if (kept.length + wanted.length < pool.sets.length && !(await deps.isWhole()))
    throw new PodwireError(
      'StoreRebuilding',
      `podwire's etcd was begun anew, and addresses of pool ${pool.name} that pods have are still being written back; another one is given after that`,
    );
  if (kept.length === 0) return textsOf(await orWaits(pools.allocate(pool, owner, wantedOf(wanted))));
  try {
    return textsOf(await pools.allocate(pool, owner, wantedOf([...wanted, ...kept])));
  } catch (error) {
    if (!(error instanceof PodwireError) || error.code !== 'AddressTaken') throw error;
    // Somebody else has what this link had: two pods with one address would be worse than a new one for this pod.
    return textsOf(await orWaits(pools.allocate(pool, owner, wantedOf(wanted))));
  }
}

const wantedOf = (addresses: readonly string[]): WantedAddresses => (addresses.length === 0 ? {} : { addresses });

/** Whose address somebody else has is tried until that one has given it back. */
async function orWaits<T>(given: Promise<T>): Promise<T> {
  try {
    return await given;
  } catch (error) {
    throw error instanceof PodwireError && error.code === 'AddressTaken'
      ? new PodwireError('AddressHeld', error.message)
      : error;
  }
}

const textsOf = (given: OwnerRecord['addresses']): string[] => given.map(({ address }) => address);

function setOf(address: string, { sets }: AddressPool, ip: Pick<IpNumbers, 'value'>): number {
  const value = ip.value(addressOf(address));
  return value === undefined ? -1 : sets.findIndex((set) => rangeOf(set, value) !== undefined);
}

/** Whether what an owner has is what its link is to have: the wanted addresses, and one of each set in a subnet that there is still. */
function serves(
  { addresses, restMs, sticky, owner }: OwnerRecord,
  { sets, ...pool }: AddressPool,
  { wanted, subnets }: LinkPool,
  ip: LinkAddressesDeps['ip'],
): boolean {
  const has = addresses.map(({ address }) => addressOf(address));
  const isSticky = pool.sticky && stickyKey(owner) !== undefined;
  return (
    restMs === pool.restMs &&
    (sticky !== undefined) === isSticky &&
    wanted.every((address) => has.includes(address)) &&
    addresses.length === sets.length &&
    addresses.every(({ address }) => {
      const subnet = subnetFor(address, subnets, ip);
      return subnet !== undefined && prefixOf(subnet.cidr) === prefixOf(address);
    })
  );
}

const prefixOf = (cidr: string): string => cidr.slice(cidr.indexOf('/'));

/** Addresses of the pool that the attachment's own link has in the pod, one of each set. */
function presentIn(
  { links }: NetnsView,
  record: VxlanAttachmentRecord,
  pool: AddressPool,
  ip: Pick<IpNumbers, 'value'>,
): string[] {
  const own = links.find(
    ({ name, alias }) => name === record.interfaceName && ownerOf(alias)?.podUid === uidInRuntime(record),
  );
  const bySet = new Map<number, string>();
  for (const { cidr } of own?.addresses ?? []) {
    const set = setOf(cidr, pool, ip);
    if (set !== -1 && !bySet.has(set)) bySet.set(set, addressOf(cidr));
  }
  return [...bySet.values()];
}
