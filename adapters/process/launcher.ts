/**
 * Starts children from a process of its own that is small: to start a program Linux copies the page tables of who starts it. From a
 * process of 320 MiB that took 6 ms of CPU time more than from one of 120 MiB, and 8 ms more in the child (measured), several times
 * what the program itself needs.
 *
 * The launcher's process does what `run` does, time-outs, group kills and notes included; it ends with this process, and its
 * children with it, but for brief ones: those are ended by the next launcher or the next worker, if they still run then.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { fstatSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { LaunchAnswer, LaunchOrder, PlainOptions } from './launch-messages.ts';
import { ProcessRegistry } from './registry.ts';
import { killGroup, notStarted, tied, type Run, type RunOptions, type RunResult } from './child.ts';

export interface LauncherOptions {
  /** Where running children are noted (see ProcessRegistry); a directory of this worker alone. */
  readonly registryDir?: string;
}

export interface Launcher {
  /** As `run`; `registry` of the options is not used. A launcher that ends in between leaves an unknown outcome: no code. */
  readonly run: Run;
  close(): void;
}

/**
 * The launcher ends a child at its time-out, and gives up one that goes on all the same. A launcher that does not answer long after that
 * does not start anybody's children any more, and is ended itself.
 */
const GRACE_MS = 2_000;

interface Call {
  readonly child: ChildProcess;
  readonly resolve: (result: RunResult) => void;
}

/** Nothing is started before the first call; a launcher that ended is started again by the next one. */
export function createLauncher(options: LauncherOptions = {}): Launcher {
  const registry = options.registryDir === undefined ? undefined : new ProcessRegistry(options.registryDir);
  const calls = new Map<number, Call>();
  let lastId = 0;
  let running: ChildProcess | undefined;

  const startProcess = (): ChildProcess => {
    // A launcher that was killed leaves children that were not tied to it.
    registry?.endSurvivors();
    const child = spawnLauncher(options);
    const over = (why: string): void => {
      if (running === child) running = undefined;
      for (const [id, call] of calls) {
        if (call.child !== child) continue;
        calls.delete(id);
        call.resolve(notStarted(`the launcher of child processes ended: ${why}`));
      }
    };
    child.once('error', (error) => over(error.message));
    child.once('exit', (code, signal) => over(String(signal ?? code)));
    child.on('message', (message) => {
      const { id, result } = message as LaunchAnswer;
      calls.get(id)?.resolve(result);
      calls.delete(id);
    });
    // What is under way keeps this process alive, an idle launcher does not.
    child.unref();
    child.channel?.unref();
    return child;
  };

  return {
    run: async (given) => {
      try {
        running ??= startProcess();
        return await launch(calls, (lastId += 1), running, given);
      } catch (error) {
        return notStarted(error instanceof Error ? error.message : String(error));
      }
    },
    close: () => {
      killGroup(running?.pid);
      registry?.endSurvivors();
    },
  };
}

/** Orders `given` of the launcher's process. @param calls all that are under way; this one is among them until it is answered */
function launch(calls: Map<number, Call>, id: number, child: ChildProcess, given: RunOptions): Promise<RunResult> {
  const { signal, fds = [] } = given;
  const order: LaunchOrder = {
    id,
    options: plainOptions(given),
    files: fds.map((fd) => ({ pid: process.pid, fd, inode: inodeOf(fd) })),
  };
  const abort = (): void => void child.send({ abort: id } satisfies LaunchOrder, () => undefined);
  const deadline = setTimeout(() => killGroup(child.pid), given.timeoutMs + GRACE_MS);
  return new Promise<RunResult>((resolve) => {
    calls.set(id, { child, resolve });
    child.send(order, (error) => {
      if (error === null) return;
      calls.delete(id);
      resolve(notStarted(`the launcher of child processes cannot be reached: ${error.message}`));
    });
    if (signal?.aborted === true) abort();
    else signal?.addEventListener('abort', abort, { once: true });
  }).finally(() => {
    clearTimeout(deadline);
    signal?.removeEventListener('abort', abort);
  });
}

function spawnLauncher({ registryDir }: LauncherOptions): ChildProcess {
  const source = import.meta.url.endsWith('.ts');
  const script = fileURLToPath(new URL(source ? 'launcher-main.ts' : 'launcher-main.js', import.meta.url));
  const flags = source ? ['--import', import.meta.resolve('tsx')] : ['--max-semi-space-size=1'];
  const args = [...flags, script, ...(registryDir === undefined ? [] : [registryDir])];
  return spawn(...tied({ file: process.execPath, args }), {
    env: {},
    cwd: '/',
    // Signals to this process's group are for this process, which may still need children to end in good order.
    detached: true,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
}

/** What can be told to another process. */
function plainOptions({ file, args, input, env, timeoutMs, maxOutputBytes, brief }: RunOptions): PlainOptions {
  return {
    ...{ file, args, timeoutMs },
    ...(input === undefined ? {} : { input }),
    ...(env === undefined ? {} : { env }),
    ...(maxOutputBytes === undefined ? {} : { maxOutputBytes }),
    ...(brief === undefined ? {} : { brief }),
  };
}

const inodeOf = (fd: number): string => String(fstatSync(fd, { bigint: true }).ino);
