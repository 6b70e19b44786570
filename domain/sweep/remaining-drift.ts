/** Drift that podwire gave up repairing: kept as a failure of an attachment that is attached all the same. */
import type { AttachmentRecord, FailureRecord } from '../records.ts';

export const DRIFT_REMAINS = 'DriftRemains';

type Drifting = Pick<AttachmentRecord, 'interfaceName' | 'phase' | 'generation'>;

/** Whether this is said of the attachment as it is now: one that has been made anew since has another generation. */
export const remainsOf = (
  { interfaceName, phase, generation }: Drifting,
  failure: Pick<FailureRecord, 'code' | 'interfaceName' | 'generation'>,
): boolean =>
  failure.code === DRIFT_REMAINS &&
  failure.interfaceName === interfaceName &&
  phase === 'attached' &&
  failure.generation === generation;
