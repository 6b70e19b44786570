/** Pods that were refused because another network had the VNI, and for which that is no longer true. */
import * as keys from '../../domain/keys.ts';
import type { WaitingPod } from '../../domain/ports/record-store.ts';
import { isTakenFrom, type RefusalRecord } from '../../domain/records.ts';
import type { Entry, Etcd } from './client.ts';
import { podUidBelow } from './record-entries.ts';
import { parseEntry, refusalSchema } from './schemas.ts';

/**
 * Each pod once. A refusal that nobody can read is left out: it must not keep others from being woken.
 * @param tunnels (`port/id`) that are of interest; absent: all
 */
export async function listOutdatedRefusals(etcd: Etcd, tunnels?: readonly string[]): Promise<WaitingPod[]> {
  const prefix = keys.refusalsPrefix();
  const owners = new Map<string, string | undefined>();
  const pods = new Map<string, WaitingPod>();
  for (const entry of (await etcd.list(prefix)).entries) {
    const { waitsForVni: tunnel, network, namespace, name } = readable(entry) ?? {};
    if (tunnel === undefined || network === undefined || tunnels?.includes(tunnel) === false) continue;
    if (!owners.has(tunnel)) owners.set(tunnel, (await etcd.get(keys.tunnelKey(tunnel)))?.value);
    if (isTakenFrom(network, owners.get(tunnel))) continue;
    const uid = podUidBelow(prefix, entry);
    pods.set(uid, { uid, namespace: namespace ?? '', name: name ?? '', tunnel });
  }
  return [...pods.values()];
}

function readable(entry: Entry): RefusalRecord | undefined {
  try {
    return parseEntry(refusalSchema, entry);
  } catch {
    return undefined;
  }
}
