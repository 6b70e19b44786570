/**
 * How a network object holds a VNI, members or not: the object's own key, a user's key of the network, and the reservation that attachments
 * make as well, written and removed in one transaction. A crash leaves all of them or none.
 */
import { z } from 'zod';
import * as keys from '../../domain/keys.ts';
import { declaredNetwork } from '../../domain/network-objects/network-object.ts';
import { NAMED, type NetworkObjectRef } from '../../domain/network-objects/status.ts';
import { networkKey, type NetworkRef } from '../../domain/network-selection.ts';
import { PodwireError } from '../../domain/failures.ts';
import type { NetworkHolds, NetworkUse, Reservation, VniRange, Wanted } from '../../domain/ports/network-objects.ts';
import { RECORD_VERSION } from '../../domain/records.ts';
import type { Condition, Entry, Etcd } from './client.ts';
import { parseOptional, podUidBelow, putOperation, unchanged } from './record-entries.ts';
import { attachmentSchema, memberSchema, meshSchema, parseEntry, readable } from './schemas.ts';
import { leaveTunnel } from './vni-reservation.ts';

interface HoldRecord extends NetworkObjectRef {
  readonly v: number;
  /** `<port>/<vni>` */
  readonly tunnel: string;
}

const holdSchema: z.ZodType<HoldRecord> = z.object({
  v: z.literal(RECORD_VERSION),
  kind: z.enum(['network', 'cluster-network']),
  namespace: z.string(),
  name: z.string(),
  uid: z.string(),
  tunnel: z.string(),
});

/** A transaction fails once for each other object that takes the same VNI meanwhile; after that the caller comes again. */
const MAX_ATTEMPTS = 12;
/** Of how many free VNIs one is drawn at most, after collisions. */
const MAX_WINDOW = 1024;

export interface HoldsOptions {
  readonly range: VniRange;
  /** From 0 to less than 1. */
  readonly random: () => number;
}

export function createNetworkHolds(etcd: Etcd, options: HoldsOptions): NetworkHolds {
  return {
    use: (network, uid) => readUse(etcd, network, uid),
    reserve: (object, wanted, isDeclared) => reserve(etcd, { object, wanted, isDeclared, ...options }),
    release: (object) => release(etcd, declaredNetwork(object), object.uid),
    objectOf: async (network) => {
      const hold = await readHold(etcd, network);
      return hold && refOf(hold.value);
    },
  };
}

/** Every object that holds a VNI. @throws PodwireError EtcdUnavailable */
export async function holdingObjects(etcd: Pick<Etcd, 'list'>): Promise<NetworkObjectRef[]> {
  const { entries } = await etcd.list(keys.networkObjectsPrefix());
  return entries.flatMap((entry) => {
    const hold = readable(holdSchema, entry);
    return hold === undefined ? [] : [refOf(hold)];
  });
}

const refOf = ({ kind, namespace, name, uid }: HoldRecord): NetworkObjectRef => ({ kind, namespace, name, uid });

type StoredHold = Pick<Entry, 'key' | 'modRevision'> & { readonly value: HoldRecord };

const stored = (entry: Entry): StoredHold => ({ ...entry, value: parseEntry(holdSchema, entry) });

const readHold = async (etcd: Etcd, network: NetworkRef): Promise<StoredHold | undefined> =>
  parseOptional(await etcd.get(keys.networkObjectKey(network)), stored);

async function readUse(etcd: Etcd, network: NetworkRef, uid: string): Promise<NetworkUse> {
  const usersPrefix = keys.usersPrefix(network);
  const [[hold] = [], userEntries = [], memberEntries = [], [mesh] = [], [teardown] = [], whole = []] = await etcd.read(
    [
      { key: keys.networkObjectKey(network) },
      { prefix: usersPrefix },
      { prefix: keys.membersPrefix(network) },
      { key: keys.meshStateKey(network) },
      { key: keys.teardownKey() },
      { key: keys.wholeKey() },
    ],
  );
  const users = userEntries.filter(({ key }) => !keys.isObjectUserKey(key));
  const attached = new Set(users.map(({ key }) => key.slice(usersPrefix.length).split('~', 1)[0] ?? ''));
  const members = memberEntries.flatMap((entry) => readable(memberSchema, entry) ?? []);
  const held = parseOptional(hold, stored)?.value;
  return {
    tunnel: held?.uid === uid ? held.tunnel : undefined,
    attached: attached.size,
    pods: await podsOf(etcd, network, [...new Set(users.map((entry) => podUidBelow(usersPrefix, entry)))]),
    members: members.length,
    nodes: new Set(members.map(({ node }) => node)).size,
    addresses: members.reduce((sum, { addresses }) => sum + addresses.length, 0),
    behind: readable(meshSchema, mesh)?.behind ?? [],
    tornDown: teardown !== undefined,
    isWhole: whole.length > 0,
  };
}

/** Names of the first pods, sorted. One whose records are just going is left out. */
async function podsOf(etcd: Etcd, network: NetworkRef, uids: readonly string[]): Promise<string[]> {
  const some = uids.slice(0, NAMED);
  if (some.length === 0) return [];
  const nodes = await etcd.read(some.map((uid) => ({ prefix: keys.podNodesPrefix(uid) })));
  const places = nodes.flatMap((entries, index) =>
    entries.map(({ key }) => {
      const uid = some[index] ?? '';
      return { prefix: keys.podAttachmentsPrefix(key.slice(keys.podNodesPrefix(uid).length), uid) };
    }),
  );
  const found = places.length === 0 ? [] : await etcd.read(places.slice(0, 2 * NAMED));
  const names = found.flat().flatMap((entry) => {
    const record = readable(attachmentSchema, entry);
    const isOfNetwork = record?.kind === 'vxlan' && networkKey(record.network) === networkKey(network);
    return isOfNetwork ? [`${record.namespace}/${record.name}`] : [];
  });
  return [...new Set(names)].sort();
}

interface Reserving extends HoldsOptions {
  readonly object: NetworkObjectRef;
  readonly wanted: Wanted;
  readonly isDeclared: (vni: number) => boolean;
}

async function reserve(etcd: Etcd, reserving: Reserving): Promise<Reservation> {
  const { object, wanted } = reserving;
  const network = declaredNetwork(object);
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
    const before = await readHold(etcd, network);
    const [port, had] = (before?.value.tunnel ?? '/').split('/');
    const isOwn = before?.value.uid === object.uid && port === String(wanted.port);
    if (isOwn && (wanted.given === undefined || had === String(wanted.given)))
      return { kind: 'reserved', vni: Number(had) };
    // An object of the same name that is gone, or one whose definition was made anew with other ids.
    if (before !== undefined) await release(etcd, network, before.value.uid);
    else {
      const found = await attemptOne(etcd, network, reserving, attempt);
      if (found !== undefined) return found;
    }
  }
  throw new PodwireError('EtcdUnavailable', `${networkKey(network)}: other networks took ${MAX_ATTEMPTS} VNIs first`);
}

/** Undefined: somebody was faster. */
async function attemptOne(
  etcd: Etcd,
  network: NetworkRef,
  reserving: Reserving,
  attempt: number,
): Promise<Reservation | undefined> {
  const { object, wanted } = reserving;
  const owner = networkKey(network);
  const chosen = await chooseVni(etcd, owner, reserving, attempt);
  if (typeof chosen !== 'number') return chosen;
  const tunnel = `${wanted.port}/${chosen}`;
  const vniKey = keys.tunnelKey(tunnel);
  const taken = await etcd.get(vniKey);
  // Members that had the network before its run did have reserved it themselves.
  if (taken !== undefined && taken.value !== owner)
    return wanted.given === undefined ? undefined : { kind: 'taken', vni: chosen, owner: taken.value };
  const isKnown: Condition[] = taken === undefined && chosen !== wanted.had ? [IDS_KNOWN] : [];
  const holdKey = keys.networkObjectKey(network);
  const { kind, namespace, name, uid } = object;
  const { applied } = await etcd.transact(
    [
      { key: keys.teardownKey(), is: 'absent' },
      ...isKnown,
      { key: holdKey, is: 'absent' },
      taken === undefined ? { key: vniKey, is: 'absent' } : unchanged(taken),
    ],
    [
      putOperation(holdKey, { v: RECORD_VERSION, kind, namespace, name, uid, tunnel }),
      { put: keys.objectUserKey(network, uid), value: tunnel },
      { put: vniKey, value: owner },
    ],
  );
  if (applied) return { kind: 'reserved', vni: chosen };
  await explainRefusal(etcd, isKnown.length > 0);
  return undefined;
}

/** @throws PodwireError where the transaction failed for what another try does not change */
async function explainRefusal(etcd: Etcd, isKnownNeeded: boolean): Promise<void> {
  const [teardown = [], known = []] = await etcd.read([{ key: keys.teardownKey() }, { key: keys.idsKnownKey() }]);
  if (teardown.length > 0)
    throw new PodwireError(
      'EtcdUnavailable',
      'no VNI is given: podwire is taken out of the cluster (podwire teardown)',
    );
  if (isKnownNeeded && known.length === 0)
    throw new PodwireError('StoreRebuilding', `podwire's etcd was begun anew: whose a free VNI is, is not known yet`);
}

const IDS_KNOWN: Condition = { key: keys.idsKnownKey(), is: 'present' };

/** The lowest that is free; after collisions one of the lowest, so that objects that are made at once go apart. */
async function chooseVni(
  etcd: Etcd,
  owner: string,
  { wanted: { port, given, had }, isDeclared, range: { first, last }, random }: Reserving,
  attempt: number,
): Promise<number | Reservation> {
  if (given !== undefined) return given;
  if (had !== undefined && !isDeclared(had)) {
    const holder = await etcd.get(keys.vniKey(port, had));
    if (holder === undefined || holder.value === owner) return had;
  }
  const prefix = keys.tunnelKey(`${port}/`);
  const reserved = new Set((await etcd.keys(prefix)).map((key) => Number(key.slice(prefix.length))));
  const window = Math.min(2 ** attempt, MAX_WINDOW);
  const free: number[] = [];
  for (let vni = first; vni <= last && free.length < window; vni += 1)
    if (!reserved.has(vni) && !isDeclared(vni)) free.push(vni);
  return free[Math.floor(random() * free.length)] ?? { kind: 'exhausted' };
}

async function release(etcd: Etcd, network: NetworkRef, uid: string): Promise<string | undefined> {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
    const hold = await readHold(etcd, network);
    if (hold?.value.uid !== uid) return undefined;
    const { tunnel } = hold.value;
    const userKey = keys.objectUserKey(network, uid);
    const leaving = await leaveTunnel(etcd, network, tunnel, [userKey]);
    const { applied } = await etcd.transact(
      [unchanged(hold), ...leaving.conditions],
      [{ remove: hold.key }, { remove: userKey }, ...leaving.operations],
    );
    if (applied) return tunnel;
  }
  throw new PodwireError('EtcdUnavailable', `${networkKey(network)}: its attachments changed all the time`);
}
