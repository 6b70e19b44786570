/** `http.conf`, as KSR reads it (the REST plugin of ligato's cn-infra): where and how the REST server listens. */
import { z } from 'zod';
import type { WebServerOptions } from '../../adapters/http/web-server.ts';
import { addressText } from '../common.ts';
import { duration, fileName, flag, readPem } from './etcd-conf.ts';
import { FileProblems, parseConfigText, type FileReading } from '../yaml-file.ts';

export type HttpConf = Pick<WebServerOptions, 'bindAddress' | 'limits' | 'tls' | 'users'> & {
  readonly disabled: boolean;
};

const DEFAULT_ENDPOINT = '0.0.0.0:9191';

/** `user:password`; the password may hold colons, which KSR refused. */
const basicAuth = z
  .string({ error: 'must be "user:password"' })
  .regex(/^[^:]+:.+$/s, 'must be "user:password"')
  .transform((text) => ({ name: text.slice(0, text.indexOf(':')), password: text.slice(text.indexOf(':') + 1) }));

const schema = z.object({
  disabled: flag.optional(),
  endpoint: z.string({ error: 'must be host:port' }).pipe(addressText).optional(),
  'read-timeout': duration.optional(),
  'read-header-timeout': duration.optional(),
  'write-timeout': duration.optional(),
  'idle-timeout': duration.optional(),
  'max-header-bytes': z.number({ error: 'must be a number of bytes' }).int().min(0).max(1_048_576).optional(),
  'server-cert-file': fileName.optional(),
  'server-key-file': fileName.optional(),
  'client-cert-files': z.array(fileName, { error: 'must be a list of files' }).optional(),
  'client-basic-auth': z.array(basicAuth, { error: 'must be a list of "user:password"' }).optional(),
  'enable-token-auth': flag.optional(),
});
/** KSR's decoder knows the time-outs without dashes; its sample file writes them with, which had no effect there. */
const ALIASES = {
  disable: 'disabled',
  readtimeout: 'read-timeout',
  readheadertimeout: 'read-header-timeout',
  writetimeout: 'write-timeout',
  idletimeout: 'idle-timeout',
  maxheaderbytes: 'max-header-bytes',
};
/** The first sample file has 10 where seconds were meant and nanoseconds were read. */
const SHORTEST_MS = 1;

/**
 * @param file its name, for messages
 * @throws FileProblems with every mistake, also when a file of TLS cannot be read
 */
export function parseHttpConf(file: string, text: string): FileReading<HttpConf> {
  const options = { aliases: ALIASES, secrets: ['client-basic-auth'] };
  const { value: read, warnings: unknown } = parseConfigText(file, text, schema, options);
  const warnings = [...unknown];
  if (read['enable-token-auth'] === true)
    throw new FileProblems([
      `${file}: enable-token-auth is true: there are no tokens here. Remove it and use client-basic-auth or client-cert-files`,
    ]);
  const limit = (key: 'read-timeout' | 'read-header-timeout' | 'write-timeout' | 'idle-timeout') => {
    const ms = read[key] ?? 0;
    if (ms > 0 && ms < SHORTEST_MS)
      warnings.push(
        `${file}: ${key} of ${ms * 1e6} ns is too short to serve anything and has no effect. Write for example 10s`,
      );
    return ms < SHORTEST_MS ? undefined : ms;
  };
  const limits = {
    requestMs: limit('read-timeout'),
    headersMs: limit('read-header-timeout'),
    answerMs: limit('write-timeout'),
    idleMs: limit('idle-timeout') ?? limit('read-timeout'),
    headerBytes: read['max-header-bytes'] === 0 ? undefined : read['max-header-bytes'],
  };
  const value: HttpConf = {
    disabled: read.disabled ?? false,
    bindAddress: read.endpoint ?? DEFAULT_ENDPOINT,
    limits,
    tls: tlsOf(file, read),
    users: read['client-basic-auth'] ?? [],
  };
  return { value, warnings: [...new Set(warnings)] };
}

export const NO_HTTP_CONF: HttpConf = {
  disabled: false,
  bindAddress: DEFAULT_ENDPOINT,
  limits: {},
  tls: undefined,
  users: [],
};

function tlsOf(file: string, read: z.output<typeof schema>): HttpConf['tls'] {
  const names = { cert: read['server-cert-file'], key: read['server-key-file'] };
  const clientCas = read['client-cert-files'] ?? [];
  if (names.cert === undefined || names.key === undefined) {
    if (names.cert !== undefined || names.key !== undefined)
      throw new FileProblems([
        `${file}: server-cert-file and server-key-file belong together; only one of them is there`,
      ]);
    if (clientCas.length > 0)
      throw new FileProblems([
        `${file}: client-cert-files without server-cert-file and server-key-file: nobody's certificate would be asked for`,
      ]);
    return undefined;
  }
  return {
    cert: readPem(file, 'server-cert-file', names.cert),
    key: readPem(file, 'server-key-file', names.key),
    clientCas: clientCas.map((name) => readPem(file, 'client-cert-files', name)),
  };
}
