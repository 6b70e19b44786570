/** `AddressPools` in etcd (ADR 58). */
import { setTimeout as sleep } from 'node:timers/promises';
import { PodwireError } from '../../domain/failures.ts';
import { ownerId, ownerText } from '../../domain/ipam/owner.ts';
import type { AddressRecord, GivenAddress, OwnerRecord } from '../../domain/ipam/records.ts';
import {
  addressOwnerKey,
  addressOwnersPrefix,
  poolAddressKey,
  quotaKey,
  stickyAddressesKey,
} from '../../domain/keys.ts';
import type { AddressPool } from '../../domain/ipam/pool.ts';
import type { AddressPools } from '../../domain/ports/address-pools.ts';
import type { IpNumbers } from '../../domain/ports/ip-numbers.ts';
import { addressOf } from '../../domain/text/cidr.ts';
import { backOffDelay } from '../../domain/concurrency/back-off.ts';
import type { Entry, Etcd, Operation } from './client.ts';
import { addressChange } from './address-change.ts';
import { AddressChoice, type Asked, type Chosen } from './address-choice.ts';
import { addressRecordIn, ownerRecordIn, resting, stickyRecordIn, takenIn } from './pool-records.ts';
import { PoolViews, type PoolView } from './pool-view.ts';
import { putOperation, unchanged } from './record-entries.ts';

export interface AddressPoolsDeps {
  readonly ip: IpNumbers;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** From 0 to below 1. */
  readonly random: () => number;
}

/** With 64 clients at one pool that is used to its last address nobody has needed more than half of them. */
const MAX_ATTEMPTS = 24;
/** A second collision says that many are at it. */
const BACK_OFF = { minMs: 4, maxMs: 250 };
/** After so many collisions what is known of the pool is too old. */
const RELOAD_EVERY = 3;
/** Whoever releases is alone with it; only an ADD that comes late is there beside it. */
const MAX_RACES = 5;

export function createAddressPools(etcd: Etcd, deps: AddressPoolsDeps): AddressPools {
  const views = new PoolViews(etcd, deps.ip);
  const recordsBelow = async (prefix: string): Promise<{ entry: Entry; record: OwnerRecord }[]> => {
    const { entries } = await etcd.list(prefix);
    return entries.flatMap((entry) => {
      const record = ownerRecordIn(entry);
      return record === undefined ? [] : [{ entry, record }];
    });
  };
  return {
    allocate: (pool, owner, wanted = {}) => allocate(etcd, deps, views, { pool, owner, wanted }),
    exchange: (pool, owner, wanted = {}) => exchange(etcd, deps, views, { pool, owner, wanted }),
    async release(owner, pool) {
      const all = await recordsBelow(addressOwnersPrefix(owner.node, ownerId(owner)));
      const meant = all.filter(({ record }) => pool === undefined || record.pool === pool);
      const released: OwnerRecord[] = [];
      for (const { entry } of meant) {
        const record = await releaseOne(etcd, deps, views, entry);
        if (record !== undefined) released.push(record);
      }
      return released;
    },
    held: async (owner) =>
      (await recordsBelow(addressOwnersPrefix(owner.node, ownerId(owner)))).map(({ record }) => record),
    ownersOf: async (node) => (await recordsBelow(addressOwnersPrefix(node))).map(({ record }) => record),
    forgetSticky: (pool, key) => forgetSticky(etcd, deps, pool, key),
  };
}

/** What one try comes to: `stale`: nothing is free as far as was known, and the pool has to be read anew; undefined: somebody was faster. */
type Tried = readonly GivenAddress[] | 'stale' | undefined;

/** Tries with pauses, and reads the pool anew now and then. @param isNew the pool was read right before: nothing is free then where none is found */
async function untilGiven(
  { random }: AddressPoolsDeps,
  views: PoolViews,
  pool: AddressPool,
  tryOnce: (attempt: number, isNew: boolean) => Promise<Tried>,
): Promise<readonly GivenAddress[]> {
  const view = views.of(pool.name);
  if (!view.isLoaded) await views.load(pool, view);
  let isNew = false;
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
    const tried = await tryOnce(attempt, isNew);
    if (tried !== undefined && tried !== 'stale') return tried;
    if (tried === undefined && attempt > 1) await sleep(backOffDelay(BACK_OFF, attempt - 1, random));
    isNew = tried === 'stale' || attempt % RELOAD_EVERY === 0;
    if (isNew) await views.load(pool, view);
  }
  throw new PodwireError(
    'EtcdUnavailable',
    `others were faster ${MAX_ATTEMPTS} times in a row to take an address of pool ${pool.name}`,
  );
}

async function allocate(
  etcd: Etcd,
  deps: AddressPoolsDeps,
  views: PoolViews,
  asked: Asked,
): Promise<readonly GivenAddress[]> {
  const { pool, owner } = asked;
  const ownerKey = addressOwnerKey(owner.node, ownerId(owner), pool.name);
  const view = views.of(pool.name);
  const choice = new AddressChoice(etcd, deps, asked, view);
  try {
    return await untilGiven(deps, views, pool, async (attempt, isNew) => {
      if (choice.isParticular) {
        const known = await etcd.get(ownerKey);
        if (known !== undefined) return addressesIn(known);
      }
      choice.settled();
      const chosen = await choice.next(attempt);
      if (chosen !== undefined) return commit(etcd, deps, asked, view, chosen);
      // The owner may be one of those who have the addresses.
      const known = await etcd.get(ownerKey);
      if (known !== undefined) return addressesIn(known);
      if (isNew) throw choice.exhausted();
      return 'stale';
    });
  } finally {
    choice.settled();
  }
}

async function exchange(
  etcd: Etcd,
  deps: AddressPoolsDeps,
  views: PoolViews,
  asked: Asked,
): Promise<readonly GivenAddress[]> {
  const { pool, owner } = asked;
  const view = views.of(pool.name);
  return untilGiven(deps, views, pool, async (attempt, isNew) => {
    const entry = await etcd.get(addressOwnerKey(owner.node, ownerId(owner), pool.name));
    if (entry === undefined) return allocate(etcd, deps, views, asked);
    const own: Asked = { ...asked, previous: { entry, record: readable(entry) } };
    const choice = new AddressChoice(etcd, deps, own, view);
    try {
      const chosen = await choice.next(attempt);
      if (chosen !== undefined) return await commit(etcd, deps, own, view, chosen);
      if (isNew) throw choice.exhausted();
      return 'stale';
    } finally {
      choice.settled();
    }
  });
}

/** @returns undefined: somebody else was faster; the view knows it then */
async function commit(
  etcd: Etcd,
  deps: AddressPoolsDeps,
  asked: Asked,
  view: PoolView,
  chosen: Chosen,
): Promise<readonly GivenAddress[] | undefined> {
  const { places } = chosen;
  const change = addressChange(asked, chosen, deps.ip, deps.now());
  const { applied, revision } = await etcd.transact(change.conditions, change.operations);
  if (applied) {
    for (const { address, set, index } of places) {
      view.occupancy.learn(address, { record: change.held, modRevision: revision });
      if (index !== undefined) view.cursors.set(set, index + 1n);
    }
    for (const { address, record } of change.left) {
      const value = deps.ip.value(address);
      if (value !== undefined) view.occupancy.learn(value, { record, modRevision: revision });
    }
    return change.record.addresses;
  }
  const [[known] = [], ...found] = await etcd.read([change.ownerKey, ...change.addressKeys].map((key) => ({ key })));
  for (const [index, { address }] of places.entries()) {
    const entry = found[index]?.[0];
    view.occupancy.learn(address, entry === undefined ? undefined : takenIn(entry));
  }
  return known === undefined || asked.previous !== undefined ? undefined : addressesIn(known);
}

const addressesIn = (entry: Entry): readonly GivenAddress[] => readable(entry).addresses;

function readable(entry: Entry): OwnerRecord {
  const record = ownerRecordIn(entry);
  if (record !== undefined) return record;
  throw new PodwireError('RecordInvalid', `the record ${entry.key} of addresses cannot be read; it is left as it is`);
}

/** undefined: it was released by somebody else. */
async function releaseOne(
  etcd: Etcd,
  deps: AddressPoolsDeps,
  views: PoolViews,
  first: Entry,
): Promise<OwnerRecord | undefined> {
  let entry: Entry | undefined = first;
  for (let race = 1; race <= MAX_RACES && entry !== undefined; race += 1) {
    const record = ownerRecordIn(entry);
    if (record === undefined) return undefined;
    const left = leftBehind(record, deps.now());
    const { pool, slot, owner } = record;
    const { applied, revision } = await etcd.transact(
      [unchanged(entry)],
      [
        { remove: entry.key },
        ...record.addresses.map(({ address }): Operation => {
          const key = poolAddressKey(pool, addressOf(address));
          return left === undefined ? { remove: key } : putOperation(key, left);
        }),
        ...(slot === undefined || owner.pod === undefined
          ? []
          : [{ remove: quotaKey(pool, owner.pod.namespace, slot) }]),
      ],
    );
    if (applied) {
      const view = views.of(pool);
      for (const { address } of record.addresses) {
        const value = deps.ip.value(addressOf(address));
        if (value !== undefined)
          view.occupancy.learn(value, left === undefined ? undefined : { record: left, modRevision: revision });
      }
      return record;
    }
    entry = await etcd.get(entry.key);
  }
  if (entry === undefined) return undefined;
  throw new PodwireError(
    'EtcdUnavailable',
    `the record ${first.key} was written by others ${MAX_RACES} times in a row`,
  );
}

/** undefined: the addresses are free at once. */
function leftBehind({ owner, sticky, restMs }: OwnerRecord, at: number): AddressRecord | undefined {
  if (sticky !== undefined) return { v: 1, state: 'kept', owner, at, sticky };
  return restMs === 0 ? undefined : resting(owner, at, restMs);
}

/** False: an owner has the addresses, or there are none. */
async function forgetSticky(etcd: Etcd, { now }: AddressPoolsDeps, pool: string, key: string): Promise<boolean> {
  const stickyKey = stickyAddressesKey(pool, key);
  const entry = await etcd.get(stickyKey);
  const record = entry === undefined ? undefined : stickyRecordIn(entry);
  if (entry === undefined || record === undefined) return false;
  const found = await etcd.read(record.addresses.map((address) => ({ key: poolAddressKey(pool, address) })));
  const own = found.flat().flatMap((each) => {
    const address = addressRecordIn(each);
    return address?.sticky === key ? [{ each, address }] : [];
  });
  const heldBy = own.find(({ address }) => address.state === 'held');
  if (heldBy !== undefined)
    throw new PodwireError('AddressHeld', `${heldBy.each.key} belongs to ${ownerText(heldBy.address.owner)}`);
  const { applied } = await etcd.transact(
    [unchanged(entry), ...own.map(({ each }) => unchanged(each))],
    [
      { remove: stickyKey },
      ...own.map(({ each, address }) => putOperation(each.key, resting(address.owner, now(), 0))),
    ],
  );
  return applied;
}
