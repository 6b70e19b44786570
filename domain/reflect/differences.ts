/** What differs between the cluster and etcd, for people and tests. Changes nothing. */
import type { ReflectCluster } from '../ports/reflect-cluster.ts';
import type { ReflectCodec } from '../ports/reflect-codec.ts';
import type { ReflectStore, StoredValue } from '../ports/reflect-store.ts';
import type { RecordKind } from './kinds.ts';
import type { ReflectSettings } from './settings.ts';
import { derive, treesOf, type Derived } from './derive.ts';
import type { ReflectSource } from './messages.ts';
import { sameValue } from './same-value.ts';

export interface Difference {
  readonly kind: RecordKind;
  /** `namespace/name`, or `name`. */
  readonly name: string;
  readonly key: string;
  /** `missing` in etcd, `different` there, or there though it should not be: `extra`. */
  readonly what: 'missing' | 'different' | 'extra';
}

export interface Differences {
  readonly source: ReflectSource;
  readonly differences: readonly Difference[];
  /** Objects of the cluster. */
  readonly objects: number;
  /** Values in etcd. */
  readonly stored: number;
  /** Objects that cannot be reflected. */
  readonly skipped: number;
}

export interface DifferencesDeps {
  readonly cluster: ReflectCluster;
  readonly store: Pick<ReflectStore, 'pages' | 'read'>;
  readonly codec: ReflectCodec;
  readonly settings: ReflectSettings;
}

/** @throws PodwireError ApiUnavailable, EtcdUnavailable */
export async function findDifferences(deps: DifferencesDeps, source: ReflectSource): Promise<Differences> {
  const inEtcd = new Map<string, { kind: RecordKind; name: string; stored: StoredValue }>();
  for (const { kind, prefix, nameOf } of treesOf(source, deps.settings)) {
    for await (const page of deps.store.pages(prefix)) {
      for (const stored of page) {
        const name = nameOf(stored.key);
        if (name !== undefined) inEtcd.set(stored.key, { kind, name, stored });
      }
    }
  }
  const stored = inEtcd.size;
  const differences: Difference[] = [];
  let objects = 0;
  let skipped = 0;
  for await (const page of deps.cluster.pages(source)) {
    objects += page.length;
    for (const { name, object } of page) {
      for (const derived of derive(source, name, object, deps.settings)) {
        const what = differenceOf(deps, derived, inEtcd.get(derived.key)?.stored);
        if (derived.skipped !== undefined) skipped += 1;
        if (what !== undefined) differences.push({ kind: derived.kind, name, key: derived.key, what });
        inEtcd.delete(derived.key);
      }
    }
  }
  for (const [key, { kind, name }] of inEtcd) differences.push({ kind, name, key, what: 'extra' });
  return { source, differences, objects, stored, skipped };
}

/** Those that are still there at a second look at each: a cluster at work differs somewhere all the time. */
export async function stillDifferent(
  deps: DifferencesDeps,
  source: ReflectSource,
  differences: readonly Difference[],
): Promise<Difference[]> {
  const still: Difference[] = [];
  for (const difference of differences) {
    const object = await deps.cluster.get(source, difference.name);
    const derived = derive(source, difference.name, object, deps.settings).find(({ key }) => key === difference.key);
    const stored = (await deps.store.read([difference.key])).get(difference.key);
    const what = derived === undefined ? undefined : differenceOf(deps, derived, stored);
    if (what !== undefined) still.push({ ...difference, what });
  }
  return still;
}

function differenceOf(
  { codec }: DifferencesDeps,
  { kind, record, skipped }: Derived,
  stored: StoredValue | undefined,
): Difference['what'] | undefined {
  if (skipped !== undefined) return undefined;
  if (record === undefined) return stored === undefined ? undefined : 'extra';
  if (stored === undefined) return 'missing';
  return sameValue(codec, kind, record, codec.encode(kind, record), stored.value) ? undefined : 'different';
}
