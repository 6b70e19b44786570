/** How the reflector's parts are at this moment, asked of the parts themselves. */
import type { PartState } from '../../domain/reflect/agent-status.ts';
import type { RecordKind } from '../../domain/reflect/kinds.ts';
import type { ReflectionLedger } from '../../domain/reflect/statistics.ts';
import { watchReasons, type TemporalReach } from '../../watcher/readiness.ts';
import type { Reflection } from '../../watcher/reflect/reflect-watch.ts';
import { partStates, type Observed } from './ksr-parts.ts';
import { STALL_MS } from './ksr-watches.ts';

export interface KsrStateParts {
  readonly reach: TemporalReach;
  readonly watches: Reflection;
  readonly ledger: ReflectionLedger<RecordKind>;
}

export class KsrState {
  readonly #parts: KsrStateParts;
  /** Written by whoever runs it. */
  worker: Observed['worker'] = { state: 'starting', problem: 'Temporal has not answered yet' };

  constructor(parts: KsrStateParts) {
    this.#parts = parts;
  }

  parts(): PartState[] {
    const { reach, watches, ledger } = this.#parts;
    return partStates({
      worker: this.worker,
      etcd: watches.etcdProblem,
      temporal: reach.reasons()[0],
      watches: (source) => watches.watchStates(source),
      stalled: (source) =>
        watches
          .watchStates(source)
          .filter(({ synced }) => synced)
          .flatMap((state) => watchReasons(source, state, STALL_MS))[0],
      writes: (source) => ledger.state(source),
    });
  }
}
