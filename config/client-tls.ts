/**
 * Whether a client uses TLS, and with which files: decided at start, where whatever contradicts itself or cannot be used is refused.
 * What would be sent in plain text although somebody wrote of TLS is never sent.
 */
import { z } from 'zod';
import {
  CredentialError,
  readCredentials,
  type CredentialRole,
  type TlsFiles,
} from '../adapters/tls/credential-files.ts';
import { ConfigError } from './cli-flags.ts';
import type { Scheme } from './endpoints.ts';

export const tlsSwitch = z
  .enum(['true', 'false'])
  .transform((text) => text === 'true')
  .optional();

/** What settings say about one client; `names` are those settings, for messages. */
export interface ClientSecurity {
  readonly names: Readonly<Record<CredentialRole | 'address' | 'tls' | 'secret', string>>;
  readonly scheme: Scheme | undefined;
  /** Undefined: nobody said whether TLS is used. */
  readonly tls: boolean | undefined;
  readonly files: TlsFiles;
  /** Password or API key, or its file. */
  readonly secret: string | undefined;
  readonly secretFile: string | undefined;
  /** Whether such a server usually has a certificate of a public authority, so that no file of one is asked for. */
  readonly isPublic: boolean;
}

/**
 * @returns undefined for plain text
 * @throws ConfigError with every contradiction, and with every file that cannot be used
 */
export function clientTls(asked: ClientSecurity): TlsFiles | undefined {
  const { names, files } = asked;
  const hasFile = Object.values(files).some((value) => value !== undefined);
  const hasSecret = asked.secret !== undefined || asked.secretFile !== undefined;
  const implied = hasFile || (asked.isPublic && hasSecret);
  const wanted = asked.tls ?? (asked.scheme === 'https' || implied);
  const problems = [...contradictions(asked, wanted, hasFile), ...incomplete(asked, wanted, implied)];
  if (asked.secret !== undefined && asked.secretFile !== undefined)
    problems.push(`${names.secret} and ${names.secretFile} are both set; only one of them can count`);
  if (hasSecret && !wanted && asked.tls === undefined)
    problems.push(
      `${names.secret} would be sent in plain text: set up TLS (${names.caFile}), or say ${names.tls}=false if that is meant`,
    );
  problems.push(...unusable(asked, wanted));
  if (problems.length > 0) throw new ConfigError(problems);
  return wanted ? files : undefined;
}

function contradictions({ names, scheme, tls }: ClientSecurity, wanted: boolean, hasFile: boolean): string[] {
  const problems: string[] = [];
  if (tls === false && scheme === 'https')
    problems.push(
      `${names.address} says https:// and ${names.tls} says false; write http:// or leave ${names.tls} out`,
    );
  if (tls === false && hasFile)
    problems.push(
      `${names.tls} is false, and files or a server name for TLS are set; leave out ${names.tls}, or these: ` +
        [names.caFile, names.certFile, names.keyFile].join(', '),
    );
  if (scheme === 'http' && wanted)
    problems.push(`${names.address} says http://, and other settings ask for TLS; write https://`);
  return problems;
}

function incomplete({ names, files, tls, isPublic }: ClientSecurity, wanted: boolean, implied: boolean): string[] {
  const problems: string[] = [];
  if (files.certFile !== undefined && files.keyFile === undefined)
    problems.push(`${names.certFile} needs ${names.keyFile}`);
  if (files.keyFile !== undefined && files.certFile === undefined)
    problems.push(`${names.keyFile} needs ${names.certFile}`);
  if (wanted && tls !== true && files.caFile === undefined && !(isPublic && implied))
    problems.push(
      `TLS needs the authority of the server's certificate: name its file with ${names.caFile}, or say ${names.tls}=true for those that Node brings`,
    );
  return problems;
}

function unusable({ names, files, secretFile }: ClientSecurity, wanted: boolean): string[] {
  try {
    readCredentials({ ...(wanted ? files : {}), secretFile });
    return [];
  } catch (error) {
    if (!(error instanceof CredentialError)) throw error;
    return error.problems.map(({ role, file, why }) => `${names[role]}: ${JSON.stringify(file)} ${why}`);
  }
}
