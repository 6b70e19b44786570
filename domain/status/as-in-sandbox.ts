/** What of an attachment that is being removed is still in the pod, for its status. Pure. */
import type { AttachmentRecord } from '../records.ts';

/**
 * @param sandboxId of the pod's present sandbox; undefined: not known
 * @returns the record as its interface is in the pod: under the network that it was made for, and without a result where the pod has left
 *   the sandbox that it was in
 */
export function asInSandbox(record: AttachmentRecord, sandboxId: string | undefined): AttachmentRecord {
  if (record.phase !== 'removing') return record;
  const { result, ...others } = record.kind === 'cni' ? { ...record, ...record.madeWith } : record;
  const isLeft = sandboxId !== undefined && record.sandboxId !== sandboxId;
  return result === undefined || isLeft ? others : { ...others, result };
}
