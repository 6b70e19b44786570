/** What the kernel tells of changes in pods' network namespaces, without what podwire changes there itself. */
import type { SandboxRecord } from '../records.ts';

export interface ChangeNotice {
  readonly sandboxId: string;
  /** Links, addresses or routes changed, or may have. */
  readonly links: boolean;
  /** Forwarding entries or static neighbours changed, or may have. */
  readonly forwarding: boolean;
}

/** A sandbox whose namespace is followed. */
type FollowedSandbox = Pick<SandboxRecord, 'sandboxId' | 'netns'>;

export interface ChangeNotices {
  /**
   * Tells of the sandbox's changes from now on, at most once a second. Keeps its namespace alive until `unfollow`.
   * @throws PodwireError SandboxGone, SandboxChanged, NetnsRefused, CommandFailed, CommandTimedOut
   */
  follow(sandbox: FollowedSandbox): Promise<void>;
  unfollow(sandboxId: string): Promise<void>;
  /** Runs what podwire changes in the sandbox by way of other processes: it is not told of. */
  asOwn<T>(sandboxId: string, work: () => Promise<T>): Promise<T>;
  listen(listener: ChangeListener): void;
}

export interface ChangeListener {
  changed(notice: ChangeNotice): void;
  /** Nothing is followed any more. */
  ended(): void;
}
