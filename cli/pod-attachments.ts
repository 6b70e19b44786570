/** What podwire's etcd holds of a pod that is known by its name only; several pods may have had it. */
import type { Etcd } from '../adapters/etcd/client.ts';
import { attachmentSchema, failureSchema, parseEntry } from '../adapters/etcd/schemas.ts';
import { attachmentsPrefix, podFailuresPrefix } from '../domain/keys.ts';
import type { AttachmentRecord, FailureRecord, Stored } from '../domain/records.ts';
import type { PodName } from './pod-argument.ts';

/**
 * All attachment records of pods of that name. The tree is laid out by node and UID, so everything is read once.
 * @throws as `everyAttachment`
 */
export async function attachmentsOf(
  etcd: Etcd,
  pod: PodName,
  onBroken: (message: string) => void,
): Promise<Stored<AttachmentRecord>[]> {
  return (await everyAttachment(etcd, onBroken)).filter(({ value }) => isOfPod(value, pod));
}

/** Whether a record is that of a pod of that name. */
export const isOfPod = ({ namespace, name }: AttachmentRecord, pod: PodName): boolean =>
  namespace === pod.namespace && name === pod.name;

/**
 * All attachment records there are.
 * @param onBroken told of each record that cannot be read, whosever it is
 * @throws PodwireError `EtcdUnavailable`
 */
export async function everyAttachment(
  etcd: Etcd,
  onBroken: (message: string) => void,
): Promise<Stored<AttachmentRecord>[]> {
  const { entries } = await etcd.list(attachmentsPrefix());
  return entries.flatMap((entry) => {
    try {
      const value = parseEntry(attachmentSchema, entry);
      return [{ key: entry.key, value, modRevision: entry.modRevision }];
    } catch (error) {
      onBroken((error as Error).message);
      return [];
    }
  });
}

/** Why steps of a pod's attachments keep failing. @throws PodwireError `EtcdUnavailable`, `RecordInvalid` */
export async function failuresOf(etcd: Etcd, podUid: string): Promise<FailureRecord[]> {
  const { entries } = await etcd.list(podFailuresPrefix(podUid));
  return entries.map((entry) => parseEntry(failureSchema, entry));
}
