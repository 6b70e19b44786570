/**
 * The command line in a thread that loads it once: a thread has standard streams, an environment and an exit code of its own, and a
 * process for each call takes a second of CPU time. `test/unit/cli/version.test.ts` and `kubeconfig.test.ts` start real processes.
 */
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { runCommandLine } from '../../../cli/program.ts';

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

interface Call {
  readonly args: readonly string[];
  readonly input: string;
}

export interface CommandThread {
  /** Runs `podwire …`, after the calls before it. */
  readonly podwire: (args: readonly string[], input?: string) => Promise<Ended>;
  readonly end: () => Promise<unknown>;
}

const LIMIT_MS = 30_000;

/** A thread starts without the loader of TypeScript that its process has. */
const START = `import(${JSON.stringify(import.meta.resolve('tsx/esm/api'))}).then(({ register }) => {
  register();
  return import(${JSON.stringify(import.meta.url)});
});`;

/** To be ended when the tests have ended. */
export function startCommandThread(): CommandThread {
  const worker = new Worker(START, { eval: true, env: { NO_COLOR: '1' } });
  const one = async (call: Call): Promise<Ended> => {
    const answered = once(worker, 'message', { signal: AbortSignal.timeout(LIMIT_MS) });
    worker.postMessage(call);
    const [ended] = (await answered) as [Ended];
    return ended;
  };
  let last: Promise<unknown> = Promise.resolve();
  return {
    podwire: (args, input = '') => {
      // After a call that has no answer none has.
      const call = last.then(() => one({ args, input }));
      last = call;
      return call;
    },
    end: () => worker.terminate(),
  };
}

/** Collects what is written to a stream of this thread's. */
function collected(stream: NodeJS.WriteStream): () => string {
  let text = '';
  stream.write = (chunk: string | Uint8Array): boolean => {
    text += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8');
    return true;
  };
  return () => text;
}

async function answer({ args, input }: Call): Promise<Ended> {
  const [stdout, stderr] = [collected(process.stdout), collected(process.stderr)];
  Object.defineProperty(process, 'stdin', { configurable: true, value: Readable.from([Buffer.from(input)]) });
  process.exitCode = 0;
  await runCommandLine(args);
  return { code: Number(process.exitCode), stdout: stdout(), stderr: stderr() };
}

if (!isMainThread)
  parentPort?.on('message', (call: Call) => void answer(call).then((ended) => parentPort?.postMessage(ended)));
