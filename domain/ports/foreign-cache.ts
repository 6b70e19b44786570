/** What another runtime keeps on the node of the attachments that it made, so that somebody else can undo them as it would. */
import type { CniCall } from './cni-plugins.ts';

export interface CachedAttachment {
  /** Where it is kept. */
  readonly file: string;
  /** What its ADD was called with. */
  readonly call: CniCall;
  readonly resultText: string;
}

export interface ForeignCache {
  /** @throws PodwireError ForeignKept: there is none, there are several, or one that cannot be read, and which */
  find(sandboxId: string, interfaceName: string): Promise<CachedAttachment>;
  /** Harmless when it is gone, or about another sandbox by now. */
  remove(file: string, sandboxId: string): Promise<void>;
}
