/**
 * Whose namespaces are followed: those of sandboxes with attachments of this node. A namespace that is followed lives on, so that one whose
 * file is gone, or whose attachments are, is let go.
 */
import { namespaceIsThere } from '../../adapters/netns/open-netns.ts';
import type { ChangeNotices } from '../../domain/ports/change-notices.ts';
import type { AttachmentRecord, NetnsIdentity } from '../../domain/records.ts';
import type { OnlySandbox } from '../../domain/sweep/messages.ts';

/** More are left to the sweep: each is an open socket. */
const MOST = 1_024;

interface Followed extends OnlySandbox {
  readonly netns: NetnsIdentity;
  /** Milliseconds: a list that was asked for before that may not have it. */
  readonly since: number;
}

export interface FollowedParts {
  readonly bootId: string;
  readonly notices: Pick<ChangeNotices, 'follow' | 'unfollow'>;
  /** It is not followed any more. */
  readonly dropped: (sandboxId: string) => void;
}

export class FollowedSandboxes {
  readonly #parts: FollowedParts;
  /** The one that changed least recently comes first. */
  readonly #followed = new Map<string, Followed>();

  constructor(parts: FollowedParts) {
    this.#parts = parts;
  }

  get size(): number {
    return this.#followed.size;
  }

  /** undefined: it is not followed, or not any more. */
  changed(sandboxId: string): OnlySandbox | undefined {
    const followed = this.#followed.get(sandboxId);
    if (followed === undefined) return undefined;
    this.#followed.delete(sandboxId);
    this.#followed.set(sandboxId, followed);
    return followed;
  }

  /** A step reads this record: it works in the sandbox. */
  noted(record: AttachmentRecord): void {
    const before = this.#followed.get(record.sandboxId);
    if (!this.#isWanted(record) || before?.netns.inode === record.netns.inode) return;
    const [oldest] = this.#followed.keys();
    if (before === undefined && this.#followed.size >= MOST && oldest !== undefined) this.drop(oldest);
    this.#follow(record);
  }

  /** All records of the node. @param askedAt milliseconds of `performance.now`, when they were asked for */
  notedAll(records: readonly AttachmentRecord[], askedAt: number): void {
    const wanted = new Map(
      records.filter((record) => this.#isWanted(record)).map((record) => [record.sandboxId, record]),
    );
    for (const [sandboxId, { since }] of this.#followed)
      if (!wanted.has(sandboxId) && since < askedAt) this.drop(sandboxId);
    this.dropGone();
    for (const [sandboxId, record] of wanted) {
      if (this.#followed.size >= MOST) break;
      if (!this.#followed.has(sandboxId)) this.#follow(record);
    }
  }

  /** Lets those go whose namespaces have no file any more. */
  dropGone(): void {
    for (const [sandboxId, { netns }] of this.#followed) if (!namespaceIsThere(netns)) this.drop(sandboxId);
  }

  drop(sandboxId: string): void {
    if (!this.#followed.delete(sandboxId)) return;
    this.#parts.dropped(sandboxId);
    // A thread that does not answer is a thread that ended, with its sockets.
    this.#parts.notices.unfollow(sandboxId).catch(() => undefined);
  }

  /** They are followed nowhere any more. */
  dropAll(): void {
    for (const sandboxId of this.#followed.keys()) this.#parts.dropped(sandboxId);
    this.#followed.clear();
  }

  #isWanted({ bootId, phase }: AttachmentRecord): boolean {
    return bootId === this.#parts.bootId && phase !== 'removing';
  }

  #follow({ sandboxId, podUid, netns }: AttachmentRecord): void {
    const followed = { sandboxId, podUid, netns, since: performance.now() };
    this.#followed.set(sandboxId, followed);
    this.#parts.notices.follow(followed).catch(() => {
      // Its namespace is gone or refused: steps say so, and the next list comes back to it.
      if (this.#followed.get(sandboxId) === followed) this.drop(sandboxId);
    });
  }
}
