/**
 * Credentials that change while the process runs.
 *
 * Files are looked at every few seconds instead of being watched: Kubernetes changes a mounted Secret by swapping a symbolic link two
 * folders above them, and tools that write in place do it one file after the other. A new generation counts only once all of it fits
 * together; until then the one before it stays.
 */
import {
  readCredentials,
  sameCredentials,
  type CredentialFiles,
  type Credentials,
  type Validity,
} from './credential-files.ts';

export interface CredentialSource {
  /** The newest generation that is complete and valid. */
  readonly current: Credentials;
  /** @returns ends it */
  onChange(listener: () => void): () => void;
}

/** Where clients get their credentials from. */
export interface CredentialStore {
  /** @throws CredentialError when the files cannot be used now */
  source(files: CredentialFiles): CredentialSource;
}

/** For the length of one command: what the files hold now. */
export const readOnce: CredentialStore = {
  source: (files) => ({ current: readCredentials(files), onChange: () => () => undefined }),
};

export interface RotationLog {
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
}

const LOOK_MS = 2_000;
const DAY_MS = 86_400_000;
/** A certificate is complained about in its last week, and one that lives for less than five weeks in the last fifth of its life. */
const LAST_MS = 7 * DAY_MS;
const LAST_PART = 0.2;

/** Follows the files of all clients of a process; the same files are read once for all of them. */
export class RotatingCredentials implements CredentialStore {
  readonly #log: RotationLog;
  readonly #sources = new Map<string, FollowedFiles>();
  readonly #lookMs: number;
  /** Undefined while there are no files. */
  #timer: NodeJS.Timeout | undefined;

  /** @param lookMs time between two looks at the files */
  constructor(log: RotationLog, lookMs = LOOK_MS) {
    this.#log = log;
    this.#lookMs = lookMs;
  }

  source(files: CredentialFiles): CredentialSource {
    const { caFile, certFile, keyFile, secretFile } = files;
    const name = JSON.stringify([caFile, certFile, keyFile, secretFile]);
    const source = this.#sources.get(name) ?? new FollowedFiles(files, this.#log);
    this.#sources.set(name, source);
    if (Object.values(files).some((file) => file !== undefined))
      this.#timer ??= setInterval(() => this.look(), this.#lookMs).unref();
    return source;
  }

  /** Looks at all files now. */
  look(): void {
    for (const source of this.#sources.values()) source.look();
  }

  /** Of all certificates in use, by file. */
  validities(): ReadonlyMap<string, Validity> {
    return new Map(
      [...this.#sources.values()].flatMap(({ current }) => current.validities.map((each) => [each.file, each])),
    );
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

class FollowedFiles implements CredentialSource {
  readonly #files: CredentialFiles;
  readonly #log: RotationLog;
  readonly #listeners = new Set<() => void>();
  readonly #warnedAt = new Map<string, number>();
  #current: Credentials;
  /** Why the last look was refused, and whether that was told. Files that are being written look wrong for one look. */
  #refused: { readonly why: string; told: boolean } | undefined;

  constructor(files: CredentialFiles, log: RotationLog) {
    this.#files = files;
    this.#log = log;
    this.#current = readCredentials(files);
    this.#warnOfExpiry();
  }

  get current(): Credentials {
    return this.#current;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  look(): void {
    let found: Credentials;
    try {
      found = readCredentials(this.#files);
    } catch (error) {
      this.#refuse(error instanceof Error ? error.message : String(error));
      return;
    }
    this.#refused = undefined;
    if (!sameCredentials(found, this.#current)) {
      this.#current = found;
      this.#warnedAt.clear();
      this.#log.info({ files: this.#files, validTo: this.#validTo() }, 'new credentials are used from now on');
      for (const listener of [...this.#listeners]) listener();
    }
    this.#warnOfExpiry();
  }

  #refuse(why: string): void {
    if (this.#refused?.why !== why) {
      this.#refused = { why, told: false };
      return;
    }
    if (this.#refused.told) return;
    this.#refused.told = true;
    this.#log.warn(
      { why, validTo: this.#validTo() },
      'new credentials cannot be used; the ones before them stay in use',
    );
  }

  #warnOfExpiry(): void {
    const now = Date.now();
    for (const { file, from, to } of this.#current.validities) {
      const left = to.getTime() - now;
      if (left > Math.min(LAST_MS, (to.getTime() - from.getTime()) * LAST_PART)) continue;
      if (now - (this.#warnedAt.get(file) ?? -Infinity) < DAY_MS) continue;
      this.#warnedAt.set(file, now);
      const message = left < 0 ? 'a certificate has expired; replace the file' : 'a certificate expires soon';
      this.#log.warn({ file, validTo: to.toISOString() }, `${message}; a new one is taken up without a restart`);
    }
  }

  #validTo(): Readonly<Record<string, string>> {
    return Object.fromEntries(this.#current.validities.map(({ file, to }) => [file, to.toISOString()]));
  }
}
