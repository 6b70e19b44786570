/** What an act gets, and what it promises: it does something, looks at the kernel, and throws when that is not as it should be. */
import type { Lab } from '../lab/lab.ts';

export interface ActContext {
  readonly lab: Lab;
  /** Namespace of the example's pods; it exists. */
  readonly namespace: string;
  /** Something that is done: a command a person could type, or a sentence. */
  readonly did: (line: string) => void;
  /** Something that was seen, in the kernel unless it says otherwise. */
  readonly saw: (line: string) => void;
}

/** One act; what it returns are the facts it saw. */
export interface Act<T = unknown> {
  readonly title: string;
  readonly run: (context: ActContext) => Promise<T>;
}

/** @throws Error with the message when the condition does not hold */
export function check(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(message);
}

/** Seconds with enough digits to tell fast things apart. */
export const secondsText = (ms: number): string =>
  ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`;
