/**
 * One iproute2 batch in each of many network namespaces, by one call: xargs(1) starts `nsenter … bridge -batch` for each, eight at
 * once. Starting them from here one by one cost four times the CPU time of the programs themselves (measured: 9 ms against 2).
 *
 * All of it runs in a process namespace of its own: when xargs ends, is killed, or this worker dies, the kernel kills every process
 * in it.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RunOptions, RunResult } from '../process/child.ts';

const XARGS = '/usr/bin/xargs';
const UNSHARE = '/usr/bin/unshare';
const NSENTER = '/usr/bin/nsenter';
/** Programs at once. */
const AT_ONCE = 8;
/** Descriptors of one call; more namespaces are done by several calls. */
export const NETNS_PER_CALL = 128;

interface NetnsBatch {
  /** Open descriptor of the namespace. */
  readonly fd: number;
  readonly lines: readonly string[];
}

export interface ManyNetns {
  /**
   * Runs `argv FILE` in each namespace, where FILE has its lines. Exit code 0: every one of them ended with 0. Otherwise nobody
   * knows which did: lines that may be repeated are to be repeated one namespace at a time.
   * @param batches at most NETNS_PER_CALL
   */
  run(
    argv: readonly string[],
    batches: readonly NetnsBatch[],
    limits: Pick<RunOptions, 'timeoutMs' | 'signal'>,
  ): Promise<RunResult>;
}

/** @param scratchDir folder for batch files, in memory if possible, of this process alone; made, and emptied, at the first use */
export function createManyNetns(run: (options: RunOptions) => Promise<RunResult>, scratchDir: string): ManyNetns {
  let ready = false;
  let calls = 0;
  const emptied = (): void => {
    rmSync(scratchDir, { recursive: true, force: true });
    mkdirSync(scratchDir, { recursive: true, mode: 0o700 });
    process.once('exit', () => rmSync(scratchDir, { recursive: true, force: true }));
    ready = true;
  };
  return {
    async run(argv, batches, limits) {
      if (!ready) emptied();
      const call = (calls += 1);
      // The devices of a network mostly get the same lines: a file for each text, not for each namespace.
      const files = new Map<string, string>();
      const calledFor = batches.map(({ lines }, index) => {
        const content = text(lines);
        const file = files.get(content) ?? join(scratchDir, `${call}-${files.size}`);
        files.set(content, file);
        // The child sees its descriptors from number 3 on.
        return [`--net=/proc/self/fd/${index + 3}`, '--', ...argv, file];
      });
      try {
        // At once, not by way of threads: the folder is in memory, and there may be hundreds of these.
        for (const [content, file] of files) writeFileSync(file, content);
        const each = ['-d', '\\n', '-n', String(argv.length + 3), NSENTER];
        return await run({
          file: UNSHARE,
          args: ['--pid', '--fork', '--kill-child=KILL', '--', XARGS, '-P', String(AT_ONCE), ...each],
          env: { LC_ALL: 'C' },
          input: text(calledFor.flat()),
          fds: batches.map(({ fd }) => fd),
          ...limits,
        });
      } finally {
        for (const file of files.values()) rmSync(file, { force: true });
      }
    },
  };
}

const text = (lines: readonly string[]): string => `${lines.join('\n')}\n`;
