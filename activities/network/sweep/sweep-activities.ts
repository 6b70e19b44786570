/** The steps of a node's sweeps, and the activities made of them. One at a time: two sweeps at once would act on each other's half. */
import { PodwireError } from '../../../domain/failures.ts';
import type { OnlySandbox } from '../../../domain/sweep/messages.ts';
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
import { lookAtSandbox, type SandboxLook } from './sandbox-look.ts';
import { withHeartbeat, type Step } from '../with-heartbeat.ts';

const WAIT_MS = 20_000;

/** The two steps of a sweep, for whoever takes them. */
export interface SweepSteps {
  readonly look: Step<SweepLookInput, SweepLookResult>;
  readonly act: Step<SweepActInput, SweepActResult>;
  /** A look at one sandbox, for the node itself. */
  readonly lookAt: Step<OnlySandbox, SandboxLook>;
}

export function createSweepSteps(deps: SweepDeps): SweepSteps {
  const mutex = new KeyedMutex();
  const busy = (): Error => new PodwireError('SandboxBusy', 'another sweep of this node takes long');
  const alone =
    <Input extends Pick<SweepActInput, 'node' | 'only'>, Output>(
      step: (deps: SweepDeps, input: Input, signal: AbortSignal) => Promise<Output>,
    ): Step<Input, Output> =>
    (input, signal) => {
      if (input.node !== deps.node) throw new PodwireError('Fenced', `this is node ${deps.node}, not ${input.node}`);
      // Of one sandbox only drift is looked for, which its pod's run takes on once: nobody waits for a sweep of the whole node.
      return mutex.run(input.only?.sandboxId ?? '', WAIT_MS, busy, () => step(deps, input, signal));
    };
  return {
    look: alone(sweepLook),
    act: alone(sweepAct),
    lookAt: (only, signal) => lookAtSandbox(deps, only, signal),
  };
}

export const sweepActivities = ({ look, act }: Pick<SweepSteps, 'look' | 'act'>): SweepNodeActivities => ({
  sweepLook: withHeartbeat(look),
  sweepAct: withHeartbeat(act),
});
