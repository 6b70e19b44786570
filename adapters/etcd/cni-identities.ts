/**
 * Who was first to have an address, a MAC or a host port in a CNI network. Plugins and annotations decide who gets what; this only notices
 * that two pods have the same.
 */
import { addressHolder, holderNamed } from '../../domain/plan/address-claims.ts';
import { identitiesOf, type Identity, type SharedIdentity } from '../../domain/cni/identities.ts';
import { PodwireError } from '../../domain/failures.ts';
import { identityKey } from '../../domain/keys.ts';
import type { AttachmentRecord } from '../../domain/records.ts';
import { NOTHING, type Change } from './address-reservation.ts';
import type { Condition, Entry, Etcd, Operation } from './client.ts';
import { readPod } from './pod-records.ts';

export interface IdentityChange extends Change {
  /** What others had before, and have. */
  readonly shared: readonly SharedIdentity[];
}

/** What belongs to the transaction in which a record becomes another one. @param after undefined: it goes */
export async function changeIdentities(
  etcd: Etcd,
  before: AttachmentRecord,
  after: AttachmentRecord | undefined,
): Promise<IdentityChange> {
  const [had, has] = [identitiesOf(before), after === undefined ? [] : identitiesOf(after)];
  const left = had.filter(({ place }) => !has.some((other) => other.place === place));
  const found = await entriesOf(etcd, [...left, ...has]);
  const holder = addressHolder(before);
  const taken = has.map(keyOf).filter((key) => !found.has(key));
  const given = left.map(keyOf).filter((key) => found.get(key)?.value === holder);
  const others = await othersOf(etcd, holder, has, found);
  const inherited = others.filter(({ lives }) => !lives);
  return {
    conditions: [
      ...taken.map((key): Condition => ({ key, is: 'absent' })),
      ...given.map((key): Condition => ({ key, is: 'equal', value: holder })),
      ...inherited.map(({ identity, other }): Condition => ({ key: keyOf(identity), is: 'equal', value: other })),
    ],
    operations: [
      ...[...taken, ...inherited.map(({ identity }) => keyOf(identity))].map((key): Operation => ({
        put: key,
        value: holder,
      })),
      ...given.map((key): Operation => ({ remove: key })),
    ],
    shared: sharedWith(others),
  };
}

/** What belongs to the transaction in which an intent takes the place of a record, whose result it may not have. */
export const leftIdentities = async (
  etcd: Etcd,
  previous: AttachmentRecord | undefined,
  intent: AttachmentRecord,
): Promise<Change> => (previous === undefined ? NOTHING : changeIdentities(etcd, previous, intent));

/** What others had before, and have. */
export async function sharedIdentities(etcd: Etcd, record: AttachmentRecord): Promise<SharedIdentity[]> {
  const own = identitiesOf(record);
  return sharedWith(await othersOf(etcd, addressHolder(record), own, await entriesOf(etcd, own)));
}

interface Other {
  readonly identity: Identity;
  /** As `addressHolder` has it. */
  readonly other: string;
  /** False: nothing says any more that it has it; its record was removed by hand. */
  readonly lives: boolean;
}

/** Costs a read for each other holder, of which there is seldom one. */
async function othersOf(
  etcd: Etcd,
  holder: string,
  own: readonly Identity[],
  found: ReadonlyMap<string, Entry>,
): Promise<Other[]> {
  const held = own.flatMap((identity) => {
    const other = found.get(keyOf(identity))?.value;
    return other === undefined || other === holder ? [] : [{ identity, other }];
  });
  const places = new Map<string, ReadonlySet<string> | undefined>();
  for (const other of new Set(held.map((each) => each.other))) places.set(other, await placesOf(etcd, other));
  return held.map((each) => ({ ...each, lives: places.get(each.other)?.has(each.identity.place) ?? true }));
}

/** What a holder has by its records; undefined: they cannot be read, and may say anything. */
async function placesOf(etcd: Etcd, holder: string): Promise<ReadonlySet<string> | undefined> {
  try {
    const { attachments } = await readPod(etcd, holderNamed(holder).uid, '');
    const own = attachments.filter(({ value }) => addressHolder(value) === holder);
    return new Set(own.flatMap(({ value }) => identitiesOf(value)).map(({ place }) => place));
  } catch (error) {
    if (error instanceof PodwireError && error.code === 'RecordInvalid') return undefined;
    throw error;
  }
}

const sharedWith = (others: readonly Other[]): SharedIdentity[] =>
  others.filter(({ lives }) => lives).map(({ identity: { what }, other }) => ({ what, holder: other }));

const keyOf = ({ place }: Identity): string => identityKey(place);

async function entriesOf(etcd: Etcd, identities: readonly Identity[]): Promise<ReadonlyMap<string, Entry>> {
  if (identities.length === 0) return new Map();
  const found = await etcd.read(identities.map((identity) => ({ key: keyOf(identity) })));
  return new Map(found.flat().map((entry) => [entry.key, entry]));
}
