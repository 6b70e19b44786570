/** Whether the container runtime answers, as seen by whatever asks it anyway: the node worker looks at its sandboxes every 2 s. */
import type { SandboxRuntime } from '../../domain/ports/sandbox-runtime.ts';

export interface ObservedRuntime extends SandboxRuntime {
  /** Why the runtime does not serve; empty: it answered, and has not failed for long since. */
  problems(): readonly string[];
}

/** A restart of the runtime that is over by then, or one slow answer, is nobody's business. */
const PATIENCE_MS = 3_000;

/** @param now milliseconds of a clock that only goes forward */
export function observeRuntime(runtime: SandboxRuntime, now: () => number = () => performance.now()): ObservedRuntime {
  let answered = false;
  let failing: { readonly since: number; why: string } | undefined;
  const observed = async <T>(asking: Promise<T>): Promise<T> => {
    try {
      const answer = await asking;
      answered = true;
      failing = undefined;
      return answer;
    } catch (error) {
      failing ??= { since: now(), why: '' };
      failing.why = error instanceof Error ? error.message : String(error);
      throw error;
    }
  };
  return {
    listReady: (podUid) => observed(runtime.listReady(podUid)),
    describe: (sandboxId) => observed(runtime.describe(sandboxId)),
    problems: () => {
      if (failing !== undefined && (!answered || now() - failing.since >= PATIENCE_MS)) return [failing.why];
      return answered ? [] : ['the container runtime has not answered yet'];
    },
  };
}
