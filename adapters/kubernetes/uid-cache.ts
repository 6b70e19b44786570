/**
 * A cache of objects by UID, fed by lists and watch events in whatever order and number they come.
 *
 * Within a stream an event counts only when its resourceVersion is newer than what is known of the object: since KEP-5504 resourceVersions of one
 * resource may be compared as numbers (they always were etcd revisions). A list replaces everything, whatever its version: it is read
 * from etcd, and after a restore of etcd the versions start lower again.
 */
import { dropOldest } from '../../domain/drop-oldest.ts';

export interface Identified {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
}

export interface Versioned<T> {
  readonly view: T;
  readonly version: string;
}

export type Change<T> =
  | { readonly type: 'added'; readonly view: T }
  | { readonly type: 'changed'; readonly view: T; readonly previous: T }
  | { readonly type: 'deleted'; readonly view: T };

/** Deleted UIDs are remembered, so that an old event does not bring one back; more than this many are never in flight. */
const MAX_GRAVES = 10_000;

export class UidCache<T extends Identified> {
  readonly #objects = new Map<string, Versioned<T>>();
  readonly #byName = new Map<string, string>();
  readonly #deletedUids = new Set<string>();

  get size(): number {
    return this.#objects.size;
  }

  get(uid: string): T | undefined {
    return this.#objects.get(uid)?.view;
  }

  /** Version under which the object is known. */
  version(uid: string): string | undefined {
    return this.#objects.get(uid)?.version;
  }

  *views(): Generator<T> {
    for (const { view } of this.#objects.values()) yield view;
  }

  /** ADDED and MODIFIED mean the same here: the object exists and looks like this. */
  put(view: T, version: string): Change<T>[] {
    if (this.#deletedUids.has(view.uid)) return [];
    const known = this.#objects.get(view.uid);
    if (known !== undefined) {
      if (!isNewer(version, known.version)) return [];
      this.#objects.set(view.uid, { view, version });
      return [{ type: 'changed', view, previous: known.view }];
    }
    const changes: Change<T>[] = [];
    const holder = this.#objects.get(this.#byName.get(nameKey(view)) ?? '');
    if (holder !== undefined) {
      // Two objects never have one name at a time: whichever has the older version is gone.
      if (!isNewer(version, holder.version)) {
        this.#bury(view.uid);
        return [];
      }
      this.#remove(holder.view);
      this.#bury(holder.view.uid);
      changes.push({ type: 'deleted', view: holder.view });
    }
    this.#insert(view, version);
    changes.push({ type: 'added', view });
    return changes;
  }

  delete(view: T): Change<T>[] {
    const known = this.#objects.get(view.uid);
    if (known === undefined) {
      this.#bury(view.uid);
      return [];
    }
    this.#remove(known.view);
    this.#bury(view.uid);
    return [{ type: 'deleted', view: known.view }];
  }

  /** Deletions come first, so that a name that went to another object is free before it is taken. */
  replace(list: readonly Versioned<T>[]): Change<T>[] {
    this.#deletedUids.clear();
    const changes: Change<T>[] = [];
    const listed = new Set(list.map(({ view }) => view.uid));
    for (const { view } of [...this.#objects.values()]) {
      if (listed.has(view.uid)) continue;
      this.#remove(view);
      changes.push({ type: 'deleted', view });
    }
    for (const { view, version } of list) {
      const known = this.#objects.get(view.uid);
      if (known?.version === version) continue;
      this.#insert(view, version);
      changes.push(known === undefined ? { type: 'added', view } : { type: 'changed', view, previous: known.view });
    }
    return changes;
  }

  #insert(view: T, version: string): void {
    this.#objects.set(view.uid, { view, version });
    this.#byName.set(nameKey(view), view.uid);
  }

  #remove(view: T): void {
    this.#objects.delete(view.uid);
    if (this.#byName.get(nameKey(view)) === view.uid) this.#byName.delete(nameKey(view));
  }

  #bury(uid: string): void {
    this.#deletedUids.add(uid);
    dropOldest(this.#deletedUids, MAX_GRAVES);
  }
}

const nameKey = ({ namespace, name }: Identified): string => `${namespace}/${name}`;

/** Compares decimal texts as numbers; anything that is not decimal cannot be compared and counts as newer. */
export function isNewer(version: string, than: string): boolean {
  if (!/^\d+$/.test(version) || !/^\d+$/.test(than)) return version !== than;
  return version.length === than.length ? version > than : version.length > than.length;
}
