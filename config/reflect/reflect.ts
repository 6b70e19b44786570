/** Settings of the reflection, with one meaning in watcher, orchestrator and command line. */
import { z } from 'zod';
import type { EtcdOptions } from '../../adapters/etcd/client.ts';
import {
  DEFAULT_REFLECT_SETTINGS,
  REFLECT_ENCODINGS,
  REFLECT_LAYOUTS,
  type ReflectSettings,
} from '../../domain/reflect/settings.ts';
import { ConfigError, type SettingsTable, type Values } from '../cli-flags.ts';
import { tlsSwitch } from '../client-tls.ts';
import { optionalText, seconds } from '../common.ts';
import { endpointsText } from '../endpoints.ts';
import { etcdOptions } from '../etcd.ts';

const pathPart = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

/** Where and how; the watcher has `reflectSwitch` besides. */
export const reflectSettings = {
  reflectLayout: {
    flag: 'reflect-layout',
    env: 'PODWIRE_REFLECT_LAYOUT',
    schema: z.enum(REFLECT_LAYOUTS).default(DEFAULT_REFLECT_SETTINGS.layout),
    help: `layout of the keys, one of ${REFLECT_LAYOUTS.join(', ')}`,
  },
  reflectEncoding: {
    flag: 'reflect-encoding',
    env: 'PODWIRE_REFLECT_ENCODING',
    schema: z.enum(REFLECT_ENCODINGS).default(DEFAULT_REFLECT_SETTINGS.encoding),
    help: `encoding of the values, one of ${REFLECT_ENCODINGS.join(', ')}`,
  },
  reflectPrefix: {
    flag: 'reflect-prefix',
    env: 'PODWIRE_REFLECT_PREFIX',
    schema: z
      .string()
      .regex(/^\/([A-Za-z0-9._-]+\/)+$/, 'must begin and end with a slash')
      .refine((text) => !text.startsWith('/podwire/'), { error: 'must not be below /podwire/, which is podwire’s own' })
      .default(DEFAULT_REFLECT_SETTINGS.prefix),
    help: 'beginning of all reflected keys',
  },
  reflectLabel: {
    flag: 'microservice-label',
    env: 'MICROSERVICE_LABEL',
    schema: z.string().regex(pathPart, 'must be one part of a key').default(DEFAULT_REFLECT_SETTINGS.label),
    help: 'part of the keys after the prefix',
  },
  reflectKeepLabels: {
    flag: 'reflect-keep-labels',
    env: 'PODWIRE_REFLECT_KEEP_LABELS',
    schema: z
      .string()
      .default('contiv-ksr,contiv-crd,contiv-cri,contiv-stn')
      .transform((text) => text.split(',').map((word) => word.trim()))
      .transform((words) => words.filter((word) => word !== '')),
    help: 'labels below the prefix that are never removed as those of a node that is gone, separated by commas',
  },
  reflectNodePauseMs: {
    flag: 'reflect-node-pause-seconds',
    env: 'PODWIRE_REFLECT_NODE_PAUSE_SECONDS',
    schema: seconds(10, 1, 3_600),
    help: 'time between the two looks that must both miss a node before its ID and its tree are removed',
  },
  reflectEtcdEndpoints: {
    flag: 'reflect-etcd-endpoints',
    env: 'PODWIRE_REFLECT_ETCD_ENDPOINTS',
    schema: endpointsText.optional(),
    help: "host:port of the etcd for reflected state, several separated by commas; podwire's own etcd when left out",
  },
  reflectEtcdTls: {
    flag: 'reflect-etcd-tls',
    env: 'PODWIRE_REFLECT_ETCD_TLS',
    schema: tlsSwitch,
    help: 'TLS to it: true or false; on by itself when a TLS file is set. true without a CA trusts those that Node brings',
  },
  reflectEtcdCa: {
    flag: 'reflect-etcd-ca',
    env: 'PODWIRE_REFLECT_ETCD_CA',
    schema: optionalText,
    help: 'PEM file of its CA; turns TLS on',
  },
  reflectEtcdCert: {
    flag: 'reflect-etcd-cert',
    env: 'PODWIRE_REFLECT_ETCD_CERT',
    schema: optionalText,
    help: 'PEM file of the certificate for it',
  },
  reflectEtcdKey: {
    flag: 'reflect-etcd-key',
    env: 'PODWIRE_REFLECT_ETCD_KEY',
    schema: optionalText,
    help: 'PEM file of the key for it',
  },
  reflectEtcdUser: {
    flag: 'reflect-etcd-user',
    env: 'PODWIRE_REFLECT_ETCD_USER',
    schema: optionalText,
    help: 'user name for it',
  },
  reflectEtcdPassword: {
    env: 'PODWIRE_REFLECT_ETCD_PASSWORD',
    schema: optionalText,
    help: 'password for it, environment only',
  },
  reflectEtcdPasswordFile: {
    flag: 'reflect-etcd-password-file',
    env: 'PODWIRE_REFLECT_ETCD_PASSWORD_FILE',
    schema: optionalText,
    help: 'file that holds the password for it',
  },
} as const satisfies SettingsTable;

export const reflectSwitch = {
  reflect: {
    flag: 'reflect',
    env: 'PODWIRE_REFLECT',
    schema: z
      .enum(['true', 'false'])
      .default('false')
      .transform((text) => text === 'true'),
    help: 'whether Kubernetes state is reflected into etcd as Contiv KSR does it: true or false',
  },
} as const satisfies SettingsTable;

export interface ReflectConfig {
  readonly settings: ReflectSettings;
  readonly etcd: EtcdOptions;
  readonly keepLabels: readonly string[];
  readonly nodePauseSeconds: number;
}

const TIMEOUT_MS = 2_000;

/**
 * @param own podwire's own etcd, which is used when no other is named; user and password hold for either
 * @throws ConfigError when the settings contradict each other or a file cannot be used
 */
export function reflectOf(values: Values<typeof reflectSettings>, own: EtcdOptions): ReflectConfig {
  return {
    settings: {
      layout: values.reflectLayout,
      encoding: values.reflectEncoding,
      prefix: values.reflectPrefix,
      label: values.reflectLabel,
    },
    etcd: etcdOf(values, own),
    keepLabels: values.reflectKeepLabels,
    nodePauseSeconds: values.reflectNodePauseMs / 1_000,
  };
}

function etcdOf(values: Values<typeof reflectSettings>, own: EtcdOptions): EtcdOptions {
  const { reflectEtcdEndpoints: endpoints, reflectEtcdUser: user } = values;
  const secrets = { secret: values.reflectEtcdPassword, secretFile: values.reflectEtcdPasswordFile };
  const files = { caFile: values.reflectEtcdCa, certFile: values.reflectEtcdCert, keyFile: values.reflectEtcdKey };
  if (endpoints !== undefined)
    return etcdOptions('PODWIRE_REFLECT_ETCD', { endpoints, user, files, tls: values.reflectEtcdTls, ...secrets });
  if (values.reflectEtcdTls !== undefined || Object.values(files).some((file) => file !== undefined))
    throw new ConfigError([
      'PODWIRE_REFLECT_ETCD_TLS, _CA, _CERT and _KEY have no effect without PODWIRE_REFLECT_ETCD_ENDPOINTS; leave them out, or name the endpoints',
    ]);
  if (user === undefined) return { ...own, timeoutMs: TIMEOUT_MS };
  // The endpoints decide how they are reached; only who is logged in differs.
  const { auth } = etcdOptions('PODWIRE_REFLECT_ETCD', {
    ...{ endpoints: { addresses: own.endpoints, scheme: undefined }, user, files: {}, tls: false, ...secrets },
  });
  return { ...own, timeoutMs: TIMEOUT_MS, ...(auth === undefined ? {} : { auth }) };
}
