/** Runs one program of the suite with its lines shown as they come; it and all its children end with the suite. */
import { streamLines } from '../../adapters/process/stream.ts';
import { SEARCH_PATH } from '../../deploy/lab/commands.ts';
import { ROOT } from './groups.ts';

export interface ProgramResult {
  readonly ok: boolean;
  readonly lines: readonly string[];
  /** Why it is not ok, in a few words. */
  readonly why: string | undefined;
}

export interface ProgramOptions {
  /** Absent: the Node that runs this. */
  readonly node?: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly limitMs: number;
  readonly signal: AbortSignal;
  readonly print: (line: string) => void;
}

const inherited = (name: string): Record<string, string> => {
  const value = process.env[name];
  return value === undefined ? {} : { [name]: value };
};

/** Runs node with these arguments in the repository's folder. */
export async function runNode(o: ProgramOptions): Promise<ProgramResult> {
  const { node = process.execPath } = o;
  const lines: string[] = [];
  const child = await streamLines({
    // streamLines starts children in `/`, test files and compilers expect the repository.
    file: '/usr/bin/env',
    args: ['-C', ROOT, node, ...o.args],
    env: {
      PATH: `${node.replace(/\/[^/]*$/, '')}:${SEARCH_PATH}`,
      HOME: process.env['HOME'] ?? '/',
      ...inherited('TMPDIR'),
      // Where c8 has test processes write what they covered.
      ...inherited('NODE_V8_COVERAGE'),
      ...o.env,
    },
    onLine: (line) => {
      lines.push(line);
      o.print(line);
    },
  });
  let why: string | undefined;
  const stop = (reason: string): void => {
    why ??= reason;
    void child.stop();
  };
  const timer = setTimeout(() => stop(`no end after ${o.limitMs / 60_000} min`), o.limitMs);
  const onAbort = (): void => stop('interrupted');
  if (o.signal.aborted) onAbort();
  else o.signal.addEventListener('abort', onAbort, { once: true });
  try {
    const { code, stderr } = await child.ended;
    if (stderr.trim() !== '') for (const line of stderr.trimEnd().split('\n')) o.print(line);
    if (code !== 0) why ??= `exit ${code ?? 'by signal'}`;
    return { ok: why === undefined, lines, why };
  } finally {
    clearTimeout(timer);
    o.signal.removeEventListener('abort', onAbort);
  }
}
