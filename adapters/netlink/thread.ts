/** The owner's side of the netlink thread: starts it, asks it, and waits for it no longer than it may. */
import { AsyncResource } from 'node:async_hooks';
import { Worker } from 'node:worker_threads';
import { PodwireError } from '../../domain/failures.ts';
import type { NetnsDescriptor } from './enter-netns.ts';
import type { OperationName, Operations, ThreadAnswer, ThreadNotice, ThreadRequest } from './thread-messages.ts';

interface Call<Name extends OperationName> {
  readonly operation: Name;
  readonly args: Parameters<Operations[Name]>;
  readonly netns?: NetnsDescriptor;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

export interface NetlinkThread {
  /**
   * Calls are carried out one after the other, in their order.
   * @throws PodwireError CommandTimedOut: interrupted or out of time, nobody knows what was done; CommandFailed; what the operation says
   */
  call<Name extends OperationName>(call: Call<Name>): Promise<ReturnType<Operations[Name]>>;
  /** Who is told what happens in namespaces that are followed; one at most. */
  listen(listener: ThreadListener): void;
  close(): Promise<void>;
}

interface ThreadListener {
  changed(notice: ThreadNotice): void;
  /** The thread is gone, and nothing is followed any more. */
  ended(): void;
}

interface Waiting {
  readonly what: OperationName;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** The thread holds a few messages at a time; a heap of Node's usual size would double the worker's memory. */
const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 96, maxYoungGenerationSizeMb: 4 };

/** Nothing is started before the first call; a thread that ended is started again by the next one. */
export function createNetlinkThread(): NetlinkThread {
  const waiting = new Map<number, Waiting>();
  let lastId = 0;
  let running: Worker | undefined;
  let listener: ThreadListener | undefined;

  const over = (worker: Worker, why: string): void => {
    if (running !== worker) return;
    running = undefined;
    listener?.ended();
    for (const [id, { what, reject }] of waiting) {
      waiting.delete(id);
      reject(new PodwireError('CommandTimedOut', `${what}: the netlink thread ended (${why}); its outcome is unknown`));
    }
  };

  const start = (): Worker => {
    const worker = startWorker();
    worker.on('message', (said: ThreadAnswer | ThreadNotice) => {
      if ('changes' in said) return listener?.changed(said);
      settle(waiting, said);
      if (waiting.size === 0) worker.unref();
    });
    worker.once('error', (error) => over(worker, error.message));
    worker.once('exit', (code) => over(worker, `code ${code}`));
    return worker;
  };

  return {
    async call({ operation, args, netns, timeoutMs, signal }) {
      running ??= start();
      const worker = running;
      const id = (lastId += 1);
      const givenUp = new Int32Array(new SharedArrayBuffer(4));
      const request: ThreadRequest = { id, operation, args, givenUp, ...(netns === undefined ? {} : { netns }) };
      const answered = new Promise<unknown>((resolve, reject) => waiting.set(id, { what: operation, resolve, reject }));
      // What is under way keeps this process alive, an idle thread does not.
      worker.ref();
      worker.postMessage(request);
      const giveUp = (why: string): void => {
        Atomics.store(givenUp, 0, 1);
        waiting.get(id)?.reject(new PodwireError('CommandTimedOut', `${operation} ${why}; its outcome is unknown`));
      };
      const deadline = setTimeout(() => giveUp(`did not end within ${timeoutMs} ms`), timeoutMs);
      const abort = (): void => giveUp('was interrupted');
      const forget = signal === undefined ? undefined : onAbort(signal, abort);
      try {
        // The thread answers with what the operation returns.
        return (await answered) as ReturnType<Operations[typeof operation]>;
      } finally {
        clearTimeout(deadline);
        forget?.();
      }
    },
    listen(given) {
      // The thread is started by whichever step comes first; what it tells unasked does not belong to the trace of that step (ADR 67).
      listener = {
        changed: AsyncResource.bind((notice: ThreadNotice) => given.changed(notice)),
        ended: AsyncResource.bind(() => given.ended()),
      };
    },
    async close() {
      await running?.terminate();
    },
  };
}

function settle(waiting: Map<number, Waiting>, answer: ThreadAnswer): void {
  const call = waiting.get(answer.id);
  waiting.delete(answer.id);
  if ('failure' in answer) call?.reject(new PodwireError(answer.failure.code, answer.failure.message));
  else call?.resolve(answer.value);
}

const listeners = new WeakMap<AbortSignal, Set<() => void>>();

/** One listener for all calls with a signal, of which there may be hundreds. @returns what makes `listener` forgotten */
function onAbort(signal: AbortSignal, listener: () => void): () => void {
  if (signal.aborted) listener();
  let all = listeners.get(signal);
  if (all === undefined) {
    const told = (all = new Set());
    signal.addEventListener('abort', () => told.forEach((each) => each()), { once: true });
    listeners.set(signal, all);
  }
  all.add(listener);
  return () => all.delete(listener);
}

function startWorker(): Worker {
  const isSource = import.meta.url.endsWith('.ts');
  const script = new URL(isSource ? 'thread-main.ts' : 'thread-main.js', import.meta.url);
  const options = { env: {}, execArgv: [], resourceLimits: RESOURCE_LIMITS };
  const worker = isSource ? new Worker(fromSource(script), { ...options, eval: true }) : new Worker(script, options);
  worker.unref();
  return worker;
}

/** Flags of Node that load TypeScript are not heeded in a worker thread. */
const fromSource = (script: URL): string => `
  import(${JSON.stringify(import.meta.resolve('tsx/esm/api'))}).then(({ register }) => {
    register();
    return import(${JSON.stringify(script.href)});
  });`;
