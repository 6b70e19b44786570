/** How Temporal is reached. The names are those of Temporal's own tools (environment configuration), so that one set of variables serves all. */
import { z } from 'zod';
import type { TemporalOptions } from '../adapters/temporal/connection.ts';
import type { SettingsTable, Values } from './cli-flags.ts';
import { clientTls, tlsSwitch } from './client-tls.ts';
import { optionalText } from './common.ts';
import { oneEndpoint } from './endpoints.ts';

export const temporalSettings = {
  temporalAddress: {
    flag: 'temporal-address',
    env: 'TEMPORAL_ADDRESS',
    schema: oneEndpoint.prefault('127.0.0.1:7233'),
    help: 'host:port of the Temporal frontend; https:// before it asks for TLS',
  },
  temporalNamespace: {
    flag: 'temporal-namespace',
    env: 'TEMPORAL_NAMESPACE',
    schema: z.string().default('default'),
    help: 'Temporal namespace, one per cluster',
  },
  temporalTls: {
    flag: 'temporal-tls',
    env: 'TEMPORAL_TLS',
    schema: tlsSwitch,
    help: 'TLS to Temporal: true or false; on by itself when a TLS file or an API key is set',
  },
  temporalTlsCa: {
    flag: 'temporal-tls-ca',
    env: 'TEMPORAL_TLS_SERVER_CA_CERT_PATH',
    schema: optionalText,
    help: 'PEM file of the CA; read again when it changes, as are certificate and key',
  },
  temporalTlsCert: {
    flag: 'temporal-tls-cert',
    env: 'TEMPORAL_TLS_CLIENT_CERT_PATH',
    schema: optionalText,
    help: 'PEM file of the client certificate',
  },
  temporalTlsKey: {
    flag: 'temporal-tls-key',
    env: 'TEMPORAL_TLS_CLIENT_KEY_PATH',
    schema: optionalText,
    help: 'PEM file of the client key',
  },
  temporalTlsServerName: {
    flag: 'temporal-tls-server-name',
    env: 'TEMPORAL_TLS_SERVER_NAME',
    schema: optionalText,
    help: 'name expected in the server certificate',
  },
  temporalApiKey: { env: 'TEMPORAL_API_KEY', schema: optionalText, help: 'API key, environment only' },
  temporalApiKeyFile: {
    flag: 'temporal-api-key-file',
    env: 'TEMPORAL_API_KEY_FILE',
    schema: optionalText,
    help: 'file that holds the API key; read again when it changes',
  },
} as const satisfies SettingsTable;

/** Of the process that runs the workflows of pods. */
export const versioningSettings = {
  workflowVersioning: {
    flag: 'workflow-versioning',
    env: 'PODWIRE_WORKFLOW_VERSIONING',
    schema: z.enum(['auto', 'off']).default('auto'),
    help: 'auto: a run stays with the build of the workflows that began it, where the Temporal server can do that; off: any build takes it',
  },
} as const satisfies SettingsTable;

/** Of processes that run workflows. */
export const sdkSettings = {
  sdkTuning: {
    flag: 'sdk-tuning',
    env: 'PODWIRE_SDK_TUNING',
    schema: z.enum(['on', 'off']).default('off'),
    help: 'on: less CPU time for workflows, by changing what the Temporal SDK uses of Node: no time limit, no stacks in the UI; off: workflows run as the SDK supports them',
  },
} as const satisfies SettingsTable;

const NAMES = {
  address: 'TEMPORAL_ADDRESS',
  tls: 'TEMPORAL_TLS',
  caFile: 'TEMPORAL_TLS_SERVER_CA_CERT_PATH',
  certFile: 'TEMPORAL_TLS_CLIENT_CERT_PATH',
  keyFile: 'TEMPORAL_TLS_CLIENT_KEY_PATH',
  secret: 'TEMPORAL_API_KEY',
  secretFile: 'TEMPORAL_API_KEY_FILE',
};

/** @throws ConfigError when the settings contradict each other or a file cannot be used */
export function temporalOf(values: Values<typeof temporalSettings>): TemporalOptions {
  const { temporalAddress, temporalApiKey, temporalApiKeyFile } = values;
  const tls = clientTls({
    names: NAMES,
    scheme: temporalAddress.scheme,
    tls: values.temporalTls,
    files: {
      caFile: values.temporalTlsCa,
      certFile: values.temporalTlsCert,
      keyFile: values.temporalTlsKey,
      serverName: values.temporalTlsServerName,
    },
    secret: temporalApiKey,
    secretFile: temporalApiKeyFile,
    isPublic: true,
  });
  return {
    address: temporalAddress.addresses[0] ?? '',
    namespace: values.temporalNamespace,
    apiKey: temporalApiKey,
    apiKeyFile: temporalApiKeyFile,
    ...(tls === undefined ? {} : { tls }),
  };
}
