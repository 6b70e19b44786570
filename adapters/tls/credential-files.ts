/** Certificates, keys and secrets as they lie in files, checked as a whole: a certificate without its key is worth nothing. */
import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';

/** PEM files of one TLS client; none at all means TLS with the authorities that Node brings, and no certificate of its own. */
export interface TlsFiles {
  /** One or more authorities. */
  readonly caFile?: string | undefined;
  /** The client's certificate, then those between it and its authority. */
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
  /** The name that the server's certificate must have instead of the one that is connected to. */
  readonly serverName?: string | undefined;
}

export interface CredentialFiles extends Omit<TlsFiles, 'serverName'> {
  /** A password or API key; white space around it means nothing. */
  readonly secretFile?: string | undefined;
}

export type CredentialRole = keyof CredentialFiles;
const ROLES: readonly CredentialRole[] = ['caFile', 'certFile', 'keyFile', 'secretFile'];

/** When a file's certificate is valid. Of several authorities in one file, the one that is valid longest: a bundle keeps old ones. */
export interface Validity {
  readonly file: string;
  readonly from: Date;
  readonly to: Date;
}

/** One generation: all files as they were when they fitted together. */
export interface Credentials {
  readonly ca: Buffer | undefined;
  readonly cert: Buffer | undefined;
  readonly key: Buffer | undefined;
  readonly secret: string | undefined;
  readonly validities: readonly Validity[];
}

export interface CredentialProblem {
  readonly role: CredentialRole;
  readonly file: string;
  /** What is wrong, as the end of a sentence that begins with the file. */
  readonly why: string;
}

/** Files that cannot be used; `message` has one line per problem. */
export class CredentialError extends Error {
  readonly problems: readonly CredentialProblem[];

  constructor(problems: readonly CredentialProblem[]) {
    super(problems.map(({ file, why }) => `${file} ${why}`).join('\n'));
    this.name = 'CredentialError';
    this.problems = problems;
  }
}

const MAX_BYTES = 1024 * 1024;
const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/**
 * Reads and checks. Synchronous: these are a few kilobytes, in a cluster on a tmpfs.
 * @throws CredentialError with every problem
 */
export function readCredentials(files: CredentialFiles): Credentials {
  const problems: CredentialProblem[] = [];
  const contents: Partial<Record<CredentialRole, Buffer>> = {};
  const attempt = <T>(role: CredentialRole, work: (file: string) => T): T | undefined => {
    const file = files[role];
    if (file === undefined) return undefined;
    try {
      return work(file);
    } catch (error) {
      problems.push({ role, file, why: error instanceof Error ? error.message : String(error) });
      return undefined;
    }
  };
  for (const role of ROLES) {
    const content = attempt(role, readFile);
    if (content !== undefined) contents[role] = content;
  }
  const parse = <T>(role: CredentialRole, work: (content: Buffer) => T): T | undefined => {
    const content = contents[role];
    return content === undefined ? undefined : attempt(role, () => work(content));
  };
  const authorities = parse('caFile', certificates);
  const [own] = parse('certFile', certificates) ?? [];
  const key = parse('keyFile', privateKey);
  const secret = parse('secretFile', line);
  if (own !== undefined && key !== undefined)
    attempt('keyFile', () => {
      if (!own.checkPrivateKey(key)) throw new Error(`is not the key of the certificate in ${files.certFile ?? ''}`);
    });
  if (problems.length > 0) throw new CredentialError(problems);
  return {
    ca: contents.caFile,
    cert: contents.certFile,
    key: contents.keyFile,
    secret,
    validities: [...longest(files.caFile, authorities), ...longest(files.certFile, own === undefined ? [] : [own])],
  };
}

/** Whether two generations hold the same certificates and key. */
export function sameTls(a: Credentials, b: Credentials): boolean {
  return same(a.ca, b.ca) && same(a.cert, b.cert) && same(a.key, b.key);
}

export function sameCredentials(a: Credentials, b: Credentials): boolean {
  return sameTls(a, b) && a.secret === b.secret;
}

const same = (a: Buffer | undefined, b: Buffer | undefined): boolean =>
  a === undefined || b === undefined ? a === b : a.equals(b);

function readFile(file: string): Buffer {
  try {
    const { size } = statSync(file);
    if (size > MAX_BYTES) throw new Error(`it has ${size} bytes; at most ${MAX_BYTES} are read`);
    return readFileSync(file);
  } catch (error) {
    throw new Error(`cannot be read: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

function certificates(content: Buffer): [X509Certificate, ...X509Certificate[]] {
  const [first, ...others] = content.toString('latin1').match(PEM_CERTIFICATE) ?? [];
  if (first === undefined) throw new Error('holds no certificate in PEM (a "BEGIN CERTIFICATE" line and what follows)');
  return [certificate(first), ...others.map(certificate)];
}

function certificate(pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (error) {
    throw new Error(`holds a certificate that cannot be read: ${(error as Error).message}`, { cause: error });
  }
}

function privateKey(content: Buffer): KeyObject {
  try {
    return createPrivateKey(content);
  } catch (error) {
    throw new Error('holds no private key in PEM (without a passphrase)', { cause: error });
  }
}

function line(content: Buffer): string {
  const text = content.toString('utf8').trim();
  if (text === '') throw new Error('is empty');
  if (/[\r\n\0]/.test(text)) throw new Error('holds more than one line');
  return text;
}

function longest(file: string | undefined, list: readonly X509Certificate[] = []): Validity[] {
  return list
    .map(({ validFrom, validTo }) => ({ file: file ?? '', from: new Date(validFrom), to: new Date(validTo) }))
    .sort((a, b) => b.to.getTime() - a.to.getTime())
    .slice(0, 1);
}
