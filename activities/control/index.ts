/** The orchestrator's activities, with everything they need injected. */
import { createRecordActivities, type RecordDeps } from './attachment-records.ts';
import type { ControlActivities } from './inputs.ts';
import { createMeshActivities } from './mesh.ts';
import { createObservePod } from './observe-pod.ts';
import { createStatusActivities } from './pod-status.ts';

export type ControlDeps = RecordDeps;

export function createControlActivities(deps: ControlDeps): ControlActivities {
  return {
    observePod: createObservePod(deps),
    ...createRecordActivities(deps),
    ...createMeshActivities(deps),
    ...createStatusActivities(deps),
  };
}
