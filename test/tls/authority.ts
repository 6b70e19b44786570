/** Real certificates for tests, made by openssl: authorities, and certificates that they sign. */
import { mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { must } from '../../deploy/lab/commands.ts';

export interface Pair {
  readonly cert: string;
  readonly key: string;
}

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-sha256'];

export interface Issued {
  readonly days?: number;
  /** DNS names of a server; 127.0.0.1 is always one of its addresses. */
  readonly names?: readonly string[];
  /** By default the authority's name and its own, joined by a hyphen. */
  readonly commonName?: string;
}

export class Authority {
  readonly #dir: string;
  readonly #name: string;

  private constructor(dir: string, name: string) {
    this.#dir = dir;
    this.#name = name;
  }

  /** @param name also of its files in `dir` */
  static async create(dir: string, name: string): Promise<Authority> {
    const authority = new Authority(dir, name);
    await authority.#make(name, ['-addext', 'basicConstraints=critical,CA:TRUE'], { days: 3_650 });
    return authority;
  }

  get certFile(): string {
    return this.#files(this.#name).cert;
  }

  /** A certificate for a server and for a client in one. Its files are named after it and the authority. */
  async issue(name: string, issued: Issued = {}): Promise<Pair> {
    const file = `${this.#name}-${name}`;
    const own = this.#files(this.#name);
    const dns = (issued.names ?? ['temporal.example']).map((each) => `,DNS:${each}`).join('');
    const names = ['-addext', `subjectAltName=IP:127.0.0.1${dns}`];
    const usage = ['-addext', 'extendedKeyUsage=serverAuth,clientAuth', '-addext', 'basicConstraints=CA:FALSE'];
    await this.#make(file, ['-CA', own.cert, '-CAkey', own.key, ...names, ...usage], issued);
    return this.#files(file);
  }

  #files(file: string): Pair {
    return { cert: join(this.#dir, `${file}.crt`), key: join(this.#dir, `${file}.key`) };
  }

  async #make(file: string, options: readonly string[], { days = 90, commonName = file }: Issued): Promise<void> {
    const { cert, key } = this.#files(file);
    const about = ['-days', String(days), '-subj', `/CN=${commonName}`, '-keyout', key, '-out', cert];
    await must('openssl', ['req', '-x509', ...KEY, ...options, ...about]);
  }
}

/** A Secret as the kubelet mounts it: files are links through `..data`, which is swapped as a whole. */
export class MountedSecret {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
  readonly #dir: string;
  #generation = 0;

  constructor(dir: string) {
    this.#dir = dir;
    mkdirSync(dir);
    const link = (name: string): string => {
      symlinkSync(join('..data', name), join(dir, name));
      return join(dir, name);
    };
    this.caFile = link('ca.crt');
    this.certFile = link('tls.crt');
    this.keyFile = link('tls.key');
  }

  write({ ca, pair }: { readonly ca: string; readonly pair: Pair }): void {
    const before = `..gen-${this.#generation}`;
    const now = `..gen-${(this.#generation += 1)}`;
    mkdirSync(join(this.#dir, now));
    for (const [name, from] of [
      ['ca.crt', ca],
      ['tls.crt', pair.cert],
      ['tls.key', pair.key],
    ] as const)
      writeFileSync(join(this.#dir, now, name), readFileSync(from));
    symlinkSync(now, join(this.#dir, '..data_tmp'));
    renameSync(join(this.#dir, '..data_tmp'), join(this.#dir, '..data'));
    rmSync(join(this.#dir, before), { recursive: true, force: true });
  }
}
