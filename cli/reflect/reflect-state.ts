/** `podwire reflect status|diff|resync`: whether etcd says what the cluster is, and what to do when it does not. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import type { Client } from '@temporalio/client';
import { etcdSettings } from '../../config/etcd.ts';
import { temporalSettings } from '../../config/temporal.ts';
import { reflectSettings } from '../../config/reflect/reflect.ts';
import { PodwireError } from '../../domain/failures.ts';
import type { ReflectStore } from '../../domain/ports/reflect-store.ts';
import type { ReflectSettings } from '../../domain/reflect/settings.ts';
import { findDifferences, stillDifferent, type Difference } from '../../domain/reflect/differences.ts';
import {
  REFLECT_SOURCES,
  type ReflectSource,
  type ResyncMarker,
  type ResyncProgress,
} from '../../domain/reflect/messages.ts';
import { markerKey } from '../../domain/reflect/pod-networks.ts';
import { addSettings, settingsOf } from '../command-settings.ts';
import { apiSettings } from '../kube-api.ts';
import { ageText, textTable } from '../text-table.ts';
import { UsageError } from '../usage-error.ts';
import { withBothSides, withReflectStore } from './with-reflect.ts';
import { withTemporal } from '../with-temporal.ts';

const store = { ...etcdSettings, ...reflectSettings };
const whole = { ...temporalSettings, ...store };
const sides = { ...apiSettings, ...store };

const EXIT_DIFFERENT = 3;
/** A change needs a moment to get to etcd. */
const SECOND_LOOK_MS = 2_000;
const SHOWN = 20;
const RESYNC_LIMIT_MS = 20 * 60_000;
const FOLLOW_MS = 1_000;
const KINDS = `of ${REFLECT_SOURCES.join(', ')}; all when left out`;

/** Adds the commands to the group. */
export function register(group: Command): void {
  addSettings(
    group.command('status').description('What the reflection does, by kind, and since when etcd is complete.'),
    whole,
  ).action(async (_options: object, command: Command) => status(command));
  addSettings(
    group
      .command('diff')
      .description(
        'Compares cluster and etcd, differences twice. Exit code 0: they say the same; 3: they do not; 1: one of them does not answer.',
      )
      .argument('[kind...]', KINDS)
      .option('--all', `every difference, not the first ${SHOWN} of a kind`),
    sides,
  ).action(diff);
  addSettings(
    group
      .command('resync')
      .description('Has everything compared and repaired now, and shows the progress until it is done.')
      .argument('[kind...]', KINDS),
    whole,
  ).action(async (named: string[], _options: object, command: Command) => resync(named, command));
}

function sourcesOf(named: readonly string[]): readonly ReflectSource[] {
  const unknown = named.filter((name) => !REFLECT_SOURCES.some((source) => source === name));
  if (unknown.length > 0)
    throw new UsageError(`no kind ${unknown.join(', ')}; there are: ${REFLECT_SOURCES.join(', ')}`);
  return named.length === 0 ? REFLECT_SOURCES : (named as ReflectSource[]);
}

async function status(command: Command): Promise<void> {
  const settings = settingsOf(command, whole);
  const { seeReflection } = await import('../../adapters/reflect/reflect-starter.ts');
  const markers = await withReflectStore(settings, readMarkers);
  const now = Date.now();
  const rows = await withTemporal(settings, (client) =>
    Promise.all(
      REFLECT_SOURCES.map(async (source) => {
        const { view, progress } = await seeReflection(client, source);
        const marker = markers.get(source);
        const last =
          marker === undefined ? 'never' : `${ageText(new Date(marker.at), now)} ago, ${marker.objects} objects`;
        const doing =
          view?.resync === undefined
            ? ''
            : `${view.resync}${progress === undefined ? '' : `: ${progressText(progress)}`}`;
        return [source, view?.state ?? 'idle', String(view?.dirty ?? 0), last, doing, view?.failure ?? ''];
      }),
    ),
  );
  process.stdout.write(textTable(['kind', 'state', 'waiting', 'last resync', 'resync now', 'failure'], rows));
}

async function diff(named: string[], { all = false }: { all?: boolean }, command: Command): Promise<void> {
  const sources = sourcesOf(named);
  const counts: string[][] = [];
  const lines: string[] = [];
  await withBothSides(settingsOf(command, sides), async (both) => {
    for (const source of sources) {
      const found = await findDifferences(both, source);
      if (found.differences.length > 0) await sleep(SECOND_LOOK_MS);
      const still = await stillDifferent(both, source, found.differences);
      const count = (what: Difference['what']): string => String(still.filter((each) => each.what === what).length);
      const { objects, stored, skipped } = found;
      counts.push([
        source,
        ...[objects, stored, skipped].map(String),
        count('missing'),
        count('different'),
        count('extra'),
      ]);
      const shown = all ? still : still.slice(0, SHOWN);
      for (const { what, key } of shown) lines.push(`${what.padEnd(9)}  ${key}`);
      if (shown.length < still.length)
        lines.push(`${still.length - shown.length} more of ${source}; show them with --all`);
    }
  });
  const head = ['kind', 'objects', 'in etcd', 'not reflectable', 'missing', 'different', 'extra'];
  process.stdout.write(textTable(head, counts));
  for (const line of lines) process.stdout.write(`${line}\n`);
  if (lines.length > 0) process.exitCode = EXIT_DIFFERENT;
}

async function resync(named: string[], command: Command): Promise<void> {
  const settings = settingsOf(command, whole);
  const sources = sourcesOf(named);
  const { signalResync } = await import('../../adapters/reflect/reflect-starter.ts');
  await withReflectStore(settings, (etcd, reflect) =>
    withTemporal(settings, async (client) => {
      const before = await readMarkers(etcd, reflect);
      await Promise.all(sources.map((source) => signalResync(client, source, 'a person asked for it')));
      await Promise.all(
        sources.map((source) => follow(client, source, () => isNewer(etcd, reflect, source, before.get(source)))),
      );
    }),
  );
}

async function follow(client: Client, source: ReflectSource, isDone: () => Promise<boolean>): Promise<void> {
  const { seeReflection } = await import('../../adapters/reflect/reflect-starter.ts');
  const until = performance.now() + RESYNC_LIMIT_MS;
  let last = '';
  while (!(await isDone())) {
    if (performance.now() > until) {
      throw new PodwireError(
        'TemporalUnavailable',
        `the resync of ${source} does not end; look at: podwire reflect status`,
      );
    }
    const { view, progress } = await seeReflection(client, source);
    const line = view?.failure ?? (progress === undefined ? '' : progressText(progress));
    if (line !== '' && line !== last) process.stdout.write(`${source}: ${line}\n`);
    last = line;
    await sleep(FOLLOW_MS);
  }
  process.stdout.write(`${source}: done\n`);
}

const isNewer = async (
  etcd: ReflectStore,
  settings: ReflectSettings,
  source: ReflectSource,
  before: ResyncMarker | undefined,
): Promise<boolean> => {
  const now = (await readMarkers(etcd, settings)).get(source);
  return now !== undefined && now.at !== before?.at;
};

async function readMarkers(etcd: ReflectStore, settings: ReflectSettings): Promise<Map<ReflectSource, ResyncMarker>> {
  const stored = await etcd.read(REFLECT_SOURCES.map((source) => markerKey(source, settings)));
  return new Map(
    REFLECT_SOURCES.flatMap((source) => {
      const value = stored.get(markerKey(source, settings))?.value;
      const marker = value === undefined ? undefined : markerOf(value);
      return marker === undefined ? [] : [[source, marker] as const];
    }),
  );
}

/** Undefined when somebody else wrote there. */
function markerOf(value: Uint8Array): ResyncMarker | undefined {
  try {
    const marker = JSON.parse(Buffer.from(value).toString('utf8')) as ResyncMarker | null;
    return typeof marker?.at === 'string' ? marker : undefined;
  } catch {
    return undefined;
  }
}

function progressText({ phase, compared, stored, added, updated, deleted }: ResyncProgress): string {
  const done = `${added} added, ${updated} updated, ${deleted} removed`;
  return `${phase}, ${compared} objects compared with ${stored} values (${done})`;
}
