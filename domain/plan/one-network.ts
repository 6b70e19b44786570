/** A pod has one interface in a network that an object declares: a network namespace holds one device of a VXLAN network. */
import { isOfObject } from '../network-objects/network-object.ts';
import { networkKey, type Dialect, type NetworkSelection } from '../network-selection.ts';
import type { AttachmentRecord } from '../records.ts';
import { definitionIn } from './keep.ts';
import { askedAs, keepName } from './observation.ts';

export interface Entry {
  readonly selection: NetworkSelection;
  /** Empty while podwire has not chosen it. */
  readonly interfaceName: string;
}

/**
 * Of entries that lead to one network object, those that do not get it, each with the one that does: the one that is attached, else the first in
 * this order (ADR 35).
 * @param order of the dialects
 */
export function secondToNetwork<E extends Entry>(
  entries: readonly E[],
  attachments: readonly AttachmentRecord[],
  order: readonly Dialect[],
): ReadonlyMap<E, E> {
  const byNetwork = new Map<string, E[]>();
  for (const entry of entries) {
    const { network } = entry.selection;
    if (!isOfObject(network)) continue;
    byNetwork.set(networkKey(network), [...(byNetwork.get(networkKey(network)) ?? []), entry]);
  }
  const rank = (entry: E): number => order.indexOf(entry.selection.dialect) - 10 * claimOf(entry, attachments);
  return new Map(
    [...byNetwork.values()].flatMap((rivals) => {
      const [first, ...others] = [...rivals].sort((one, other) => rank(one) - rank(other));
      return first === undefined ? [] : others.map((entry) => [entry, first] as const);
    }),
  );
}

/** An entry may have got another name for its interface than it is attached with. */
function claimOf({ selection, interfaceName }: Entry, attachments: readonly AttachmentRecord[]): 0 | 1 | 2 {
  const own = attachments.filter(
    (record) =>
      record.phase !== 'removing' &&
      keepName(record) === askedAs(selection) &&
      networkKey(record.network) === networkKey(selection.network),
  );
  if (own.length === 0) return 0;
  return own.some((record) => record.interfaceName === interfaceName) ? 2 : 1;
}

/** Why the entry does not get the network. @param first who does */
export function secondBecause({ network }: NetworkSelection, first: NetworkSelection): string {
  const entry = askedAs(first);
  return `leads to network ${networkKey(network)}, to which entry ${definitionIn(entry) ?? entry} of the ${first.dialect} annotation leads as well; allowed: one interface of a pod in an overlay network`;
}
