/** Whether a look is worth a run. Pure. */
import type { Finding } from './finding.ts';

/**
 * Whether something is to be done about what a look found, or there is something to report that the last run did not see.
 * @param reported ids of what was only to be reported when a run was started last
 */
export const needsSweep = (findings: readonly Pick<Finding, 'id' | 'action'>[], reported: readonly string[]): boolean =>
  findings.some(({ id, action }) => action !== 'report' || !reported.includes(id));
