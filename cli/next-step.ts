/** What a person can do about somebody who does not answer. */
import type { FailureCode } from '../domain/failures.ts';

/** Of failures that a setting or a look at another system can cure. */
const NEXT_STEPS: Partial<Readonly<Record<FailureCode, string>>> = {
  TemporalUnavailable:
    'is --temporal-address (TEMPORAL_ADDRESS) right? In a cluster: kubectl -n podwire-system exec deploy/podwire-orchestrator -- podwire …; what podwire itself lacks: podwire doctor',
  EtcdUnavailable:
    'are --etcd-endpoints (PODWIRE_ETCD_ENDPOINTS) right? In a cluster: kubectl -n podwire-system exec deploy/podwire-orchestrator -- podwire …; what podwire itself lacks: podwire doctor',
  ApiUnavailable:
    'are --kubeconfig (KUBECONFIG) and --context right, and may you do that? kubectl auth can-i --list says what you may',
  RecordInvalid: 'a newer podwire may have written it: use the podwire of the cluster, see podwire version there',
};

/** A line to say behind the failure's own; empty: its message says all there is. */
export function nextStepText(code: FailureCode): string {
  const step = NEXT_STEPS[code];
  return step === undefined ? '' : `\n  next: ${step}`;
}
