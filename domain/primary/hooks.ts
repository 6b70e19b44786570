/** Hooks of the primary network: activities of other teams, called when a pod has its network and before it is taken away (ADR 56). */
import type { PrimarySandbox } from './sandbox.ts';

/** Queue and activity with a slash between them. */
const HOOK = /^(?<queue>[A-Za-z0-9][\w.-]{0,199})\/(?<activity>[A-Za-z_][\w.-]{0,199})$/;

export interface Hook {
  readonly queue: string;
  readonly activity: string;
}

/** undefined: it is none. */
export function parseHook(text: string): Hook | undefined {
  const { queue, activity } = HOOK.exec(text)?.groups ?? {};
  return queue === undefined || activity === undefined ? undefined : { queue, activity };
}

/** What a hook is given, as its one argument. A hook may be called more than once for one sandbox. Public. */
export interface HookInput extends PrimarySandbox {
  readonly hook: 'post-add' | 'pre-removal';
  readonly node: string;
}
