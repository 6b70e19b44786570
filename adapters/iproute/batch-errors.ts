/** What `ip -batch` and `bridge -batch` say when a line fails (iproute2 6.1: the message, then `Command failed -:N`). */
import { commandFailure } from '../links/command-failures.ts';
import { PodwireError } from '../../domain/failures.ts';
import type { LinkCommand } from '../../domain/ports/link-kernel.ts';
import type { RunResult } from '../process/child.ts';

export interface FailedLine {
  /** 1-based line of the batch. */
  readonly line: number;
  readonly message: string;
}

/** All failed lines in order. Empty although the exit code is not 0 = nobody knows what was done (ADR 34). */
export function failedLines(stderr: string): FailedLine[] {
  const failed: FailedLine[] = [];
  let message: string[] = [];
  for (const text of stderr.split('\n')) {
    const match = /^Command failed -:(\d+)$/.exec(text.trim());
    if (match === null) {
      if (text.trim() !== '') message.push(text.trim());
      continue;
    }
    failed.push({ line: Number(match[1]), message: message.join(' ') });
    message = [];
  }
  return failed;
}

/** At a parent that is not there ip ends the batch without saying which line it was. */
export function missingParent(commands: readonly LinkCommand[], { stderr }: RunResult): PodwireError | undefined {
  const [, name] = /Cannot find device "([^"]*)"/.exec(stderr) ?? [];
  const command = commands.find((each) => each.op === 'add-vxlan' && each.parent === name);
  return command === undefined ? undefined : commandFailure(command, stderr.trim());
}

/** For a child that ended without saying which line failed. */
export function unknownOutcome(what: string, result: RunResult): PodwireError {
  if (result.aborted) return new PodwireError('CommandTimedOut', `${what} was interrupted; its outcome is unknown`);
  if (result.timedOut) {
    return new PodwireError(
      'CommandTimedOut',
      `${what} did not end within ${Math.round(result.durationMs)} ms; its outcome is unknown`,
    );
  }
  const said = result.stderr.trim().slice(0, 200);
  return new PodwireError('CommandFailed', `${what} ended with ${result.code ?? result.signal ?? 'nothing'}: ${said}`);
}

/** A link that is not there: `Cannot find device` (bridge, ip route), `Device "x" does not exist.` (ip address). */
export const ABSENT_LINK = /Cannot find device|Device "[^"]*" does not exist/i;
