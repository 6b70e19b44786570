/** The orchestrator's activities, with everything they need injected. */
import { createRecordActivities, type RecordDeps } from './attachment-records.ts';
import type { ControlSteps } from './control-contract.ts';
import { createMeshActivities } from './mesh-steps.ts';
import { createObservePod } from './observe-pod.ts';
import { createStatusActivities } from './pod-status.ts';
import { RecentlyObserved } from './recently-observed.ts';

export type ControlDeps = Omit<RecordDeps, 'recent'>;

export function createControlActivities(injected: ControlDeps): ControlSteps {
  const deps = { ...injected, recent: new RecentlyObserved() };
  return {
    observePod: createObservePod(deps),
    ...createRecordActivities(deps),
    ...createMeshActivities(deps),
    ...createStatusActivities(deps),
  };
}
