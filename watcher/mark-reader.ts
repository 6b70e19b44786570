/** What the watcher reads from podwire's etcd, and only when it starts or has listed anew. */
import type { ConvergedMark } from '../domain/records.ts';

export interface PodName {
  readonly namespace: string;
  readonly name: string;
}

/** All throw `PodwireError('EtcdUnavailable')`. */
export interface MarkReader {
  /** Converged marks by pod UID. */
  readonly listMarks: () => Promise<ReadonlyMap<string, ConvergedMark>>;
  /** Every pod of which anything is left in etcd apart from its mark: attachments, refusals. */
  readonly listPodsWithRecords: () => Promise<ReadonlyMap<string, PodName>>;
  /** UIDs of pods that were refused for what is otherwise by now: a VNI that another network had, a file of the node. */
  readonly listOutdatedRefusals: () => Promise<ReadonlySet<string>>;
}
