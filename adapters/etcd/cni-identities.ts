/**
 * Who was first to have an address, a MAC or a host port in a CNI network. Plugins and annotations decide who gets what; this only notices
 * that two pods have the same.
 */
import { addressHolder } from '../../domain/address-claims.ts';
import { identitiesOf, type Identity, type SharedIdentity } from '../../domain/cni-identities.ts';
import { identityKey } from '../../domain/keys.ts';
import type { AttachmentRecord } from '../../domain/records.ts';
import { NOTHING, type Change } from './address-reservation.ts';
import type { Condition, Entry, Etcd, Operation } from './client.ts';

/** What belongs to the transaction in which a record becomes another one. @param after undefined: it goes */
export async function changeIdentities(
  etcd: Etcd,
  before: AttachmentRecord,
  after: AttachmentRecord | undefined,
): Promise<Change> {
  const [had, has] = [identitiesOf(before), after === undefined ? [] : identitiesOf(after)];
  const left = had.filter(({ place }) => !has.some((other) => other.place === place));
  const found = await entriesOf(etcd, [...left, ...has]);
  const holder = addressHolder(before);
  const taken = has.map(keyOf).filter((key) => !found.has(key));
  const given = left.map(keyOf).filter((key) => found.get(key)?.value === holder);
  return {
    conditions: [
      ...taken.map((key): Condition => ({ key, is: 'absent' })),
      ...given.map((key): Condition => ({ key, is: 'equal', value: holder })),
    ],
    operations: [
      ...taken.map((key): Operation => ({ put: key, value: holder })),
      ...given.map((key): Operation => ({ remove: key })),
    ],
  };
}

/** What belongs to the transaction in which an intent takes the place of a record, whose result it may not have. */
export const leftIdentities = async (
  etcd: Etcd,
  previous: AttachmentRecord | undefined,
  intent: AttachmentRecord,
): Promise<Change> =>
  previous === undefined || identitiesOf(previous).length === 0 ? NOTHING : changeIdentities(etcd, previous, intent);

/** What others had before. */
export async function sharedIdentities(etcd: Etcd, record: AttachmentRecord): Promise<SharedIdentity[]> {
  const own = identitiesOf(record);
  const found = await entriesOf(etcd, own);
  const holder = addressHolder(record);
  return own.flatMap((identity) => {
    const other = found.get(keyOf(identity))?.value;
    return other === undefined || other === holder ? [] : [{ what: identity.what, holder: other }];
  });
}

const keyOf = ({ place }: Identity): string => identityKey(place);

async function entriesOf(etcd: Etcd, identities: readonly Identity[]): Promise<ReadonlyMap<string, Entry>> {
  if (identities.length === 0) return new Map();
  const found = await etcd.read(identities.map((identity) => ({ key: keyOf(identity) })));
  return new Map(found.flat().map((entry) => [entry.key, entry]));
}
