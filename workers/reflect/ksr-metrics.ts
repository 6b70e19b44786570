/** The Prometheus gauges of KSR's `/stats`, and of the `/health` of ligato's cn-infra. */
import { Gauge, Registry } from 'prom-client';
import { overallState, STATES, type BuildInfo, type PartState } from '../../domain/reflect/agent-status.ts';
import { REFLECTOR_TYPES, REFLECT_KINDS, type RecordKind } from '../../domain/reflect/kinds.ts';
import type { ReflectionLedger, ReflectStatistics } from '../../domain/reflect/statistics.ts';

/** Names and help texts are those of KSR's users' dashboards. */
const GAUGES: readonly (readonly [string, keyof ReflectStatistics, string])[] = [
  ['adds', 'adds', 'Keys added to etcd'],
  ['deletes', 'deletes', 'Keys deleted from etcd'],
  ['updates', 'updates', 'Keys updated in etcd'],
  ['addErrors', 'addErrors', 'Additions that failed'],
  ['deleteErrors', 'delErrors', 'Deletions that failed'],
  ['updateErrors', 'updErrors', 'Updates that failed'],
  ['resyncs', 'resyncs', 'Comparisons of everything with etcd'],
  ['resyncErrors', 'resErrors', 'Comparisons of everything with etcd that failed'],
  ['argErrors', 'argErrors', 'Objects that cannot be reflected'],
];

/** @param label microservice label, which KSR calls node here */
export function statsRegistry(label: string, ledger: Pick<ReflectionLedger<RecordKind>, 'of'>): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ node: label });
  for (const [name, counter, help] of GAUGES) {
    new Gauge({
      name,
      help,
      labelNames: ['reflectorType'],
      registers: [registry],
      collect() {
        for (const kind of REFLECT_KINDS) this.set({ reflectorType: REFLECTOR_TYPES[kind] }, ledger.of(kind)[counter]);
      },
    });
  }
  return registry;
}

const STATE_HELP = '0 = INIT, 1 = OK, 2 = ERROR';

export function healthRegistry(service: string, build: BuildInfo, parts: () => readonly PartState[]): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  new Gauge({
    name: 'service_health',
    help: `Health of the service: ${STATE_HELP}`,
    registers: [registry],
    collect() {
      this.set(STATES[overallState(parts())]);
    },
  });
  new Gauge({
    name: 'service_info',
    help: 'Always 1; the labels say what is built',
    labelNames: ['build_version', 'build_date'],
    registers: [registry],
  }).set({ build_version: build.version, build_date: build.date }, 1);
  new Gauge({
    name: 'service_dependency_health',
    help: `Health of what the service needs and consists of: ${STATE_HELP}`,
    labelNames: ['dependency'],
    registers: [registry],
    collect() {
      for (const { name, state } of parts()) this.set({ dependency: name }, STATES[state]);
    },
  });
  return registry;
}
