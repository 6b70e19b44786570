/** Pods that were refused for what is otherwise by now: another network had the VNI, a file of the node was missing or wrong. */
import { isOutdated, wakeReason } from '../../domain/plan/blocked-on.ts';
import * as keys from '../../domain/keys.ts';
import { interfaceOf, usersInTheWay } from '../../domain/plan/moving-networks.ts';
import type { WaitingPod } from '../../domain/ports/record-store.ts';
import { inputsHash } from '../hash/inputs-hash.ts';
import type { NetworkRef } from '../../domain/network-selection.ts';
import type { RefusalRecord } from '../../domain/records.ts';
import type { Etcd } from './client.ts';
import { networkUsers, waitsToMove } from './network-users.ts';
import { podUidBelow } from './record-entries.ts';
import { nodeConfigsSchema, readable, refusalSchema } from './schemas.ts';

/**
 * Each pod once. A refusal that nobody can read is left out: it must not keep others from being woken.
 * @param isOfInterest absent: every refusal is
 */
export async function listOutdatedRefusals(
  etcd: Etcd,
  isOfInterest: (refusal: RefusalRecord) => boolean = () => true,
): Promise<WaitingPod[]> {
  const prefix = keys.refusalsPrefix();
  const refusals = (await etcd.list(prefix)).entries.flatMap((entry) => {
    const refusal = readable(refusalSchema, entry);
    return refusal === undefined ? [] : [{ ...refusal, podUid: podUidBelow(prefix, entry) }];
  });
  const pods = new Map<string, WaitingPod>();
  const holderAt = once(async (key) => (await etcd.get(key))?.value);
  const usersBelow = once(async (users) => (await etcd.list(users)).entries);
  const refusalOf = new Map(refusals.map((refusal) => [interfaceOf(refusal), refusal]));
  const facts = {
    tunnelOwner: once(async (tunnel) => (await etcd.get(keys.tunnelKey(tunnel)))?.value),
    isHeldBack: async (network: NetworkRef, podUid: string, tunnel: string) => {
      const users = networkUsers(network, await usersBelow(keys.usersPrefix(network)));
      return usersInTheWay(users, podUid, tunnel).some((user) => {
        const refusal = refusalOf.get(interfaceOf(user));
        return refusal === undefined || !waitsToMove(refusal, network, tunnel);
      });
    },
    addressHolder: async (network: NetworkRef, address: string) => holderAt(keys.addressKey(network, address)),
    nodeConfigs: once(async (node) => readable(nodeConfigsSchema, await etcd.get(keys.nodeConfigsKey(node)))),
  };
  for (const refusal of refusals) {
    if (!isOfInterest(refusal) || !(await isOutdated(refusal, facts, inputsHash))) continue;
    const { podUid: uid, namespace, name } = refusal;
    pods.set(uid, { uid, namespace, name, reason: wakeReason(refusal) });
  }
  return [...pods.values()];
}

/** Many pods wait for the same. */
function once<T>(read: (key: string) => Promise<T>): (key: string) => Promise<T> {
  const known = new Map<string, Promise<T>>();
  return (key) => {
    const reading = known.get(key) ?? read(key);
    known.set(key, reading);
    return reading;
  };
}
