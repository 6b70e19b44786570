/** The reflector's watches, which signal the runs of `reflect`. */
import type { LoggerRegistry } from '../../adapters/log/logger-registry.ts';
import { signalDirty, signalResync } from '../../adapters/reflect/reflect-starter.ts';
import type { ReflectSettings } from '../../domain/reflect/settings.ts';
import { REFLECT_QUEUE, REFLECT_SOURCES } from '../../domain/reflect/messages.ts';
import type { TemporalReach } from '../../watcher/readiness.ts';
import { Reflection } from '../../watcher/reflect/reflect-watch.ts';
import type { KsrConnections } from './ksr-connections.ts';
import { LOGGER_OF } from './ksr-parts.ts';
import { watchLog } from './ksr-watch-log.ts';

/** A watch without a byte for so long is stalled. */
export const STALL_MS = 60_000;

/** To be started by the caller. @param reach hears of every signal that Temporal took */
export function createKsrWatches(
  settings: ReflectSettings,
  { kube: client, temporal, store }: KsrConnections,
  reach: TemporalReach,
  loggers: LoggerRegistry,
): Reflection {
  const log = loggers.logger('ksr');
  return new Reflection({
    ...{ client, store, settings, timings: { stallMs: STALL_MS }, log, podsElsewhere: false },
    sendDirty: (source, names) => signalDirty(temporal.client, source, names, REFLECT_QUEUE),
    sendResync: (source, reason) => signalResync(temporal.client, source, reason, REFLECT_QUEUE),
    onSent: (source, lagMs) => {
      reach.reached();
      loggers.logger(LOGGER_OF[source]).debug({ kind: source, lagMs: Math.round(lagMs) }, 'signalled');
    },
    observer: (kind) => watchLog(kind, loggers.logger(loggerOfWatch(kind))),
  });
}

/** @param kind as the watcher calls it: `reflect-pod`, `reflect-endpointslice` */
function loggerOfWatch(kind: string): string {
  const source = REFLECT_SOURCES.find((each) => `reflect-${each}` === kind) ?? 'endpoints';
  return LOGGER_OF[source];
}
