/** What a failed plugin says (CNI SPEC 1.1, section 5, Error) in podwire's terms. */
import { z } from 'zod';
import { PodwireError, type FailureCode } from '../../domain/failures.ts';
import type { RunResult } from '../process/child.ts';
import { missingThere } from './missing-there.ts';
import { printable, printableTail } from './printable.ts';

export type CniCommand = 'ADD' | 'DEL' | 'CHECK' | 'GC' | 'STATUS' | 'VERSION';

/** Specified codes; 100 and above belong to the plugin, and 999 is what the reference plugins use for everything else. */
export const INCOMPATIBLE_VERSION = 1;
export const UNKNOWN_CONTAINER = 3;
const INVALID_NETNS = 8;
/** STATUS: ADD cannot be served now. */
export const NOT_AVAILABLE = 50;
/** And what is attached may have limited connectivity. */
export const NOT_AVAILABLE_AND_LIMITED = 51;

const FAILURE_OF_CODE: Readonly<Record<number, FailureCode>> = {
  [INCOMPATIBLE_VERSION]: 'CniConfigInvalid',
  /** Unsupported field. */
  2: 'CniConfigInvalid',
  /** Invalid environment, for example CNI_ARGS that the plugin does not know. */
  4: 'CniConfigInvalid',
  /** I/O failure. */
  5: 'CniTryAgain',
  /** The configuration cannot be decoded. */
  6: 'CniConfigInvalid',
  7: 'CniConfigInvalid',
  11: 'CniTryAgain',
  [NOT_AVAILABLE]: 'CniTryAgain',
  [NOT_AVAILABLE_AND_LIMITED]: 'CniTryAgain',
};

/** Of DEL the former means that nothing is left to do, and of CHECK that something is wrong. */
const SANDBOX_UNKNOWN = [UNKNOWN_CONTAINER, INVALID_NETNS];

const LIMIT = { msg: 300, details: 200, stderr: 200 };

const errorSchema = z.object({
  code: z.number().int().nonnegative(),
  msg: z.string().default(''),
  details: z.string().default(''),
});

/** A failure that a plugin itself reported, with its code. */
export class CniPluginError extends PodwireError {
  readonly pluginCode: number | undefined;
  /** The plugin's own words. */
  readonly said: string;

  constructor(code: FailureCode, message: string, pluginCode?: number, said = '') {
    super(code, message);
    this.name = 'CniPluginError';
    this.pluginCode = pluginCode;
    this.said = said;
  }
}

/** The failure of a plugin that was executed and did not end with 0. */
export function pluginFailure(type: string, command: CniCommand, result: RunResult): CniPluginError {
  const what = `CNI plugin ${type}, ${command}`;
  const after = `${Math.round(result.durationMs)} ms`;
  if (result.aborted) {
    return new CniPluginError('CommandTimedOut', `${what} was interrupted after ${after}; its outcome is unknown`);
  }
  if (result.timedOut) {
    return new CniPluginError(
      'CommandTimedOut',
      `${what} did not end within ${after} and was killed; its outcome is unknown${saidOnStderr(result)}`,
    );
  }
  if (result.truncated) {
    return new CniPluginError('CniResultTooBig', `${what} printed too much and was killed${saidOnStderr(result)}`);
  }
  if (result.signal !== undefined) {
    return new CniPluginError('CniFailed', `${what} was ended by ${result.signal}${saidOnStderr(result)}`);
  }
  const said = readError(result.stdout);
  if (said === undefined) {
    const stdout = result.stdout.trim();
    const why =
      stdout === '' ? 'without a word of why' : `and printed no CNI error but: ${printable(stdout, LIMIT.msg)}`;
    return new CniPluginError(
      'CniFailed',
      `${what} ended with ${result.code ?? 'no code'} ${why}${saidOnStderr(result)}`,
    );
  }
  const details = said.details === '' ? '' : ` (${printable(said.details, LIMIT.details)})`;
  return new CniPluginError(
    command === 'ADD' && SANDBOX_UNKNOWN.includes(said.code)
      ? 'CniSandboxUnknown'
      : (FAILURE_OF_CODE[said.code] ?? 'CniFailed'),
    `${what} failed with code ${said.code}: ${printable(said.msg, LIMIT.msg)}${details}${missingThere(said.msg)}`,
    said.code,
    said.msg,
  );
}

function readError(stdout: string): z.output<typeof errorSchema> | undefined {
  try {
    return errorSchema.parse(JSON.parse(stdout));
  } catch {
    return undefined;
  }
}

const saidOnStderr = ({ stderr }: RunResult): string =>
  stderr.trim() === '' ? '' : `; on stderr: ${printableTail(stderr, LIMIT.stderr)}`;
