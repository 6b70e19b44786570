/**
 * KSR's counters at `status/gauges`: for its readers, and as the mark by which an etcd that lost its data is noticed. KSR wrote them each
 * second; here they are written when they changed, or when somebody else changed or removed them.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ReflectCodec } from '../../domain/ports/reflect-codec.ts';
import type { ReflectStore } from '../../domain/ports/reflect-store.ts';
import { statsKey } from '../../domain/reflect/keys.ts';
import { REFLECT_KINDS, type RecordKind, type ReflectKind } from '../../domain/reflect/kinds.ts';
import type { ReflectorStats, StatsRecord } from '../../domain/reflect/records.ts';
import type { ReflectSettings } from '../../domain/reflect/settings.ts';
import type { ReflectionLedger } from '../../domain/reflect/statistics.ts';

export interface StatisticsWriterOptions {
  readonly store: Pick<ReflectStore, 'read' | 'write'>;
  readonly codec: Pick<ReflectCodec, 'encode'>;
  readonly settings: ReflectSettings;
  readonly ledger: Pick<ReflectionLedger<RecordKind>, 'of' | 'onChange'>;
  readonly onFailed: (error: unknown) => void;
  /** Between two writes. */
  readonly everyMs?: number;
}

/** Counters change with every object; one write a second is what KSR's readers are used to. */
const EVERY_MS = 1_000;
/** How often it is looked whether the key is still there while nothing changes. */
const LOOK_EVERY = 10;

const FIELDS = {
  namespace: 'namespaceStats',
  pod: 'podStats',
  policy: 'policyStats',
  endpoints: 'endpointsStats',
  service: 'serviceStats',
  node: 'nodeStats',
  sfcPod: 'sfcPodStats',
} as const satisfies Record<ReflectKind, keyof StatsRecord>;

/** Starts at once; `stop` waits for what is under way, and writes nothing more. */
export function startStatisticsWriter(options: StatisticsWriterOptions): { stop(): Promise<void> } {
  const stopped = new AbortController();
  let changed = true;
  const forget = options.ledger.onChange(() => {
    changed = true;
  });
  const loop = async (): Promise<void> => {
    for (let turn = 0; !stopped.signal.aborted; turn += 1) {
      if (changed || turn % LOOK_EVERY === 0) {
        changed = false;
        try {
          await writeIfDifferent(options);
        } catch (error) {
          changed = true;
          options.onFailed(error);
        }
      }
      await sleep(options.everyMs ?? EVERY_MS, undefined, { signal: stopped.signal }).catch(() => undefined);
    }
  };
  const running = loop();
  return {
    stop: async () => {
      forget();
      stopped.abort();
      await running;
    },
  };
}

async function writeIfDifferent({ store, codec, settings, ledger }: StatisticsWriterOptions): Promise<void> {
  const key = statsKey(settings);
  const value = codec.encode('stats', statsRecord(ledger));
  const stored = (await store.read([key])).get(key);
  if (stored !== undefined && Buffer.compare(stored.value, value) === 0) return;
  // Whoever was faster is a reflector too: the next turn sees what it wrote.
  await store.write([{ key, value, was: stored?.modRevision }]);
}

/** The counters as KSR's `ksrapi.Stats`; those that are zero are left out. */
export function statsRecord(ledger: Pick<ReflectionLedger<RecordKind>, 'of'>): StatsRecord {
  return Object.fromEntries(REFLECT_KINDS.map((kind) => [FIELDS[kind], reflectorStats(ledger, kind)]));
}

function reflectorStats(ledger: Pick<ReflectionLedger<RecordKind>, 'of'>, kind: ReflectKind): ReflectorStats {
  const { adds, updates, deletes, resyncs, addErrors, updErrors, delErrors, argErrors, resErrors } = ledger.of(kind);
  const all: Record<keyof ReflectorStats, number> = {
    Adds: adds,
    Updates: updates,
    Deletes: deletes,
    Resyncs: resyncs,
    AddErrors: addErrors,
    UpdErrors: updErrors,
    DelErrors: delErrors,
    ArgErrors: argErrors,
    ResErrors: resErrors,
  };
  return Object.fromEntries(Object.entries(all).filter(([, count]) => count !== 0));
}
