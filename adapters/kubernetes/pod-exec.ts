/**
 * One program in one container through the Pod Exec API: a WebSocket whose first byte of a message names the channel (0 stdin, 1 stdout,
 * 2 stderr, 3 the outcome; subprotocols v5 and v4.channel.k8s.io). The outcome is read from its channel, never guessed from what was printed.
 */
import { PassThrough } from 'node:stream';
import type { KubeConfig } from '@kubernetes/client-node';
// Not among what the library exports by name; its `Exec` would make one that ends this process's own output (see #connect).
import { WebSocketHandler } from '@kubernetes/client-node/dist/web-socket-handler.js';
import { bulkhead, type BulkheadPolicy } from 'cockatiel';
import { notStarted, type RunResult } from '../process/child.ts';
import { apiPath } from './client.ts';
import { loadConfig } from './kube-config.ts';

interface ExecTarget {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
}

export interface ExecOptions {
  /** From the request to the outcome. */
  readonly timeoutMs: number;
  /** For standard input, which is then closed. Sent when `beforeInput` has resolved. */
  readonly input?: string;
  /** The program runs and waits for its input: the last moment to see that it is where it should be. What it throws ends the call. */
  readonly beforeInput?: () => Promise<void>;
  readonly signal?: AbortSignal;
  /** Cap for stdout and stderr together, in bytes. */
  readonly maxOutputBytes?: number;
}

/** `refused`: the API did not let us in, with its HTTP status if it had one; nothing was run. */
export type ExecResult =
  | { readonly kind: 'ran'; readonly result: RunResult }
  | { readonly kind: 'refused'; readonly status: number | undefined; readonly reason: string }
  /** The server speaks no subprotocol that can close standard input; nothing was sent. */
  | { readonly kind: 'no-input' };

export interface PodExec {
  /** Never throws for what the program or the connection did; throws what `beforeInput` threw. */
  run(target: ExecTarget, argv: readonly string[], options: ExecOptions): Promise<ExecResult>;
}

const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;
const OUTCOME = 3;
const CLOSE = 255;
/** The first subprotocol with which a client can close standard input (Kubernetes 1.30). */
const WITH_CLOSE = 'v5.channel.k8s.io';

const DEFAULT_MAX_OUTPUT = 4 * 1024 * 1024;
/** Calls at once; those of pods that do not answer hold a place until they time out. */
const AT_ONCE = 64;
const WAITING = 2_000;

/** What is used of the library's WebSocket, whose types it does not bring. */
interface Socket {
  readonly protocol: string;
  readonly readyState: number;
  send(data: Buffer): void;
  close(): void;
  onclose: (() => void) | null;
  onerror: (() => void) | null;
}

const OPEN = 1;

/** @throws Error when the kubeconfig cannot be read */
export function createPodExec(kubeconfig: string | undefined): PodExec {
  const { config } = loadConfig(kubeconfig);
  const places: BulkheadPolicy = bulkhead(AT_ONCE, WAITING);
  return { run: (target, argv, options) => places.execute(() => runOnce(config, target, argv, options)) };
}

async function runOnce(
  config: KubeConfig,
  target: ExecTarget,
  argv: readonly string[],
  options: ExecOptions,
): Promise<ExecResult> {
  const call = new ExecCall(options);
  try {
    return await call.run(config, pathOf(target, argv, options.input !== undefined));
  } finally {
    call.close();
  }
}

function pathOf({ namespace, pod, container }: ExecTarget, argv: readonly string[], stdin: boolean): string {
  const query = new URLSearchParams([
    ...argv.map((word): [string, string] => ['command', word]),
    ['container', container],
    ['stdin', String(stdin)],
    ['stdout', 'true'],
    ['stderr', 'true'],
    ['tty', 'false'],
  ]);
  return `${apiPath('api', 'v1', 'namespaces', namespace, 'pods', pod, 'exec')}?${query.toString()}`;
}

type Ended = { readonly why: 'outcome' | 'closed' | 'timed-out' | 'aborted' | 'too-much' };

class ExecCall {
  readonly #options: ExecOptions;
  readonly #startedAt = performance.now();
  readonly #stdout: Buffer[] = [];
  readonly #stderr: Buffer[] = [];
  readonly #ended: Promise<Ended>;
  readonly #timer: NodeJS.Timeout;
  #end: (ended: Ended) => void = () => undefined;
  #outcome: string | undefined;
  #size = 0;
  #over = false;
  #socket: Socket | undefined;

  constructor(options: ExecOptions) {
    this.#options = options;
    this.#ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    this.#timer = setTimeout(() => this.#end({ why: 'timed-out' }), options.timeoutMs);
    if (options.signal?.aborted === true) this.#onAbort();
    options.signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  readonly #onAbort = (): void => this.#end({ why: 'aborted' });

  close(): void {
    this.#over = true;
    clearTimeout(this.#timer);
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
    this.#socket?.close();
  }

  async run(config: KubeConfig, path: string): Promise<ExecResult> {
    const connected = await Promise.race([this.#connect(config, path), this.#ended]);
    if ('why' in connected) return { kind: 'ran', result: this.#result(connected) };
    if ('refused' in connected) return { kind: 'refused', ...connected.refused };
    const { input, beforeInput } = this.#options;
    if (input !== undefined) {
      if (connected.socket.protocol !== WITH_CLOSE) return { kind: 'no-input' };
      await Promise.race([beforeInput?.(), this.#ended]);
      if (connected.socket.readyState === OPEN) {
        connected.socket.send(Buffer.concat([Buffer.from([STDIN]), Buffer.from(input)]));
        connected.socket.send(Buffer.from([CLOSE, STDIN]));
      }
    }
    return { kind: 'ran', result: this.#result(await this.#ended) };
  }

  /** The library's handler ends the standard streams of this process when the server closes a channel, unless it is given others. */
  async #connect(
    config: KubeConfig,
    path: string,
  ): Promise<{ socket: Socket } | { refused: { status: number | undefined; reason: string } }> {
    const streams = { stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() };
    const handler = new WebSocketHandler(config, undefined, streams);
    try {
      const connected: unknown = await handler.connect(path, null, (channel, data) => this.#take(channel, data));
      const socket = connected as Socket;
      this.#socket = socket;
      if (this.#over) socket.close();
      socket.onclose = () => this.#end({ why: 'closed' });
      socket.onerror = () => this.#end({ why: 'closed' });
      return { socket };
    } catch (error) {
      const reason = messageOf(error);
      const status = /Unexpected server response: (\d{3})/.exec(reason)?.[1];
      return { refused: { status: status === undefined ? undefined : Number(status), reason } };
    }
  }

  /** @returns whether to go on */
  #take(channel: number, data: Buffer): boolean {
    if (channel === OUTCOME) {
      this.#outcome = data.toString('utf8');
      this.#end({ why: 'outcome' });
      return false;
    }
    if (channel !== STDOUT && channel !== STDERR) return true;
    this.#size += data.length;
    if (this.#size > (this.#options.maxOutputBytes ?? DEFAULT_MAX_OUTPUT)) {
      this.#end({ why: 'too-much' });
      return false;
    }
    (channel === STDOUT ? this.#stdout : this.#stderr).push(Buffer.from(data));
    return true;
  }

  #result({ why }: Ended): RunResult {
    const outcome = exitOf(this.#outcome);
    const stderr = Buffer.concat(this.#stderr).toString('utf8');
    return {
      ...notStarted(''),
      code: outcome.code,
      stdout: Buffer.concat(this.#stdout).toString('utf8'),
      stderr: stderr === '' ? outcome.message : stderr,
      timedOut: why === 'timed-out',
      aborted: why === 'aborted',
      truncated: why === 'too-much',
      durationMs: performance.now() - this.#startedAt,
    };
  }
}

/** What of a metav1.Status decides. */
interface Outcome {
  readonly status?: string;
  readonly message?: string;
  readonly details?: { readonly causes?: readonly { readonly reason?: string; readonly message?: string }[] };
}

/** Shells and runtimes say so of a program that is not there. */
const NOT_FOUND = 127;

/** @param text a metav1.Status; undefined: the connection ended without one */
function exitOf(text: string | undefined): { code: number | undefined; message: string } {
  if (text === undefined) return { code: undefined, message: 'the connection ended before the outcome was told' };
  let outcome: Outcome;
  try {
    outcome = JSON.parse(text) as Outcome;
  } catch {
    return { code: undefined, message: 'the outcome was no JSON' };
  }
  if (outcome.status === 'Success') return { code: 0, message: '' };
  const message = (outcome.message ?? '').slice(0, 500);
  const exit = outcome.details?.causes?.find(({ reason }) => reason === 'ExitCode')?.message;
  if (exit !== undefined && /^\d{1,3}$/.test(exit)) return { code: Number(exit), message };
  return { code: /executable file not found|no such file/i.test(message) ? NOT_FOUND : undefined, message };
}

function messageOf(error: unknown): string {
  if (error instanceof Error) return error.message;
  // The library rejects with the event of its socket.
  const { message } = (error ?? {}) as { message?: unknown };
  return typeof message === 'string' ? message : String(error);
}
