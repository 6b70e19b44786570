/**
 * Short-lived child processes, apart from what starts them.
 *
 * Every child has an absolute path, an argv array, an environment built from nothing, a time-out, a cap on its output,
 * and a process group of its own that is killed as a whole: a time-out that ends only the direct child leaves a grandchild that holds
 * the pipes, and the promise pending for ever.
 */
import type { ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';
import type { ProcessRegistry } from './registry.ts';

export interface RunOptions {
  /** Absolute path of the program. */
  readonly file: string;
  readonly args: readonly string[];
  /** Bytes for standard input; none closes it. */
  readonly input?: string;
  /** The whole environment of the child. */
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  /** Cap for stdout and for stderr, each, in bytes; what is above is cut off and reported by `truncated`. */
  readonly maxOutputBytes?: number;
  /** Open file descriptors that the child sees as 3, 4, 5, … */
  readonly fds?: readonly number[];
  readonly signal?: AbortSignal;
  /**
   * It ends by itself within moments, so it need not die with who started it. Where running children are noted, a launcher then starts it
   * as it is: setpriv(1) takes 1.3 ms of CPU time, half as much as nsenter and a small batch of iproute2 together (measured).
   */
  readonly brief?: boolean;
  /** Where running children are noted, so that a successor of this process can end survivors. */
  readonly registry?: ProcessRegistry;
}

export interface RunResult {
  /** Exit code; undefined when a signal ended the child. 126 and 127: the program could not be executed (whoever was to start it says why on stderr). */
  readonly code: number | undefined;
  readonly signal: string | undefined;
  readonly stdout: string;
  readonly stderr: string;
  readonly timedOut: boolean;
  readonly aborted: boolean;
  readonly truncated: boolean;
  readonly durationMs: number;
}

const SETPRIV = '/usr/bin/setpriv';
const DEFAULT_MAX_OUTPUT = 4 * 1024 * 1024;
const PIPE_GRACE_MS = 200;
/** A killed child ends within this time, unless it hangs in the kernel, where no signal reaches it: nobody waits for that one. */
const END_GRACE_MS = 500;

/** Starts a child; throws, or lets it emit `error`, where the system refuses one. */
export type Start = (options: RunOptions) => ChildProcess;

/** The program and its arguments, such that it dies with who starts it. */
export const tied = ({ file, args }: Pick<RunOptions, 'file' | 'args'>): readonly [string, readonly string[]] => [
  SETPRIV,
  ['--pdeathsig', 'KILL', '--', file, ...args],
];

/** Its standard input, output and errors, and the descriptors that it is given. */
export const stdioOf = ({ input, fds = [] }: RunOptions): ('ignore' | 'pipe' | number)[] => [
  input === undefined ? 'ignore' : 'pipe',
  ...(['pipe', 'pipe'] as const),
  ...fds,
];

/** Why there is no child, when the system refuses one at once (a bad descriptor, no memory). */
function tryStart(start: Start, options: RunOptions): ChildProcess | string {
  try {
    return start(options);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** The result of a call that nothing was started for; `why` stands in for what the child would have said. */
export function notStarted(why: string): RunResult {
  const nothing = { timedOut: false, aborted: false, truncated: false, durationMs: 0 };
  return { code: undefined, signal: undefined, stdout: '', stderr: why, ...nothing };
}

interface Ended {
  readonly code: number | undefined;
  readonly signal: string | undefined;
  /** Why there was no child at all. */
  readonly failure: string;
}

/** Resolves when the child has ended; its pipes may still be open. */
function endOf(child: ChildProcess): Promise<Ended> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ code: undefined, signal: undefined, failure: error.message }));
    child.once('exit', (code, signal) =>
      resolve({ code: code ?? undefined, signal: signal ?? undefined, failure: '' }),
    );
  });
}

/** A child that cannot be noted is not left to itself. @throws what noting it throws */
function noted({ pid }: ChildProcess, registry: ProcessRegistry | undefined): (() => void) | undefined {
  try {
    return pid === undefined ? undefined : registry?.note(pid);
  } catch (error) {
    killGroup(pid);
    throw error;
  }
}

/** What runs children: `run`, or a `Launcher`, whose smaller process does it. */
export type Run = (options: RunOptions) => Promise<RunResult>;

/** Runs what `start` starts to its end, or to half a second after its time-out or its abortion; never throws for what the child did. */
export async function runStarted(start: Start, options: RunOptions): Promise<RunResult> {
  const startedAt = performance.now();
  let timedOut = false;
  let aborted = false;
  const child = tryStart(start, options);
  if (typeof child === 'string') return notStarted(child);
  const ended = endOf(child);
  const forget = noted(child, options.registry);
  // One that is given up keeps its note: a successor of this process has to know of it.
  void ended.then(() => forget?.());
  let giveUp = (_: Ended): void => undefined;
  const givenUp = new Promise<Ended>((resolve) => {
    giveUp = resolve;
  });

  let endLimit: NodeJS.Timeout | undefined;
  const stop = (): void => {
    killGroup(child.pid);
    // The group is dead; a process that left the group may still hold the pipes, and must not hold us.
    setTimeout(() => {
      child.stdout?.destroy();
      child.stderr?.destroy();
    }, PIPE_GRACE_MS).unref();
    // Not unref'd: for somebody who waits for nothing else this is what ends it.
    endLimit ??= setTimeout(() => {
      child.unref();
      giveUp({
        code: undefined,
        signal: undefined,
        failure: `it does not end although it was killed: ${options.file}`,
      });
    }, END_GRACE_MS);
  };
  const timer = setTimeout(() => {
    timedOut = true;
    stop();
  }, options.timeoutMs);
  const onAbort = (): void => {
    aborted = true;
    stop();
  };
  if (options.signal?.aborted) onAbort();
  else options.signal?.addEventListener('abort', onAbort, { once: true });

  const [stdoutRead, stderrRead] = readAndFeed(child, options);
  try {
    const [result, stdout, stderr] = await Promise.all([Promise.race([ended, givenUp]), stdoutRead, stderrRead]);
    return {
      code: result.code,
      signal: result.signal,
      stdout: stdout.text,
      stderr: stderr.text === '' ? result.failure : stderr.text,
      timedOut,
      aborted,
      truncated: stdout.truncated || stderr.truncated,
      durationMs: performance.now() - startedAt,
    };
  } finally {
    clearTimeout(timer);
    clearTimeout(endLimit);
    options.signal?.removeEventListener('abort', onAbort);
  }
}

/** Gives the child its input, and reads its output and errors to their ends; one that says too much is killed. */
function readAndFeed(
  child: ChildProcess,
  { input, maxOutputBytes: limit = DEFAULT_MAX_OUTPUT }: RunOptions,
): [stdout: Promise<Collected>, stderr: Promise<Collected>] {
  const overflow = (): void => killGroup(child.pid);
  const stdoutRead = collect(child.stdout, limit, overflow);
  const stderrRead = collect(child.stderr, limit, overflow);
  // A child that ends without reading its input is no fault of ours.
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(input);
  return [stdoutRead, stderrRead];
}

interface Collected {
  readonly text: string;
  readonly truncated: boolean;
}

/** Reads a stream to its end; what is above the limit is dropped, and reported once. */
function collect(stream: Readable | null | undefined, limit: number, onOverflow: () => void): Promise<Collected> {
  // None when there were no descriptors left for it.
  if (stream === null || stream === undefined) return Promise.resolve({ text: '', truncated: false });
  const chunks: Buffer[] = [];
  let left = limit;
  let truncated = false;
  stream.on('data', (chunk: Buffer) => {
    chunks.push(chunk.subarray(0, left));
    left = Math.max(0, left - chunk.length);
    if (left > 0 || truncated) return;
    truncated = true;
    onOverflow();
  });
  return new Promise((resolve) => {
    // `close` comes after the end, after an error, and after a destroy; the exit code says the rest.
    stream.on('error', () => undefined);
    stream.once('close', () => resolve({ text: Buffer.concat(chunks).toString('utf8'), truncated }));
  });
}

/** Kills a whole process group; a group that is already gone is fine. */
export function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
