/** The Kubernetes API, with each call timed. */
import { timedCall, type CallObserver } from '../timing/timed-call.ts';
import type { KubeClient } from './client.ts';

/** The same client; `observe` hears of every call but watches: its method, and the class of the answer's status (`2xx`, `4xx`). */
export function timedKube(kube: KubeClient, observe: CallObserver): KubeClient {
  return {
    ...kube,
    call: (request) =>
      timedCall(
        observe,
        request.method,
        () => kube.call(request),
        ({ status }) => `${Math.floor(status / 100)}xx`,
      ),
  };
}
