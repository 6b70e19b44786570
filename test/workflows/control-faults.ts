/** Lets the orchestrator's activities fail or hang for one pod, as they do when etcd or the API is away, and counts their calls. */
import { Context } from '@temporalio/activity';
import type { ControlSteps, CombinedSteps } from '../../activities/control/control-contract.ts';
import type { NetworkObjectSteps } from '../../activities/control/network-object-contract.ts';
import { toApplicationFailure } from '../../activities/failure-mapping.ts';
import { PodwireError, type FailureCode } from '../../domain/failures.ts';

export type ControlName = keyof ControlSteps | keyof NetworkObjectSteps;
/** `hang` until its time is up; `lost`: it is done, and nobody hears of it; an Error is thrown as it is; undefined: nothing is wrong. */
export type Fault = 'hang' | 'lost' | FailureCode | Error | undefined;

export class ControlFaults {
  readonly calls: { readonly of: string; readonly name: ControlName }[] = [];
  /** Pod UIDs whose observations the workflow cannot digest. */
  readonly garbled = new Set<string>();
  readonly #faults = new Map<string, (name: ControlName) => Fault>();

  /** @param of pod UID, or a network's name */
  set(of: string, fault: ((name: ControlName) => Fault) | undefined): void {
    if (fault === undefined) this.#faults.delete(of);
    else this.#faults.set(of, fault);
  }

  count(of: string, name: ControlName): number {
    return this.calls.filter((call) => call.of === of && call.name === name).length;
  }

  /** The same, but for pods whose observations are garbled. */
  garbling(joined: CombinedSteps): CombinedSteps {
    const garbage = { observation: { known: 'garbage' } } as unknown as Awaited<
      ReturnType<CombinedSteps['observeAndBegin']>
    >;
    return {
      ...joined,
      observeAndBegin: (input) =>
        this.garbled.has(input.uid) ? Promise.resolve(garbage) : joined.observeAndBegin(input),
    };
  }

  /** As the orchestrator registers them: failures become ApplicationFailure. */
  around<Steps extends ControlSteps | NetworkObjectSteps>(activities: Steps): Steps {
    const wrapped = Object.entries(activities).map(([name, activity]) => [
      name,
      async (input: { uid?: string; name?: string; node?: string }): Promise<unknown> => {
        const of = input.uid ?? input.name ?? input.node ?? '';
        this.calls.push({ of, name: name as ControlName });
        try {
          const fault = this.#faults.get(of)?.(name as ControlName);
          if (fault !== undefined && fault !== 'lost') await hit(fault);
          const result = await (activity as (input: unknown) => Promise<unknown>)(input);
          if (fault === 'lost') throw new PodwireError('EtcdUnavailable', 'scripted: the answer is lost');
          return result;
        } catch (error) {
          throw toApplicationFailure(error);
        }
      },
    ]);
    return Object.fromEntries(wrapped) as Steps;
  }
}

async function hit(fault: Exclude<Fault, 'lost' | undefined>): Promise<void> {
  if (fault === 'hang') await Context.current().cancelled;
  else throw fault instanceof Error ? fault : new PodwireError(fault, `scripted ${fault}`);
}
