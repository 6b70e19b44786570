/** Settings of the watcher process. */
import type { EtcdOptions } from '../adapters/etcd/client.ts';
import type { LogLevel } from '../adapters/log/logger.ts';
import type { TemporalOptions } from '../adapters/temporal/connection.ts';
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
import { temporalOf, temporalSettings } from './temporal.ts';
import { reflectOf, reflectSettings, reflectSwitch, type ReflectConfig } from './reflect/reflect.ts';

export interface WatcherConfig {
  readonly kubeconfig: string | undefined;
  readonly temporal: TemporalOptions;
  readonly etcd: EtcdOptions;
  readonly dialect: DialectSettings;
  readonly bindAddress: string;
  readonly relistMs: number;
  readonly stallMs: number;
  readonly logLevel: LogLevel;
  /** Undefined: nothing is reflected. */
  readonly reflect: ReflectConfig | undefined;
}

export const watcherSettings = {
  ...fileSettings,
  ...kubernetesSettings,
  ...temporalSettings,
  ...etcdSettings,
  ...dialectSettings,
  bindAddress: {
    flag: 'bind-address',
    env: 'PODWIRE_BIND_ADDRESS',
    schema: addressText.default('127.0.0.1:9464'),
    help: 'where /healthz, /readyz and /metrics are served',
  },
  relistMs: {
    flag: 'relist-seconds',
    env: 'PODWIRE_RELIST_SECONDS',
    schema: seconds(600, 10, 86_400),
    help: 'how often everything is listed again',
  },
  stallMs: {
    flag: 'stall-seconds',
    env: 'PODWIRE_STALL_SECONDS',
    schema: seconds(60, 1, 600),
    help: 'after how long without a byte a watch is resumed',
  },
  ...reflectSwitch,
  ...reflectSettings,
  ...logSettings,
} as const satisfies SettingsTable;

/** @throws ConfigError with every mistake */
export function readWatcherConfig(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  file?: SettingsFile,
): WatcherConfig {
  const values = readSettings(watcherSettings, argv, env, file);
  return {
    kubeconfig: values.kubeconfig,
    temporal: temporalOf(values),
    etcd: etcdOf(values),
    dialect: dialectOf(values),
    bindAddress: values.bindAddress,
    relistMs: values.relistMs,
    stallMs: values.stallMs,
    logLevel: values.logLevel,
    reflect: values.reflect ? reflectOf(values, etcdOf(values)) : undefined,
  };
}

export const watcherHelp = (): string => `Options and environment variables:\n${describeSettings(watcherSettings)}\n`;
