/** How podwire's own etcd is reached. */
import type { EtcdOptions } from '../adapters/etcd/client.ts';
import { ConfigError, type SettingsTable, type Values } from './cli-flags.ts';
import { clientTls, tlsSwitch, type ClientSecurity } from './client-tls.ts';
import { optionalText } from './common.ts';
import { endpointsText, type Endpoints } from './endpoints.ts';

export const etcdSettings = {
  etcdEndpoints: {
    flag: 'etcd-endpoints',
    env: 'PODWIRE_ETCD_ENDPOINTS',
    schema: endpointsText.prefault('127.0.0.1:2379'),
    help: "host:port of podwire's etcd, several separated by commas; https:// before them asks for TLS",
  },
  etcdTls: {
    flag: 'etcd-tls',
    env: 'PODWIRE_ETCD_TLS',
    schema: tlsSwitch,
    help: 'TLS to etcd: true or false; on by itself when a TLS file is set. true without a CA trusts those that Node brings',
  },
  etcdCa: {
    flag: 'etcd-ca',
    env: 'PODWIRE_ETCD_CA',
    schema: optionalText,
    help: 'PEM file of the CA; turns TLS on. Read again when it changes, as are certificate, key and password',
  },
  etcdCert: { flag: 'etcd-cert', env: 'PODWIRE_ETCD_CERT', schema: optionalText, help: 'PEM file of the certificate' },
  etcdKey: { flag: 'etcd-key', env: 'PODWIRE_ETCD_KEY', schema: optionalText, help: 'PEM file of the key' },
  etcdTlsServerName: {
    flag: 'etcd-tls-server-name',
    env: 'PODWIRE_ETCD_TLS_SERVER_NAME',
    schema: optionalText,
    help: 'name expected in the server certificate; not together with a user',
  },
  etcdUser: { flag: 'etcd-user', env: 'PODWIRE_ETCD_USER', schema: optionalText, help: 'user name for etcd' },
  etcdPassword: { env: 'PODWIRE_ETCD_PASSWORD', schema: optionalText, help: 'password for etcd, environment only' },
  etcdPasswordFile: {
    flag: 'etcd-password-file',
    env: 'PODWIRE_ETCD_PASSWORD_FILE',
    schema: optionalText,
    help: 'file that holds the password for etcd',
  },
} as const satisfies SettingsTable;

const TIMEOUT_MS = 2_000;

/** @throws ConfigError when the settings contradict each other or a file cannot be used */
export function etcdOf(values: Values<typeof etcdSettings>): EtcdOptions {
  return etcdOptions('PODWIRE_ETCD', {
    endpoints: values.etcdEndpoints,
    tls: values.etcdTls,
    files: {
      caFile: values.etcdCa,
      certFile: values.etcdCert,
      keyFile: values.etcdKey,
      serverName: values.etcdTlsServerName,
    },
    user: values.etcdUser,
    secret: values.etcdPassword,
    secretFile: values.etcdPasswordFile,
  });
}

export interface EtcdAccess extends Pick<ClientSecurity, 'tls' | 'files' | 'secret' | 'secretFile'> {
  readonly endpoints: Endpoints;
  readonly user: string | undefined;
}

/**
 * @param prefix beginning of the names of the environment variables that say all this, for messages
 * @throws ConfigError
 */
export function etcdOptions(prefix: string, access: EtcdAccess): EtcdOptions {
  const names = etcdNames(prefix);
  const { endpoints, user, ...security } = access;
  const { secret, secretFile, files } = security;
  if (user === undefined && (secret !== undefined || secretFile !== undefined))
    throw new ConfigError([`${names.secret} or ${names.secretFile} is set, and ${prefix}_USER is not`]);
  if (user !== undefined && secret === undefined && secretFile === undefined)
    throw new ConfigError([`${prefix}_USER needs ${names.secret} or ${names.secretFile}`]);
  // etcd3 logs in over a connection of its own, which would look for the address in the certificate.
  if (user !== undefined && files.serverName !== undefined)
    throw new ConfigError([
      `${prefix}_TLS_SERVER_NAME cannot be used together with ${prefix}_USER; put the address into the server's certificate`,
    ]);
  const tls = clientTls({ ...security, names, scheme: endpoints.scheme, isPublic: false });
  return {
    endpoints: endpoints.addresses,
    timeoutMs: TIMEOUT_MS,
    ...(user === undefined ? {} : { auth: { username: user, password: secret, passwordFile: secretFile } }),
    ...(tls === undefined ? {} : { tls }),
  };
}

const etcdNames = (prefix: string): ClientSecurity['names'] => ({
  address: `${prefix}_ENDPOINTS`,
  tls: `${prefix}_TLS`,
  caFile: `${prefix}_CA`,
  certFile: `${prefix}_CERT`,
  keyFile: `${prefix}_KEY`,
  secret: `${prefix}_PASSWORD`,
  secretFile: `${prefix}_PASSWORD_FILE`,
});
