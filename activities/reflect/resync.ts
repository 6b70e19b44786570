/**
 * Mark and sweep of one source: everything in etcd, then everything in the cluster, the difference written as it is found. What is in etcd
 * and was not in the list is looked at again, object by object, right before it is removed: no list alone removes anything.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { StoredValue } from '../../domain/ports/reflect-store.ts';
import { derive, treesOf } from '../../domain/reflect/derive.ts';
import type { ReflectCounts, ResyncMarker, ResyncProgress } from '../../domain/reflect/messages.ts';
import { markerKey } from '../../domain/reflect/pod-networks.ts';
import { RECORD_VERSION } from '../../domain/records.ts';
import { pendingChange } from './comparison.ts';
import type { ReflectDeps } from './reflect-deps.ts';
import type { ReflectResyncInput } from './reflect-contract.ts';
import { reflectNames, sumOf } from './names.ts';
import { BatchWriter } from './writer.ts';

const TRANSACTIONS_AT_ONCE = 2;
/** Objects that are looked at one by one in one go, so that progress is told in between. */
const LOOK_AGAIN = 64;
/** When a list misses more than so many at once, the second look comes after a pause. */
const MANY_MISSING = 10;
const SECOND_LOOK_MS = 2_000;

interface Found {
  readonly stored: StoredValue;
  readonly name: string;
}

/** @param tell called with the progress, often. @throws PodwireError ApiUnavailable, EtcdUnavailable, Fenced */
export async function resync(
  deps: ReflectDeps,
  { source, reason }: ReflectResyncInput,
  tell: (progress: ResyncProgress) => void,
  signal: AbortSignal,
): Promise<ReflectCounts> {
  const writer = new BatchWriter(deps, TRANSACTIONS_AT_ONCE);
  const progress = { phase: 'reading etcd' as ResyncProgress['phase'], compared: 0, stored: 0 };
  const report = (): void => tell({ ...progress, ...writer.counts });
  const inEtcd = await readStored(deps, source);
  progress.stored = inEtcd.size;
  progress.phase = 'reading the cluster';
  report();

  for await (const page of deps.cluster.pages(source, signal)) {
    signal.throwIfAborted();
    for (const { name, object } of page) {
      for (const derived of derive(source, name, object, deps.settings)) {
        const found = inEtcd.get(derived.key);
        // What is not to be there stays among those that are looked at again before they go.
        if (derived.record === undefined && derived.skipped === undefined) continue;
        inEtcd.delete(derived.key);
        const pending = pendingChange(deps, name, derived, found?.stored);
        if (pending !== undefined) await writer.add(pending);
      }
    }
    progress.compared += page.length;
    report();
  }
  await writer.flush();

  progress.phase = 'looking again';
  report();
  const names = [...new Set([...writer.conflicts, ...[...inEtcd.values()].map(({ name }) => name)])];
  // A broken proxy or a half-restored API server misses many; what they say in the next moment is not worth more.
  if (inEtcd.size > MANY_MISSING) await sleep(SECOND_LOOK_MS, undefined, { signal });
  let counts = writer.counts;
  for (let start = 0; start < names.length; start += LOOK_AGAIN) {
    signal.throwIfAborted();
    const some = names.slice(start, start + LOOK_AGAIN);
    counts = sumOf(counts, await reflectNames(deps, source, some, { writeUntil: Infinity, signal }));
    tell({ ...progress, ...counts });
  }
  await writeMarker(deps, {
    v: RECORD_VERSION,
    source,
    reason,
    at: new Date().toISOString(),
    objects: progress.compared,
  });
  tell({ ...progress, ...counts, phase: 'done' });
  return counts;
}

async function readStored(deps: ReflectDeps, source: ReflectResyncInput['source']): Promise<Map<string, Found>> {
  const found = new Map<string, Found>();
  for (const { prefix, nameOf } of treesOf(source, deps.settings)) {
    for await (const page of deps.store.pages(prefix)) {
      for (const stored of page) {
        const name = nameOf(stored.key);
        if (name !== undefined) found.set(stored.key, { stored, name });
      }
    }
  }
  return found;
}

/** Two reflectors at the end of their resyncs at once: either marker is as good. */
async function writeMarker(deps: ReflectDeps, marker: ResyncMarker): Promise<void> {
  const key = markerKey(marker.source, deps.settings);
  const before = (await deps.store.read([key])).get(key);
  await deps.store.write([{ key, value: Buffer.from(JSON.stringify(marker)), was: before?.modRevision }]);
}
