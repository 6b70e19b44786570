/** Records of sandboxes of the primary network. Every method fails with EtcdUnavailable. */
import type { PrimarySandboxRecord } from '../primary/sandbox.ts';

export interface PrimarySandboxes {
  /** Those of a node that can be read. */
  list(node: string): Promise<readonly PrimarySandboxRecord[]>;
  /** undefined: there is none, or none that can be read. */
  get(node: string, sandboxId: string): Promise<PrimarySandboxRecord | undefined>;
  /** With what contiv's readers look for, in one transaction. */
  put(record: PrimarySandboxRecord): Promise<void>;
  /** What contiv's readers look for goes; with it the record, unless something is to be done for it. */
  remove(node: string, sandboxId: string, keep?: 'record'): Promise<void>;
}
