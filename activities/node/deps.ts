/** What the node's activities work with; made by the worker. */
import type { Failpoints } from '../../domain/ports/failpoints.ts';
import type { LinkKernel } from '../../domain/ports/link-kernel.ts';
import type { NodeStore } from '../../domain/ports/node-store.ts';
import type { SandboxRuntime } from '../../domain/ports/sandbox-runtime.ts';
import type { FdbSync } from './fdb-sync.ts';
import type { KeyedMutex } from './keyed-mutex.ts';

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
