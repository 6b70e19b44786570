/** The steps of a node's sweeps, and the activities made of them. One at a time: two sweeps at once would act on each other's half. */
import { PodwireError } from '../../../domain/failures.ts';
import { KeyedMutex } from '../../concurrency/keyed-mutex.ts';
import { sweepAct } from './sweep-act.ts';
import type {
  SweepActInput,
  SweepActResult,
  SweepLookInput,
  SweepLookResult,
  SweepNodeActivities,
} from './sweep-node-contract.ts';
import { sweepLook, type SweepDeps } from './sweep-look.ts';
import { withHeartbeat, type Step } from '../with-heartbeat.ts';

const WAIT_MS = 20_000;

/** The two steps of a sweep, for whoever takes them. */
export interface SweepSteps {
  readonly look: Step<SweepLookInput, SweepLookResult>;
  readonly act: Step<SweepActInput, SweepActResult>;
}

export function createSweepSteps(deps: SweepDeps): SweepSteps {
  const mutex = new KeyedMutex();
  const busy = (): Error => new PodwireError('SandboxBusy', 'another sweep of this node takes long');
  const alone =
    <Input extends { readonly node: string }, Output>(
      step: (deps: SweepDeps, input: Input, signal: AbortSignal) => Promise<Output>,
    ): Step<Input, Output> =>
    (input, signal) => {
      if (input.node !== deps.node) throw new PodwireError('Fenced', `this is node ${deps.node}, not ${input.node}`);
      return mutex.run('', WAIT_MS, busy, () => step(deps, input, signal));
    };
  return { look: alone(sweepLook), act: alone(sweepAct) };
}

export const sweepActivities = ({ look, act }: SweepSteps): SweepNodeActivities => ({
  sweepLook: withHeartbeat(look),
  sweepAct: withHeartbeat(act),
});
