/** What the watcher reads from podwire's etcd, and only when it starts or has listed anew. */
import type { ConvergedRecord } from '../domain/records.ts';

export interface PodName {
  readonly namespace: string;
  readonly name: string;
}

/** All throw `PodwireError('EtcdUnavailable')`. */
export interface ConvergedReader {
  /** Converged records by pod UID. */
  readonly listConverged: () => Promise<ReadonlyMap<string, ConvergedRecord>>;
  /** Every pod of which anything is left in etcd apart from its converged record: attachments, refusals. */
  readonly listPodsWithRecords: () => Promise<ReadonlyMap<string, PodName>>;
  /** UIDs of pods that were refused for what is otherwise by now: a VNI that another network had, a file of the node. */
  readonly listOutdatedRefusals: () => Promise<ReadonlySet<string>>;
}
