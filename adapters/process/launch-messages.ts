/** What a launcher and its process say to each other. */
import type { RunOptions, RunResult } from './child.ts';

/** A file that is open in the process that asks; the inode tells whether it is still the same. */
export interface FileThere {
  readonly pid: number;
  readonly fd: number;
  readonly inode: string;
}

export type PlainOptions = Omit<RunOptions, 'fds' | 'signal' | 'registry'>;

export type LaunchOrder =
  | {
      readonly id: number;
      readonly options: PlainOptions;
      readonly files: readonly FileThere[];
    }
  | { readonly abort: number };

export interface LaunchAnswer {
  readonly id: number;
  readonly result: RunResult;
}
