/** What `podwire reflect` says, for people; the rows are what programs get. */
import type { Difference } from '../../domain/reflect/differences.ts';
import type { ReflectSource, ResyncProgress } from '../../domain/reflect/messages.ts';
import { ageText, textTable } from '../text-table.ts';

/** One kind of object, as its reflection is now. */
export interface ReflectionRow {
  readonly kind: ReflectSource;
  readonly state: string;
  /** Objects that changed and are not written yet. */
  readonly waiting: number;
  /** Absent: etcd was never complete. */
  readonly lastResync?: { readonly at: string; readonly objects: number };
  /** Why one is under way; absent: none is. */
  readonly resync?: string;
  readonly progress?: ResyncProgress;
  readonly failure?: string;
}

/** What of one kind differs between the cluster and etcd. */
export interface KindDifferences {
  readonly kind: ReflectSource;
  readonly objects: number;
  readonly stored: number;
  readonly notReflectable: number;
  readonly differences: readonly Difference[];
}

/** @param now milliseconds since the epoch */
export const reflectionText = (rows: readonly ReflectionRow[], now: number): string =>
  textTable(
    ['kind', 'state', 'waiting', 'last resync', 'resync now', 'failure'],
    rows.map(({ kind, state, waiting, lastResync, resync, progress, failure }) => [
      ...[kind, state, String(waiting)],
      lastResync === undefined
        ? 'never'
        : `${ageText(new Date(lastResync.at), now)} ago, ${lastResync.objects} objects`,
      resync === undefined ? '' : `${resync}${progress === undefined ? '' : `: ${progressText(progress)}`}`,
      failure ?? '',
    ]),
  );

/** @param shown how many differences of a kind are named */
export function differencesText(found: readonly KindDifferences[], shown: number): string {
  const head = ['kind', 'objects', 'in etcd', 'not reflectable', 'missing', 'different', 'extra'];
  const counts = found.map(({ kind, objects, stored, notReflectable, differences }) => {
    const count = (what: Difference['what']): number => differences.filter((each) => each.what === what).length;
    return [
      kind,
      ...[objects, stored, notReflectable, count('missing'), count('different'), count('extra')].map(String),
    ];
  });
  const lines = found.flatMap(({ kind, differences }) => [
    ...differences.slice(0, shown).map(({ what, key }) => `${what.padEnd(9)}  ${key}\n`),
    ...(differences.length > shown ? [`${differences.length - shown} more of ${kind}; show them with --all\n`] : []),
  ]);
  return `${textTable(head, counts)}${lines.join('')}`;
}

export function progressText({ phase, compared, stored, added, updated, deleted }: ResyncProgress): string {
  const done = `${added} added, ${updated} updated, ${deleted} removed`;
  return `${phase}, ${compared} objects compared with ${stored} values (${done})`;
}
