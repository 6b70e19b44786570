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
import { findDifferences, stillDifferent } from '../../domain/reflect/differences.ts';
import { REFLECT_SOURCES, type ReflectSource, type ResyncMarker } from '../../domain/reflect/messages.ts';
import { markerKey } from '../../domain/reflect/pod-networks.ts';
import { addSettings, settingsOf } from '../command-settings.ts';
import { apiSettings } from '../kube-api.ts';
import { addOutput, print, printDone, type OutputOption } from '../output.ts';
import { UsageError } from '../usage-error.ts';
import {
  differencesText,
  progressText,
  reflectionText,
  type KindDifferences,
  type ReflectionRow,
} from './reflect-texts.ts';
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
    addOutput(
      group.command('status').description('What the reflection does, by kind, and since when etcd is complete.'),
    ),
    whole,
  ).action(async (output: OutputOption, command: Command) => status(output, command));
  const differences = addOutput(
    group
      .command('diff')
      .description(
        'Compares cluster and etcd, differences twice. Exit code 0: they say the same; 3: they do not; 1: one of them does not answer.',
      )
      .argument('[kind...]', KINDS)
      .option('--all', `every difference, not the first ${SHOWN} of a kind`),
  );
  addSettings(differences, sides).action(diff);
  const resyncs = addOutput(
    group
      .command('resync')
      .description('Has everything compared and repaired now, and shows the progress until it is done.')
      .argument('[kind...]', KINDS),
  );
  addSettings(resyncs, whole).action(resync);
}

function sourcesOf(named: readonly string[]): readonly ReflectSource[] {
  const unknown = named.filter((name) => !REFLECT_SOURCES.some((source) => source === name));
  if (unknown.length > 0)
    throw new UsageError(`no kind ${unknown.join(', ')}; there are: ${REFLECT_SOURCES.join(', ')}`);
  return named.length === 0 ? REFLECT_SOURCES : (named as ReflectSource[]);
}

async function status(output: OutputOption, command: Command): Promise<void> {
  const settings = settingsOf(command, whole);
  const { seeReflection } = await import('../../adapters/reflect/reflect-starter.ts');
  const markers = await withReflectStore(settings, readMarkers);
  const rows = await withTemporal(settings, (client) =>
    Promise.all(
      REFLECT_SOURCES.map(async (source): Promise<ReflectionRow> => {
        const { view, progress } = await seeReflection(client, source);
        const marker = markers.get(source);
        return {
          ...{ kind: source, state: view?.state ?? 'idle', waiting: view?.dirty ?? 0 },
          ...(marker === undefined ? {} : { lastResync: { at: marker.at, objects: marker.objects } }),
          ...(view?.resync === undefined
            ? {}
            : { resync: view.resync, ...(progress === undefined ? {} : { progress }) }),
          ...(view?.failure === undefined ? {} : { failure: view.failure }),
        };
      }),
    ),
  );
  await print(rows, output, () => reflectionText(rows, Date.now()));
}

interface DiffOptions extends OutputOption {
  readonly all?: boolean;
}

async function diff(named: string[], options: DiffOptions, command: Command): Promise<void> {
  const sources = sourcesOf(named);
  const found: KindDifferences[] = [];
  await withBothSides(settingsOf(command, sides), async (both) => {
    for (const source of sources) {
      const { differences, objects, stored, skipped } = await findDifferences(both, source);
      if (differences.length > 0) await sleep(SECOND_LOOK_MS);
      const still = await stillDifferent(both, source, differences);
      found.push({ kind: source, objects, stored, notReflectable: skipped, differences: still });
    }
  });
  await print(found, options, () => differencesText(found, options.all === true ? Infinity : SHOWN));
  if (found.some(({ differences }) => differences.length > 0)) process.exitCode = EXIT_DIFFERENT;
}

async function resync(named: string[], output: OutputOption, command: Command): Promise<void> {
  const settings = settingsOf(command, whole);
  const sources = sourcesOf(named);
  const { signalResync } = await import('../../adapters/reflect/reflect-starter.ts');
  // How far it is: part of the answer for people, beside the answer for programs.
  const progress = output.output === 'text' ? process.stdout : process.stderr;
  const done: { kind: ReflectSource; state: 'done' }[] = [];
  const resyncs = (client: Client, etcd: ReflectStore, reflect: ReflectSettings): Promise<void> =>
    printDone(done, output, async () => {
      const before = await readMarkers(etcd, reflect);
      await Promise.all(sources.map((source) => signalResync(client, source, 'a person asked for it')));
      await Promise.all(
        sources.map(async (source) => {
          const isDone = (): Promise<boolean> => isNewer(etcd, reflect, source, before.get(source));
          await follow(client, source, isDone, (line) => void progress.write(`${source}: ${line}\n`));
          done.push({ kind: source, state: 'done' });
        }),
      );
    });
  await withReflectStore(settings, (etcd, reflect) =>
    withTemporal(settings, (client) => resyncs(client, etcd, reflect)),
  );
}

async function follow(
  client: Client,
  source: ReflectSource,
  isDone: () => Promise<boolean>,
  say: (line: string) => void,
): Promise<void> {
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
    if (line !== '' && line !== last) say(line);
    last = line;
    await sleep(FOLLOW_MS);
  }
  say('done');
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
