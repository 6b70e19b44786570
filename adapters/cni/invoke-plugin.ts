/** One execution of one plugin: the process side of the protocol (CNI SPEC 1.1, section 2). */
import { setTimeout as sleep } from 'node:timers/promises';
import { PodwireError } from '../../domain/failures.ts';
import type { Run, RunResult } from '../process/child.ts';
import { run } from '../process/run.ts';
import type { ProcessRegistry } from '../process/registry.ts';
import { PLUGIN_PATH } from './missing-there.ts';
import type { PluginBinary } from './plugin-binary.ts';
import { pluginFailure, type CniCommand } from './plugin-error.ts';
import { printable } from './printable.ts';

export interface InvocationLimits {
  readonly timeoutMs: number;
  readonly registry?: ProcessRegistry;
  /** What starts the plugin; `run` when absent. */
  readonly run?: Run;
}

export interface Invocation {
  readonly command: CniCommand;
  /** CNI_* variables but CNI_COMMAND. */
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: string;
  readonly signal?: AbortSignal;
}

/** Of stdout and of stderr; a plugin that prints more is killed. */
const MAX_OUTPUT_BYTES = 1024 * 1024;
/** A plugin that is just being installed cannot be executed for a moment. */
const BUSY_PAUSES_MS = [20, 50, 100, 200, 400, 800];

/**
 * Executes a plugin and gives what it printed.
 * @throws PodwireError see CniPlugins; CniPluginError when the plugin itself reported the failure
 */
export async function invokePlugin(
  binary: PluginBinary,
  invocation: Invocation,
  limits: InvocationLimits,
): Promise<string> {
  for (const pause of [...BUSY_PAUSES_MS, undefined]) {
    const result = await (limits.run ?? run)({
      file: binary.path,
      args: [],
      input: invocation.stdin,
      env: { ...invocation.env, CNI_COMMAND: invocation.command, PATH: PLUGIN_PATH },
      timeoutMs: limits.timeoutMs,
      maxOutputBytes: MAX_OUTPUT_BYTES,
      ...(invocation.signal === undefined ? {} : { signal: invocation.signal }),
      ...(limits.registry === undefined ? {} : { registry: limits.registry }),
    });
    const refused = whyNotExecuted(binary, result);
    if (refused === undefined) return outputOf(binary, invocation.command, result);
    if (!/text file busy/i.test(refused)) {
      throw new PodwireError('CniPluginMissing', `CNI plugin ${binary.path} cannot be executed: ${refused}`);
    }
    if (pause !== undefined) await sleep(pause, undefined, { signal: invocation.signal }).catch(() => undefined);
  }
  // Nothing was executed, so there is nothing to take back.
  throw new PodwireError('CniTryAgain', `CNI plugin ${binary.path} is being written to by somebody; try again`);
}

/** setpriv(1) says with 126 or 127, and a line of its own, that it could not execute the program. */
function whyNotExecuted(binary: PluginBinary, { code, stderr }: RunResult): string | undefined {
  if (code !== 126 && code !== 127) return undefined;
  const start = `setpriv: failed to execute ${binary.path}: `;
  return stderr.startsWith(start) ? printable(stderr.slice(start.length), 100) : undefined;
}

function outputOf(binary: PluginBinary, command: CniCommand, result: RunResult): string {
  if (result.code === 0 && !result.timedOut && !result.aborted && !result.truncated) return result.stdout;
  throw pluginFailure(binary.type, command, result);
}
