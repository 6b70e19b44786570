/** Pods that were refused for what is otherwise by now: another network had the VNI, a file of the node was missing or wrong. */
import type { z } from 'zod';
import { isOutdated, wakeReason } from '../../domain/awaited.ts';
import * as keys from '../../domain/keys.ts';
import type { WaitingPod } from '../../domain/ports/record-store.ts';
import { inputsHash } from '../hash/inputs-hash.ts';
import type { NetworkRef } from '../../domain/network-selection.ts';
import type { RefusalRecord } from '../../domain/records.ts';
import type { Entry, Etcd } from './client.ts';
import { podUidBelow } from './record-entries.ts';
import { nodeConfigsSchema, parseEntry, refusalSchema } from './schemas.ts';

/**
 * Each pod once. A refusal that nobody can read is left out: it must not keep others from being woken.
 * @param isOfInterest absent: every refusal is
 */
export async function listOutdatedRefusals(
  etcd: Etcd,
  isOfInterest: (refusal: RefusalRecord) => boolean = () => true,
): Promise<WaitingPod[]> {
  const prefix = keys.refusalsPrefix();
  const pods = new Map<string, WaitingPod>();
  const holderAt = once(async (key) => (await etcd.get(key))?.value);
  const facts = {
    tunnelOwner: once(async (tunnel) => (await etcd.get(keys.tunnelKey(tunnel)))?.value),
    addressHolder: async (network: NetworkRef, address: string) => holderAt(keys.addressKey(network, address)),
    nodeConfigs: once(async (node) => readable(nodeConfigsSchema, await etcd.get(keys.nodeConfigsKey(node)))),
  };
  for (const entry of (await etcd.list(prefix)).entries) {
    const refusal = readable(refusalSchema, entry);
    if (refusal === undefined || !isOfInterest(refusal) || !(await isOutdated(refusal, facts, inputsHash))) continue;
    const { namespace, name } = refusal;
    const uid = podUidBelow(prefix, entry);
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

function readable<T>(schema: z.ZodType<T>, entry: Entry | undefined): T | undefined {
  try {
    return entry && parseEntry(schema, entry);
  } catch {
    return undefined;
  }
}
