/** Brings single objects in line: level-triggered, from the object as it is now, never from the event. */
import { PodwireError } from '../../domain/failures.ts';
import { MAX_STORE_OPERATIONS, type StoredValue } from '../../domain/ports/reflect-store.ts';
import { derive } from '../../domain/reflect/derive.ts';
import { NO_COUNTS, type ReflectCounts, type ReflectSource } from '../../domain/reflect/messages.ts';
import { allWithLimit } from '../../domain/concurrency/with-limit.ts';
import { pendingChange } from './comparison.ts';
import type { ReflectDeps } from './reflect-deps.ts';
import { BatchWriter } from './writer.ts';

const READS_AT_ONCE = 8;
/** Another reflector at work on the same keys loses or wins each round; after so many the workflow waits a moment. */
const MAX_ROUNDS = 4;

export interface Limits {
  /** `performance.now()` after which nothing is written any more: an attempt that was given up must not write what it read long ago. */
  readonly writeUntil: number;
  readonly signal?: AbortSignal;
}

/** @throws PodwireError ApiUnavailable, EtcdUnavailable, Fenced */
export async function reflectNames(
  deps: ReflectDeps,
  source: ReflectSource,
  names: readonly string[],
  limits: Limits,
): Promise<ReflectCounts> {
  let counts = NO_COUNTS;
  let left: readonly string[] = names;
  for (let round = 1; left.length > 0; round += 1) {
    if (round > MAX_ROUNDS) {
      throw new PodwireError(
        'Fenced',
        `keys of ${left.length} objects (${left[0] ?? ''}, …) are changed by somebody else all the time`,
      );
    }
    const writer = await oneRound(deps, source, left, limits);
    counts = sumOf(counts, writer.counts);
    left = [...writer.conflicts];
  }
  return counts;
}

async function oneRound(
  deps: ReflectDeps,
  source: ReflectSource,
  names: readonly string[],
  limits: Limits,
): Promise<BatchWriter> {
  const desired = await allWithLimit(names, READS_AT_ONCE, async (name) => {
    limits.signal?.throwIfAborted();
    const object = await deps.cluster.get(source, name);
    return derive(source, name, object, deps.settings).map((derived) => ({ name, derived }));
  });
  const all = desired.flat();
  const stored = await readAll(
    deps,
    all.map(({ derived }) => derived.key),
  );
  if (performance.now() > limits.writeUntil) {
    throw new PodwireError('EtcdUnavailable', `reading ${names.length} objects took too long to write them yet`);
  }
  const writer = new BatchWriter(deps);
  for (const { name, derived } of all) {
    const pending = pendingChange(deps, name, derived, stored.get(derived.key));
    if (pending !== undefined) await writer.add(pending);
  }
  await writer.flush();
  return writer;
}

async function readAll(deps: ReflectDeps, keys: readonly string[]): Promise<ReadonlyMap<string, StoredValue>> {
  const all = new Map<string, StoredValue>();
  for (let start = 0; start < keys.length; start += MAX_STORE_OPERATIONS) {
    const found = await deps.store.read(keys.slice(start, start + MAX_STORE_OPERATIONS));
    for (const [key, value] of found) all.set(key, value);
  }
  return all;
}

export const sumOf = (a: ReflectCounts, b: ReflectCounts): ReflectCounts => ({
  added: a.added + b.added,
  updated: a.updated + b.updated,
  deleted: a.deleted + b.deleted,
});
