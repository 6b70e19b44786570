/**
 * Settings of `podwire ksr`: KSR's flags, environment and files, and what podwire needs besides (Temporal).
 * KSR's flags may be written with one dash, as its library allows.
 */
import { z } from 'zod';
import type { EtcdOptions } from '../../adapters/etcd/client.ts';
import type { TemporalOptions } from '../../adapters/temporal/connection.ts';
import { ksrLevel, type KsrLevel } from '../../domain/reflect/log-levels.ts';
import { treePrefix } from '../../domain/reflect/keys.ts';
import { DEFAULT_REFLECT_SETTINGS } from '../../domain/reflect/settings.ts';
import { ConfigError, describeSettings, readSettings, type SettingsTable, type Values } from '../cli-flags.ts';
import { addressText } from '../common.ts';
import { MIXED_SCHEMES, splitSchemes } from '../endpoints.ts';
import { sdkSettings, temporalOf, temporalSettings } from '../temporal.ts';
import { checkScheme, NO_ETCD_CONF, parseEtcdConf, type EtcdConf } from './etcd-conf.ts';
import { NO_HTTP_CONF, parseHttpConf, type HttpConf } from './http-conf.ts';
import { NO_LOGS_CONF, noLevel, parseLogsConf, type LogsConf } from './logs-conf.ts';
import { reflectOf, reflectSettings, type ReflectConfig } from './reflect.ts';
import { FileProblems, findConfigFile, isFile, readConfigFile, type FileReading } from '../yaml-file.ts';

export interface KsrConfig {
  /** Undefined: the service account of the pod. */
  readonly kubeconfig: string | undefined;
  readonly temporal: TemporalOptions;
  readonly sdkTuning: 'on' | 'off';
  readonly reflect: ReflectConfig;
  /** 0: never. */
  readonly autoCompactMs: number;
  readonly http: HttpConf;
  readonly logs: { readonly initial: KsrLevel; readonly levels: LogsConf['levels'] };
  /** For the log, at start. */
  readonly warnings: readonly string[];
}

const text = (fallback: string) => z.string().default(fallback);
const optional = z.string().optional();

/** Those of the reflection but for its etcd, which KSR's file says. */
const reflectionSettings = {
  reflectLayout: reflectSettings.reflectLayout,
  reflectEncoding: reflectSettings.reflectEncoding,
  reflectPrefix: reflectSettings.reflectPrefix,
  reflectLabel: reflectSettings.reflectLabel,
  reflectKeepLabels: reflectSettings.reflectKeepLabels,
  reflectNodePauseMs: reflectSettings.reflectNodePauseMs,
  reflectEtcdUser: reflectSettings.reflectEtcdUser,
  reflectEtcdPassword: reflectSettings.reflectEtcdPassword,
  reflectEtcdPasswordFile: reflectSettings.reflectEtcdPasswordFile,
};

const table = {
  etcdConfig: {
    flag: 'etcd-config',
    env: 'ETCD_CONFIG',
    schema: optional,
    help: 'file that says how etcd is reached (etcd.conf)',
  },
  etcdv3Config: {
    flag: 'etcdv3-config',
    env: 'ETCDV3_CONFIG',
    schema: optional,
    help: 'the same, by its name in KSR 1.0 and 1.1 (etcdv3.conf)',
  },
  etcdEndpoints: { env: 'ETCD_ENDPOINTS', schema: optional, help: 'host:port of etcd where the file names none' },
  etcdv3Endpoints: { env: 'ETCDV3_ENDPOINTS', schema: optional, help: 'the same, by its older name' },
  httpConfig: {
    flag: 'http-config',
    env: 'HTTP_CONFIG',
    schema: text('http.conf'),
    help: 'file that says where REST is served (http.conf)',
  },
  httpPort: {
    flag: 'http-port',
    env: 'HTTP_PORT',
    schema: z
      .string()
      .refine((port) => /^\d{1,5}$/.test(port) && Number(port) <= 65_535, { error: 'must be a port from 0 to 65535' })
      .optional(),
    help: 'port of REST, instead of the one in the file (9191)',
  },
  kubeConfig: {
    flag: 'kube-config',
    env: 'KUBE_CONFIG',
    schema: text('/etc/kubernetes/admin.conf'),
    help: 'kubeconfig file; where it does not exist, the service account of the pod (/etc/kubernetes/admin.conf)',
  },
  configDir: {
    flag: 'config-dir',
    env: 'CONFIG_DIR',
    schema: text('.'),
    help: 'where files are looked for that are not at the path given (.)',
  },
  logsConfig: {
    env: 'LOGS_CONFIG',
    schema: text('logs.conf'),
    help: 'file with the levels of loggers (logs.conf)',
  },
  initialLogLevel: { env: 'INITIAL_LOGLVL', schema: optional, help: 'level of loggers that no file sets (info)' },
  ...temporalSettings,
  ...sdkSettings,
  ...reflectionSettings,
} as const satisfies SettingsTable;

const NO_OTHER_ETCD = {
  reflectEtcdEndpoints: undefined,
  reflectEtcdTls: undefined,
  reflectEtcdCa: undefined,
  reflectEtcdCert: undefined,
  reflectEtcdKey: undefined,
};

/**
 * @param argv arguments after the command's name
 * @throws ConfigError with every mistake of flags and environment, else with every mistake of the files
 */
export function readKsrConfig(argv: readonly string[], env: Readonly<Record<string, string | undefined>>): KsrConfig {
  const values = readSettings(table, argv.map(withTwoDashes), env);
  const warnings: string[] = [];
  const problems: string[] = [];
  /** What a file says, or what holds without it; a mistake is collected. */
  const read = <T>(path: string, parse: (file: string, text: string) => FileReading<T>, absent: T): T => {
    const file = findConfigFile(path, values.configDir);
    if (file === undefined) return absent;
    try {
      const reading = parse(file, readConfigFile(file));
      warnings.push(...reading.warnings);
      return reading.value;
    } catch (error) {
      if (!(error instanceof FileProblems)) throw error;
      problems.push(...error.problems);
      return absent;
    }
  };
  const etcdFile = etcdFileOf(values);
  const etcdConf = etcdFile === undefined ? NO_ETCD_CONF : read(etcdFile, parseEtcdConf, NO_ETCD_CONF);
  const httpConf = read(values.httpConfig, parseHttpConf, NO_HTTP_CONF);
  const logsConf = read(values.logsConfig, parseLogsConf, NO_LOGS_CONF);
  if (etcdFile === undefined && environmentEndpoints(values) === undefined) problems.push(noEtcd(values));
  const kubeconfig = isFile(values.kubeConfig) ? values.kubeConfig : undefined;
  if (kubeconfig === undefined && (env['KUBERNETES_SERVICE_HOST'] ?? '') === '')
    problems.push(
      `no access to the Kubernetes API: ${values.kubeConfig} does not exist, and this is no pod, which would have a service account. ` +
        'Name a kubeconfig with --kube-config / KUBE_CONFIG',
    );
  const etcd = attempt(() => etcdOptions(values, etcdConf), problems);
  if (etcd === undefined || problems.length > 0) throw new ConfigError(problems);
  const reflect = reflectOf({ ...values, ...NO_OTHER_ETCD }, etcd);
  if (reflect.settings.label !== DEFAULT_REFLECT_SETTINGS.label)
    warnings.push(
      `--microservice-label / MICROSERVICE_LABEL has an effect here, other than in KSR: keys begin with ${treePrefix(reflect.settings)}`,
    );
  return {
    kubeconfig,
    temporal: temporalOf(values),
    sdkTuning: values.sdkTuning,
    reflect: { ...reflect, etcd: { ...reflect.etcd, timeoutMs: etcd.timeoutMs } },
    autoCompactMs: etcdConf.autoCompactMs,
    http: { ...httpConf, bindAddress: bindAddressOf(httpConf.bindAddress, values.httpPort) },
    logs: { initial: initialLevel(values, logsConf, warnings), levels: logsConf.levels },
    warnings,
  };
}

export const ksrHelp = (): string =>
  `Usage: podwire ksr [options]\n\nReflects Kubernetes state into etcd, as Contiv KSR did.\n\nOptions and environment variables:\n${describeSettings(table)}\n`;

const withTwoDashes = (word: string): string => (/^-[a-z]{2}/.test(word) ? `-${word}` : word);

/** The file that is there, of those that may be meant: the one that was named, else the two that KSR looks for by itself. */
function etcdFileOf(values: Values<typeof table>): string | undefined {
  return etcdCandidates(values)
    .map((path) => findConfigFile(path, values.configDir))
    .find((path) => path !== undefined);
}

function etcdCandidates({ etcdConfig, etcdv3Config }: Values<typeof table>): string[] {
  const named = [etcdConfig, etcdv3Config].filter((path) => path !== undefined);
  return named.length > 0 ? named : ['etcd.conf', 'etcdv3.conf'];
}

function noEtcd(values: Values<typeof table>): string {
  const files = etcdCandidates(values).join(' nor ');
  return (
    `no configuration of etcd: neither ${files} exists, as given or in ${values.configDir}, nor is ETCD_ENDPOINTS set. ` +
    'Name a file with --etcd-config, or set ETCD_ENDPOINTS=host:port; deploy/examples/ksr has an example'
  );
}

const environmentEndpoints = ({ etcdEndpoints, etcdv3Endpoints }: Values<typeof table>): string | undefined =>
  etcdEndpoints ?? etcdv3Endpoints;

/** The file's endpoints, else the environment's, else the usual one, in KSR's order. */
function etcdOptions(values: Values<typeof table>, conf: EtcdConf): EtcdOptions {
  const texts = (environmentEndpoints(values) ?? '').split(',').filter((part) => part.trim() !== '');
  const fromEnvironment = splitSchemes(texts);
  if (fromEnvironment === undefined) throw new FileProblems([`ETCD_ENDPOINTS: ${MIXED_SCHEMES}`]);
  const wrong = fromEnvironment.addresses.filter((part) => !addressText.safeParse(part).success);
  if (wrong.length > 0)
    throw new FileProblems([
      `ETCD_ENDPOINTS: ${wrong.map((part) => JSON.stringify(part)).join(', ')} must be host:port`,
    ]);
  const usual = { addresses: ['127.0.0.1:2379'], scheme: undefined };
  const { addresses: endpoints, scheme } =
    [{ addresses: conf.endpoints, scheme: conf.scheme }, fromEnvironment].find(
      ({ addresses }) => addresses.length > 0,
    ) ?? usual;
  checkScheme(scheme, conf);
  return {
    endpoints,
    timeoutMs: conf.operationTimeoutMs,
    ...(conf.tls === undefined ? {} : { tls: conf.tls }),
  };
}

/** A port that was asked for counts more than the file's. */
function bindAddressOf(endpoint: string, port: string | undefined): string {
  return port === undefined ? endpoint : `${endpoint.slice(0, endpoint.lastIndexOf(':'))}:${port}`;
}

/** As in KSR, a level that does not exist is no reason not to start; the file's default counts more than the environment's. */
function initialLevel(values: Values<typeof table>, conf: LogsConf, warnings: string[]): KsrLevel {
  const written = values.initialLogLevel;
  const level = written === undefined ? undefined : ksrLevel(written);
  if (written !== undefined && level === undefined) warnings.push(`INITIAL_LOGLVL: ${noLevel(written)}`);
  return conf.defaultLevel ?? level ?? 'info';
}

function attempt<T>(work: () => T, problems: string[]): T | undefined {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof FileProblems)) throw error;
    problems.push(...error.problems);
    return undefined;
  }
}
