/** The acts in their order; each builds on the pods of those before it. */
import type { Act } from '../act.ts';
import { badAnnotation } from './bad-annotation.ts';
import { firstAction } from './first-action.ts';
import { forcedDelete } from './forced-delete.ts';
import { killedWorker } from './killed-worker.ts';
import { runningPod } from './running-pod.ts';
import { threePods } from './three-pods.ts';
import { whoRunsWhere } from './who-runs-where.ts';

export const ACTS: readonly Act[] = [
  ...[whoRunsWhere, threePods, runningPod, killedWorker, forcedDelete, badAnnotation],
  firstAction,
];
