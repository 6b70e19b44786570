/** The figures that each part of podwire has for Prometheus, from the code that makes them; nothing is asked for. */
import type { Registry } from 'prom-client';
import { exposeExpiry } from '../../adapters/tls/expiry-metric.ts';
import type { RotatingCredentials } from '../../adapters/tls/rotation.ts';
import { createMetrics } from '../../watcher/metrics.ts';
import { createPartMetrics, type Part } from '../../workers/metrics/part-metrics.ts';
import { createNodeMetrics } from '../../workers/node/node-metrics.ts';
import { createOrchestratorMetrics, exposeConnected } from '../../workers/orchestrator/orchestrator-metrics.ts';
import type { OrchestratorConnections } from '../../workers/orchestrator/orchestrator-connections.ts';

export interface Figure {
  readonly name: string;
  readonly type: string;
  readonly labels: readonly string[];
  readonly help: string;
  readonly parts: readonly Part[];
}

const credentials = { validities: () => new Map() } as unknown as RotatingCredentials;

const ADD: Readonly<Record<Part, (registry: Registry) => void>> = {
  watcher: (registry) => {
    createMetrics(registry, {
      cached: () => ({}),
      pending: () => 0,
      longestWaitMs: () => 0,
      checkFailing: () => false,
    });
    exposeExpiry(registry, credentials);
  },
  orchestrator: (registry) => {
    createOrchestratorMetrics(registry);
    exposeConnected(registry, { credentials } as OrchestratorConnections);
  },
  node: (registry) => {
    createNodeMetrics(registry, {
      sandboxes: () => 0,
      links: () => ({ done: 0, behind: 0, entries: 0 }),
      followed: () => 0,
      filtering: 'on',
    });
    exposeExpiry(registry, credentials);
  },
  ksr: (registry) => exposeExpiry(registry, credentials),
};

/** podwire's own, by name; those of the library about processes are not among them. */
export function partFigures(): Figure[] {
  const figures = new Map<string, Figure>();
  for (const part of ['watcher', 'orchestrator', 'node', 'ksr'] as const) {
    const { registry } = createPartMetrics(part);
    ADD[part](registry);
    for (const metric of registry.getMetricsAsArray() as unknown as (Figure & { labelNames: string[] })[]) {
      const { name, type, help, labelNames } = metric;
      if (!name.startsWith('podwire_')) continue;
      const parts = [...(figures.get(name)?.parts ?? []), part];
      figures.set(name, { name, type, help, labels: labelNames, parts });
    }
    registry.clear();
  }
  return [...figures.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** As docs/metrics.md has it: cells of a row. */
export const rowOf = ({ name, type, labels, parts, help }: Figure): string[] => [
  `\`${name}\``,
  type,
  labels.map((label) => `\`${label}\``).join(', '),
  parts.length === 4 ? 'all' : parts.join(', '),
  help,
];
