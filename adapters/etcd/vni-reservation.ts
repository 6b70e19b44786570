/**
 * A network's VNI is reserved by the intent of its first user, or for the object that declares the network, and freed by the last one that
 * goes, in the very transaction in which it goes: a crash between two transactions would keep the reservation for ever.
 */
import * as keys from '../../domain/keys.ts';
import { networkKey, type NetworkRef } from '../../domain/network-selection.ts';
import type { VxlanAttachmentRecord } from '../../domain/records.ts';
import type { Condition, Etcd, Operation } from './client.ts';
import { unchanged } from './record-entries.ts';

export interface Leaving {
  readonly conditions: readonly Condition[];
  readonly operations: readonly Operation[];
  /** Another user that has to stay while this one goes, so that two that go at once do not each rely on the other. */
  readonly witness: Condition | undefined;
}

/** The VNI stays reserved. */
export const STAYS: Leaving = { conditions: [], operations: [], witness: undefined };

/** What belongs to the transaction in which an attachment no longer uses a tunnel (`port/id`) of its network. */
export const leaveVni = (etcd: Etcd, record: VxlanAttachmentRecord, tunnel: string): Promise<Leaving> =>
  leaveTunnel(etcd, record.network, tunnel, ownUserKeys(record));

/** What belongs to the transaction in which a user of a network no longer uses a tunnel. @param ownKeys by which it holds tunnels */
export async function leaveTunnel(
  etcd: Etcd,
  network: NetworkRef,
  tunnel: string,
  ownKeys: readonly string[],
): Promise<Leaving> {
  const key = keys.tunnelKey(tunnel);
  const reservation = await etcd.get(key);
  if (reservation?.value !== networkKey(network)) return STAYS;
  const own = new Set(ownKeys);
  // Read after the reservation: an intent that comes in between writes the reservation again, and the removal fails.
  const { entries } = await etcd.list(keys.usersPrefix(network));
  const others = entries.filter((user) => user.value === tunnel && !own.has(user.key));
  // Any of them will do; not all the same one, or those who go at once would all wait for it.
  const chosen = others[Math.floor(Math.random() * others.length)];
  if (chosen === undefined) {
    return {
      conditions: [unchanged(reservation)],
      operations: [{ remove: key }],
      witness: undefined,
    };
  }
  const witness: Condition = { key: chosen.key, is: 'equal', value: tunnel };
  return { conditions: [witness], operations: [], witness };
}

/** All keys by which an attachment holds ids of its network. */
const ownUserKeys = (record: VxlanAttachmentRecord): string[] => [
  keys.userKey(record.network, record.podUid, record.link.interfaceName),
  ...replacedKeys(record),
];

/** Keys by which it holds the ids of what it replaces. */
export const replacedKeys = ({ network, podUid, link, replaces = [] }: VxlanAttachmentRecord): string[] =>
  replaces.map((tunnel) => keys.replacedUserKey(network, podUid, link.interfaceName, tunnel));

/** What belongs to the transaction after which nothing is left of the tunnels that an attachment replaces. */
export async function leaveReplaced(etcd: Etcd, record: VxlanAttachmentRecord): Promise<Leaving[]> {
  const { network, podUid, link, replaces = [] } = record;
  return Promise.all(
    replaces.map(async (tunnel) => {
      const leaving = await leaveVni(etcd, record, tunnel);
      const key = keys.replacedUserKey(network, podUid, link.interfaceName, tunnel);
      return { ...leaving, operations: [...leaving.operations, { remove: key }] };
    }),
  );
}

/** Whether the reason why a transaction was refused may be that its witness has gone, so that it is worth another try. */
export async function witnessIsGone(etcd: Etcd, { witness }: Leaving): Promise<boolean> {
  if (witness?.is !== 'equal') return false;
  return (await etcd.get(witness.key))?.value !== witness.value;
}
