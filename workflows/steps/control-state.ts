/** What a run shows while a step on the control side fails. */
import type { ProvisioningState } from '../../domain/messages.ts';
import type { StepFailure } from '../../domain/records.ts';

export function controlState({ code }: StepFailure): ProvisioningState {
  if (code === 'ApiUnavailable') return 'ApiUnavailable';
  return ['EtcdUnavailable', 'StoreRebuilding', 'TimedOut'].includes(code) ? 'EtcdUnavailable' : 'Stuck';
}
