/** What the node's activities work with; made by the worker. */
import type { Failpoints } from '../../domain/ports/failpoints.ts';
import type { LinkKernel } from '../../domain/ports/link-kernel.ts';
import type { NodeStore } from '../../domain/ports/node-store.ts';
import type { SandboxRuntime } from '../../domain/ports/sandbox-runtime.ts';
import type { CniJournal } from '../../domain/ports/cni-journal.ts';
import type { CniPlugins } from '../../domain/ports/cni-plugins.ts';
import type { CniAttachmentRecord } from '../../domain/records.ts';
import type { FdbSync } from './fdb-sync.ts';
import type { KeyedMutex } from './keyed-mutex.ts';
import type { NetworkLocks } from './network-locks.ts';

export interface NodeDeps {
  readonly node: string;
  readonly bootId: string;
  readonly store: NodeStore;
  readonly runtime: SandboxRuntime;
  readonly kernel: LinkKernel;
  readonly failpoints: Failpoints;
  /** Name under which a pod's interface is made. */
  readonly temporaryName: (podUid: string, interfaceName: string) => string;
  /** One operation at a time per sandbox. */
  readonly sandboxLocks: KeyedMutex;
  readonly fdb: FdbSync;
}

/** What the CNI activities need besides. */
export interface CniDeps extends NodeDeps {
  readonly plugins: CniPlugins;
  readonly journal: CniJournal;
  /** GC never runs beside ADD or DEL of its network. */
  readonly networkLocks: NetworkLocks;
  /** The DEL after a failed ADD failed as well: told, and tried again with the next attempt. */
  readonly onUndoFailed: (record: CniAttachmentRecord, failure: unknown) => void;
}
