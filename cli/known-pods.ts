/** Pods of one name that podwire has anything of: also those whose run has ended, and those whose name has gone to another pod. */
import type { Entry, Etcd } from '../adapters/etcd/client.ts';
import { podUidBelow } from '../adapters/etcd/record-entries.ts';
import { convergedSchema, parseEntry, refusalSchema } from '../adapters/etcd/schemas.ts';
import { convergedPrefix, refusalsPrefix } from '../domain/keys.ts';
import type { PodIdentity } from '../domain/pod/pod-view.ts';
import type { PodName } from './pod-argument.ts';
import { attachmentsOf } from './pod-attachments.ts';

export interface KnownPod extends PodIdentity {
  readonly nodeName?: string;
}

/**
 * The pods of that name that podwire's etcd has a converged record, an attachment or a refusal of, each once.
 * @param onBroken told of each record that cannot be read, whosever it is
 * @throws PodwireError `EtcdUnavailable`
 */
export async function podsInEtcd(
  etcd: Etcd,
  pod: PodName,
  onBroken: (message: string) => void,
): Promise<readonly KnownPod[]> {
  const found: KnownPod[] = [];
  const each = async (prefix: string, read: (entry: Entry) => PodName & { readonly node?: string }): Promise<void> => {
    for (const entry of (await etcd.list(prefix)).entries) {
      try {
        const { namespace, name, node: nodeName = '' } = read(entry);
        if (namespace !== pod.namespace || name !== pod.name) continue;
        const uid = podUidBelow(prefix, entry);
        found.push({ uid, namespace, name, ...(nodeName === '' ? {} : { nodeName }) });
      } catch (error) {
        onBroken((error as Error).message);
      }
    }
  };
  await each(convergedPrefix(), (entry) => parseEntry(convergedSchema, entry));
  await each(refusalsPrefix(), (entry) => parseEntry(refusalSchema, entry));
  for (const { value } of await attachmentsOf(etcd, pod, onBroken)) found.push({ ...pod, uid: value.podUid });
  return eachOnce(found);
}

/** One for each UID; who names the node wins. */
export function eachOnce(pods: readonly KnownPod[]): readonly KnownPod[] {
  const byUid = new Map<string, KnownPod>();
  for (const pod of pods) {
    if (byUid.get(pod.uid)?.nodeName === undefined) byUid.set(pod.uid, pod);
  }
  return [...byUid.values()];
}
