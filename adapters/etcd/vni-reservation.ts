/**
 * A network's VNI is reserved by the intent of its first user and freed by the last one that goes, in the very transaction in which
 * it goes: a crash between two transactions would keep the reservation for ever.
 */
import * as keys from '../../domain/keys.ts';
import { networkKey } from '../../domain/network-selection.ts';
import type { VxlanAttachmentRecord } from '../../domain/records.ts';
import type { Condition, Etcd, Operation } from './client.ts';

export interface Leaving {
  readonly conditions: readonly Condition[];
  readonly operations: readonly Operation[];
  /** Another user that has to stay while this one goes, so that two that go at once do not each rely on the other. */
  readonly witness: Condition | undefined;
}

/** The VNI stays reserved. */
export const STAYS: Leaving = { conditions: [], operations: [], witness: undefined };

/** What belongs to the transaction in which this user of the network's VNI goes. */
export async function leaveVni(etcd: Etcd, { network, podUid, link }: VxlanAttachmentRecord): Promise<Leaving> {
  const key = keys.vniKey(link.dstPort, link.vni);
  const reservation = await etcd.get(key);
  if (reservation?.value !== networkKey(network)) return STAYS;
  const ownUser = keys.userKey(network, podUid, link.interfaceName);
  const tunnel = `${link.dstPort}/${link.vni}`;
  // Read after the reservation: an intent that comes in between writes the reservation again, and the removal fails.
  const { entries } = await etcd.list(keys.usersPrefix(network));
  const others = entries.filter((user) => user.value === tunnel && user.key !== ownUser);
  // Any of them will do; not all the same one, or those who go at once would all wait for it.
  const chosen = others[Math.floor(Math.random() * others.length)];
  if (chosen === undefined) {
    return {
      conditions: [{ key, is: 'unchanged', modRevision: reservation.modRevision }],
      operations: [{ remove: key }],
      witness: undefined,
    };
  }
  const witness: Condition = { key: chosen.key, is: 'equal', value: tunnel };
  return { conditions: [witness], operations: [], witness };
}

/** Whether the reason why a transaction was refused may be that its witness has gone, so that it is worth another try. */
export async function witnessIsGone(etcd: Etcd, { witness }: Leaving): Promise<boolean> {
  if (witness?.is !== 'equal') return false;
  return (await etcd.get(witness.key))?.value !== witness.value;
}
