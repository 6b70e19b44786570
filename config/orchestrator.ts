/** Settings of an orchestrator worker. */
import { z } from 'zod';
import type { EtcdOptions } from '../adapters/etcd/client.ts';
import type { LogLevel } from '../adapters/log/logger.ts';
import type { TemporalOptions } from '../adapters/temporal/connection.ts';
import { EVENT_REASONS, type EventReasons } from '../domain/status/event-reasons.ts';
import type { VniRange } from '../domain/ports/network-objects.ts';
import type { DialectSettings } from '../domain/settings.ts';
import { describeSettings, readSettings, type SettingsTable } from './cli-flags.ts';
import type { SettingsFile } from './settings-file.ts';
import {
  addressText,
  dialectOf,
  dialectSettings,
  fileSettings,
  kubernetesSettings,
  logSettings,
  seconds,
} from './common.ts';
import { etcdOf, etcdSettings } from './etcd.ts';
import { sdkSettings, temporalOf, temporalSettings, versioningSettings } from './temporal.ts';
import { vniSettings } from './vni-range.ts';
import { reflectOf, reflectSettings, type ReflectConfig } from './reflect/reflect.ts';

export interface OrchestratorConfig {
  readonly kubeconfig: string | undefined;
  readonly temporal: TemporalOptions;
  readonly workflowVersioning: 'auto' | 'off';
  readonly sdkTuning: 'on' | 'off';
  readonly workflowSlots: 'link-first' | 'fixed';
  readonly etcd: EtcdOptions;
  readonly dialect: DialectSettings;
  readonly eventReasons: EventReasons;
  readonly bindAddress: string;
  readonly nodeGoneSeconds: number;
  /** From which network objects get a VNI. */
  readonly vniRange: VniRange;
  /** Of one command in an agent container, in milliseconds. */
  readonly execCommandMs: number;
  readonly failpointsFile: string | undefined;
  readonly logLevel: LogLevel;
  /** Whether anything is reflected is for the watcher to say. */
  readonly reflect: ReflectConfig;
}

export const orchestratorSettings = {
  ...fileSettings,
  ...kubernetesSettings,
  ...temporalSettings,
  ...versioningSettings,
  ...sdkSettings,
  ...etcdSettings,
  ...dialectSettings,
  eventReasons: {
    flag: 'event-reasons',
    env: 'PODWIRE_EVENT_REASONS',
    schema: z.enum(EVENT_REASONS).default('podwire'),
    help: `whose reasons the events on pods have: ${EVENT_REASONS.join(' or ')}`,
  },
  bindAddress: {
    flag: 'bind-address',
    env: 'PODWIRE_BIND_ADDRESS',
    schema: addressText.default('127.0.0.1:9465'),
    help: 'where /healthz, /readyz and /metrics are served',
  },
  nodeGoneMs: {
    flag: 'node-gone-seconds',
    env: 'PODWIRE_NODE_GONE_SECONDS',
    schema: seconds(300, 1, 86_400),
    help: 'time between the two reads that must both miss a Node object before it counts as gone',
  },
  execCommandMs: {
    flag: 'exec-timeout',
    env: 'PODWIRE_EXEC_TIMEOUT',
    schema: seconds(5, 1, 10),
    help: 'seconds after which one command in an agent container is given up (backend exec)',
  },
  workflowSlots: {
    env: 'PODWIRE_WORKFLOW_SLOTS',
    schema: z.enum(['link-first', 'fixed']).default('link-first'),
    help: "comparisons only: who gets a slot for a workflow task first, runs that begin (link-first) or as the SDK's own slots have it (fixed)",
  },
  failpointsFile: {
    env: 'PODWIRE_FAILPOINTS_FILE',
    schema: z.string().optional(),
    help: 'crash tests only: JSON file of places where this process shall die, wait or fail',
  },
  ...vniSettings,
  ...reflectSettings,
  ...logSettings,
} as const satisfies SettingsTable;

/** A local activity has 2 s for two tries: one call must give up before half of that. */
const LOCAL_ACTIVITY_ETCD_MS = 900;

/** @throws ConfigError with every mistake */
export function readOrchestratorConfig(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  file?: SettingsFile,
): OrchestratorConfig {
  const values = readSettings(orchestratorSettings, argv, env, file);
  return {
    kubeconfig: values.kubeconfig,
    temporal: temporalOf(values),
    workflowVersioning: values.workflowVersioning,
    sdkTuning: values.sdkTuning,
    workflowSlots: values.workflowSlots,
    etcd: { ...etcdOf(values), timeoutMs: LOCAL_ACTIVITY_ETCD_MS },
    dialect: dialectOf(values),
    eventReasons: values.eventReasons,
    bindAddress: values.bindAddress,
    nodeGoneSeconds: values.nodeGoneMs / 1_000,
    vniRange: values.vniRange,
    execCommandMs: values.execCommandMs,
    failpointsFile: values.failpointsFile,
    logLevel: values.logLevel,
    reflect: reflectOf(values, etcdOf(values)),
  };
}

export const orchestratorHelp = (): string =>
  `Options and environment variables:\n${describeSettings(orchestratorSettings)}\n`;
