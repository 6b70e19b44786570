/** `etcd.conf`, as KSR reads it (the key-value plugin of ligato's cn-infra): how etcd is reached. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import {
  CredentialError,
  readCredentials,
  type CredentialRole,
  type TlsFiles,
} from '../../adapters/tls/credential-files.ts';
import { DURATION_HELP, goDurationMs } from '../go-duration.ts';
import { addressText } from '../common.ts';
import { MIXED_SCHEMES, splitSchemes, type Endpoints } from '../endpoints.ts';
import { FileProblems, parseConfigText, type FileReading } from '../yaml-file.ts';

export interface EtcdConf {
  /** Empty: the environment says where etcd is, see `etcdEndpointsOf`. */
  readonly endpoints: readonly string[];
  /** Of a call from beginning to end, connecting included. */
  readonly operationTimeoutMs: number;
  /** Undefined = plain text. */
  readonly tls: TlsFiles | undefined;
  /** Whether plain text or TLS was asked for by `insecure-transport`, and not only by files that are there or not. */
  readonly said: boolean;
  /** Of the endpoints. */
  readonly scheme: Endpoints['scheme'];
  /** How often etcd's history is compacted; 0 = never. */
  readonly autoCompactMs: number;
}

const OPERATION_MS = 3_000;
/** What is shorter was written with another unit in mind; nothing could be done within it. */
const SHORTEST_MS = 1;
const SHORTEST_COMPACTION_MS = 1_000;

export const duration = z.unknown().transform((value, context) => {
  const ms = goDurationMs(value);
  if (ms !== undefined) return ms;
  context.addIssue({ code: 'custom', message: DURATION_HELP });
  return z.NEVER;
});

export const fileName = z.string({ error: 'must be the name of a file' });
export const flag = z.boolean({ error: 'must be true or false' });

/** etcd's address, with the scheme that says whether TLS is meant. */
const endpoint = z
  .string({ error: 'must be host:port' })
  .transform((text) => text.trim())
  .refine((text) => addressText.safeParse(splitSchemes([text])?.addresses[0]).success, { error: 'must be host:port' });

const schema = z.object({
  endpoints: z.array(endpoint, { error: 'must be a list of host:port' }).optional(),
  /** Checked only: a call's limit holds while it connects, too. The same with what is about reconnecting, which is always done. */
  'dial-timeout': duration.optional(),
  'operation-timeout': duration.optional(),
  'insecure-transport': flag.optional(),
  'insecure-skip-tls-verify': flag.optional(),
  'cert-file': fileName.optional(),
  'key-file': fileName.optional(),
  'ca-file': fileName.optional(),
  'auto-compact': duration.optional(),
  'resync-after-reconnect': flag.optional(),
  'allow-delayed-start': flag.optional(),
  'reconnect-interval': duration.optional(),
  'session-ttl': z.number({ error: 'must be a number of seconds' }).optional(),
});
/** `delayed-start` is what releases of 2018 called it. */
const ALIASES = { 'delayed-start': 'allow-delayed-start' };

/**
 * @param file its name, for messages
 * @throws FileProblems with every mistake, also when a file of TLS cannot be read
 */
export function parseEtcdConf(file: string, text: string): FileReading<EtcdConf> {
  const { value: read, warnings: unknown } = parseConfigText(file, text, schema, { aliases: ALIASES });
  const warnings = [...unknown];
  let operationTimeoutMs = read['operation-timeout'] ?? OPERATION_MS;
  if (operationTimeoutMs < SHORTEST_MS) {
    if (operationTimeoutMs > 0)
      warnings.push(
        `${file}: operation-timeout of ${operationTimeoutMs * 1e6} ns is too short for anything; ${OPERATION_MS / 1_000} s are used. Write for example 3s`,
      );
    operationTimeoutMs = OPERATION_MS;
  }
  let autoCompactMs = read['auto-compact'] ?? 0;
  if (autoCompactMs > 0 && autoCompactMs < SHORTEST_COMPACTION_MS) {
    warnings.push(`${file}: auto-compact of ${autoCompactMs} ms is too often; it is done every second`);
    autoCompactMs = SHORTEST_COMPACTION_MS;
  }
  const tls = tlsOf(file, read);
  const endpoints = splitSchemes(read.endpoints ?? []);
  if (endpoints === undefined) throw new FileProblems([`${file}: endpoints ${MIXED_SCHEMES}`]);
  if (read['insecure-skip-tls-verify'] === true && tls !== undefined)
    warnings.push(
      `${file}: insecure-skip-tls-verify has no effect: etcd's certificate is always verified. Name its CA in ca-file`,
    );
  const value: EtcdConf = {
    endpoints: endpoints.addresses,
    operationTimeoutMs,
    tls,
    said: read['insecure-transport'] !== undefined,
    scheme: endpoints.scheme,
    autoCompactMs,
  };
  return { value, warnings };
}

/** Without a file: what KSR takes when its file says nothing. */
export const NO_ETCD_CONF: EtcdConf = {
  endpoints: [],
  operationTimeoutMs: OPERATION_MS,
  tls: undefined,
  said: false,
  scheme: undefined,
  autoCompactMs: 0,
};

/**
 * Any of the three files turns TLS on, and so does `insecure-transport: false`; `insecure-transport: true` turns it off whatever files are
 * named, as in KSR. Without a CA file the authorities that Node brings are trusted.
 */
function tlsOf(file: string, read: z.output<typeof schema>): TlsFiles | undefined {
  const files = { caFile: read['ca-file'], certFile: read['cert-file'], keyFile: read['key-file'] };
  const hasFile = Object.values(files).some((name) => name !== undefined);
  if (read['insecure-transport'] ?? !hasFile) return undefined;
  if ((files.certFile === undefined) !== (files.keyFile === undefined))
    throw new FileProblems([`${file}: cert-file and key-file belong together; only one of them is there`]);
  try {
    readCredentials(files);
  } catch (error) {
    if (!(error instanceof CredentialError)) throw error;
    throw new FileProblems(
      error.problems.map(({ role, file: path, why }) => `${file}: ${KEYS[role]} ${JSON.stringify(path)} ${why}`),
    );
  }
  return files;
}

const KEYS: Readonly<Record<CredentialRole, string>> = {
  ...{ caFile: 'ca-file', certFile: 'cert-file', keyFile: 'key-file', secretFile: 'password' },
};

/**
 * What would go out in plain text although an address asks for TLS, and the other way round, is refused. The addresses may be the file's
 * or those of the environment.
 * @throws FileProblems
 */
export function checkScheme(scheme: Endpoints['scheme'], { tls, said }: EtcdConf): void {
  if (scheme === 'https' && tls === undefined)
    throw new FileProblems([
      said
        ? "etcd's address says https://, and insecure-transport: true asks for plain text; change one of them"
        : "etcd's address says https://, and no file for TLS is named: name etcd's authority in ca-file, or write insecure-transport: false to trust those that Node brings",
    ]);
  if (scheme === 'http' && tls !== undefined)
    throw new FileProblems([
      "etcd's address says http://, and TLS is asked for by ca-file, cert-file or insecure-transport: false; write https://",
    ]);
}

/** @throws FileProblems naming the key and the file */
export function readPem(file: string, key: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new FileProblems([`${file}: ${key} ${JSON.stringify(path)} cannot be read: ${why}`]);
  }
}
