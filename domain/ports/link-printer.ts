/** What iproute2 says about links of a network namespace, in its own words: for people, never to be parsed by podwire. */
import type { OpenNetns } from './link-kernel.ts';
import type { LookQuestion } from './pod-look.ts';

export interface LinkPrinter {
  /**
   * One answer for each question, in their order; undefined: there is no link of that name.
   * Fails with InvalidLink (no name of a link), CommandFailed, CommandTimedOut.
   */
  print(netns: OpenNetns, questions: readonly LookQuestion[]): Promise<readonly (string | undefined)[]>;
}
