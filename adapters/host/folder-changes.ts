/** Tells when names in folders come, change or go (inotify). Nothing is told of what lies deeper. */
import { statSync, watch, type FSWatcher } from 'node:fs';

interface Watched {
  /** Device and inode: a folder of the same name may be another one by now. */
  readonly identity: string;
  readonly watcher: FSWatcher;
}

export class FolderChanges {
  readonly #changed: () => void;
  readonly #watched = new Map<string, Watched>();

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  /**
   * Watches these folders and no others. Called again it finds those that were made, replaced or removed meanwhile.
   * @returns whether at least one of them is watched; none is where none exists or the system has no watch left
   */
  follow(folders: readonly string[]): boolean {
    for (const folder of this.#watched.keys()) if (!folders.includes(folder)) this.#forget(folder);
    for (const folder of folders) this.#follow(folder);
    return this.#watched.size > 0;
  }

  close(): void {
    for (const folder of [...this.#watched.keys()]) this.#forget(folder);
  }

  #follow(folder: string): void {
    const identity = identityOf(folder);
    if (identity !== undefined && identity === this.#watched.get(folder)?.identity) return;
    this.#forget(folder);
    if (identity === undefined) return;
    try {
      const watcher = watch(folder, { persistent: false }, () => this.#changed());
      watcher.on('error', () => this.#forget(folder));
      this.#watched.set(folder, { identity, watcher });
    } catch {
      // The folder has gone in between, or no watch is left: the caller sees that nothing is watched.
    }
  }

  #forget(folder: string): void {
    this.#watched.get(folder)?.watcher.close();
    this.#watched.delete(folder);
  }
}

function identityOf(folder: string): string | undefined {
  const found = statSync(folder, { throwIfNoEntry: false, bigint: true });
  return found?.isDirectory() === true ? `${found.dev}:${found.ino}` : undefined;
}
