/** The sandboxes that were announced on a node, kept over restarts of its worker. */
import type { AnnouncedSandbox } from '../cni-server/announced-sandbox.ts';

export interface AnnouncedSandboxes {
  get(sandboxId: string): AnnouncedSandbox | undefined;
  list(): readonly AnnouncedSandbox[];
  /** Returns when it would outlive the worker. @throws the system's error when the disk refuses */
  put(announced: AnnouncedSandbox): Promise<void>;
  remove(sandboxId: string): Promise<void>;
  /** Resolves when a sandbox is announced that `isSought` says yes to, or the signal aborts. */
  untilPut(isSought: (announced: AnnouncedSandbox) => boolean, signal: AbortSignal): Promise<void>;
}
