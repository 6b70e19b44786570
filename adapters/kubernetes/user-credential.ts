/**
 * Who a kubeconfig's user is, where a file or a program says it (client-go's rules): a token file is read for each request, a program is
 * run once until shortly before its credential ends, and again when the API refuses that.
 */
import { readFile } from 'node:fs/promises';
import type { RequestOptions } from 'node:https';
import { resolve } from 'node:path';
import { execa } from 'execa';
import { z } from 'zod';

export interface CredentialSource {
  /** Absolute. */
  readonly tokenFile?: string;
  /** As the kubeconfig has it. */
  readonly exec?: unknown;
  /** Folder of the kubeconfig, from which a program with a relative path is found. */
  readonly dir?: string;
}

/** A program that asks a person waits longer than any call; whoever needs it has logged in before. */
const PROGRAM_LIMIT_MS = 30_000;
const MAX_ANSWER_BYTES = 1024 * 1024;
/** A credential may still be on its way when it ends. */
const BEFORE_END_MS = 10_000;

const programSchema = z.object({
  command: z.string().min(1),
  args: z.array(z.string()).nullish(),
  env: z.array(z.object({ name: z.string(), value: z.string() })).nullish(),
  apiVersion: z.string().default('client.authentication.k8s.io/v1'),
});

const answerSchema = z.object({
  status: z.object({
    token: z.string().nullish(),
    clientCertificateData: z.string().nullish(),
    clientKeyData: z.string().nullish(),
    expirationTimestamp: z.iso.datetime({ offset: true }).nullish(),
  }),
});

type Answer = z.output<typeof answerSchema>['status'];

interface Given {
  readonly answer: Answer;
  /** Milliseconds since the epoch. */
  readonly until: number;
}

export class UserCredential {
  readonly #source: CredentialSource;
  #given: Given | undefined;
  #asking: Promise<Given> | undefined;

  constructor(source: CredentialSource) {
    this.#source = source;
  }

  /** @throws Error that names the file or the program */
  async applyTo(request: RequestOptions): Promise<void> {
    const { tokenFile, exec } = this.#source;
    if (tokenFile !== undefined) return withToken(request, (await readFile(tokenFile, 'utf8')).trim());
    if (exec === undefined) return;
    const { token, clientCertificateData, clientKeyData } = await this.#answer();
    if (clientCertificateData) request.cert = clientCertificateData;
    if (clientKeyData) request.key = clientKeyData;
    if (token) withToken(request, token);
  }

  /** The API refused it. @returns whether another one can be had at once */
  refused(): boolean {
    const had = this.#given !== undefined;
    this.#given = undefined;
    return had;
  }

  async #answer(): Promise<Answer> {
    if (this.#given !== undefined && Date.now() < this.#given.until) return this.#given.answer;
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    this.#given = await this.#asking;
    return this.#given.answer;
  }

  async #ask(): Promise<Given> {
    const { command, args, env, apiVersion } = programSchema.parse(this.#source.exec);
    const isPath = command.includes('/');
    const info = { apiVersion, kind: 'ExecCredential', spec: { interactive: false } };
    const { stdout, stderr, failed, shortMessage } = await execa(
      isPath ? resolve(this.#source.dir ?? '/', command) : command,
      args ?? [],
      {
        env: {
          ...Object.fromEntries((env ?? []).map(({ name, value }) => [name, value])),
          KUBERNETES_EXEC_INFO: JSON.stringify(info),
        },
        stdin: 'ignore',
        timeout: PROGRAM_LIMIT_MS,
        maxBuffer: MAX_ANSWER_BYTES,
        reject: false,
      },
    );
    if (failed) throw new Error(`${shortMessage ?? `${command} failed`}: ${stderr.slice(0, 500)}`);
    const answer = readAnswer(command, stdout);
    const end = answer.expirationTimestamp;
    return { answer, until: end ? Date.parse(end) - BEFORE_END_MS : Number.POSITIVE_INFINITY };
  }
}

function withToken(request: RequestOptions, token: string): void {
  request.headers = { ...request.headers, Authorization: `Bearer ${token}` };
}

/** Nothing of what it printed is quoted: it may be the credential. */
function readAnswer(command: string, printed: string): Answer {
  try {
    return answerSchema.parse(JSON.parse(printed)).status;
  } catch {
    throw new Error(`${command} printed no ExecCredential with a status`);
  }
}
