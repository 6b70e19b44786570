/** Where the trace of a change begins: when it is seen, with a span below for each try to tell the pod's run of it. */
import type { SignalledPod } from '../adapters/temporal/pod-starter.ts';
import { currentTrace, type Tracing } from '../adapters/tracing/tracing.ts';
import { PodwireError } from '../domain/failures.ts';
import type { TraceParent } from '../domain/text/trace-parent.ts';
import type { SignalCause } from './pod-signals.ts';

export class ChangeTraces {
  readonly #tracing: Tracing;
  /** Of changes whose first signal failed: the next one is of the same trace. */
  readonly #begun = new WeakMap<SignalCause, TraceParent>();

  constructor(tracing: Tracing) {
    this.#tracing = tracing;
  }

  /** @param send tells the run; what it asks Temporal for has the trace */
  sending(pod: SignalledPod, signal: string, why: SignalCause, send: () => Promise<void>): Promise<void> {
    if (!this.#tracing.isOn) return send();
    const about = { 'podwire.pod': `${pod.namespace}/${pod.name}`, 'podwire.podUid': pod.uid };
    const tell = (parent?: TraceParent): Promise<void> =>
      this.#tracing.span(`signal ${signal}`, { kind: 'producer', attributes: about, parent, codeOf }, send);
    const begun = this.#begun.get(why);
    if (begun !== undefined) return tell(begun);
    const attributes = { ...about, 'podwire.reason': why.reason };
    return this.#tracing.span('change', { attributes, agoMs: performance.now() - why.since, codeOf }, () => {
      const here = currentTrace();
      if (here !== undefined) this.#begun.set(why, here);
      return tell();
    });
  }
}

const codeOf = (error: unknown): string => (error instanceof PodwireError ? error.code : 'Unexpected');
