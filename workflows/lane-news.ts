/** What a lane tells of itself: to people, to the records that the pod's status is made from, and to lanes.ts, which runs the lanes. */
import type { PublishInput } from '../activities/control/inputs.ts';
import type { Awaited } from '../domain/awaited.ts';
import { networkKey, type NetworkRef } from '../domain/network-selection.ts';
import type { StepFailure } from '../domain/records.ts';
import { controlStep, type RoundContext, type Trouble } from './context.ts';
import { recordFailure } from './record-failure.ts';

type Attached = PublishInput['attached'][number];
type Detached = PublishInput['detached'][number];
type Left = NonNullable<PublishInput['left']>[number];

export class LaneNews {
  readonly detached: Detached[] = [];
  readonly left: Left[] = [];
  attached: Attached | undefined;
  /** The first try is over, one way or another: the next lane may start. */
  yielded = false;
  /** A person has been told that the lane is stuck: the pod's start need not wait for the lane. */
  stuck = false;
  /** The node of the current step was seen not to answer. */
  nodeIsAway = false;
  readonly #context: RoundContext;
  readonly #interfaceName: string;
  readonly #onTrouble: () => void;

  /** @param onTrouble called when the pod's status should be published before all lanes end */
  constructor(context: RoundContext, interfaceName: string, onTrouble: () => void) {
    this.#context = context;
    this.#interfaceName = interfaceName;
    this.#onTrouble = onTrouble;
  }

  show(step: string, note: string, state: Trouble['state'] | 'Refused' | 'Detaching', network: NetworkRef): void {
    const interfaceName = this.#interfaceName;
    this.#context.progress.lane({ interfaceName, network: networkKey(network), step, note, state });
  }

  /** A step goes on in the background. The pod's owner is told as well. */
  async trouble(step: string, network: NetworkRef, generation: number, { state, failure }: Trouble): Promise<void> {
    this.show(step, `${failure.code}: ${failure.message}`, state, network);
    await recordFailure(this.#context, this.#interfaceName, generation, failure);
    this.yielded = true;
    this.nodeIsAway = state === 'NodeUnavailable';
    this.stuck = state === 'Stuck';
    this.#onTrouble();
  }

  /**
   * The step waits for its turn in the sandbox. The next lane does not start before: it wants the same sandbox. What was told of an earlier
   * try stays until the try that waits has been made.
   */
  waits(step: string, network: NetworkRef, failure: StepFailure): void {
    this.nodeIsAway = false;
    this.show(step, `waits for its turn: ${failure.message}`, undefined, network);
  }

  /** The same wish will fail again. */
  async refuse(network: NetworkRef, failure: StepFailure, awaited: Awaited = {}): Promise<'refused'> {
    await this.#recordRefusal(network, failure, awaited);
    this.show('refused', failure.message, 'Refused', network);
    return 'refused';
  }

  /** The interface is somebody else's. Nobody is told, because nobody asked for its name. The record keeps podwire from choosing the name again. */
  async passOverName(network: NetworkRef, failure: StepFailure): Promise<'renamed'> {
    await this.#recordRefusal(network, failure, {});
    this.show('renamed', `${this.#interfaceName} is somebody else's`, undefined, network);
    return 'renamed';
  }

  async #recordRefusal(network: NetworkRef, failure: StepFailure, awaited: Awaited): Promise<void> {
    const { pod, observation } = this.#context;
    const { inputsHash } = observation;
    const interfaceName = this.#interfaceName;
    await controlStep(this.#context, (control) =>
      control.recordRefusal.executeWithOptions({ summary: `refuse ${interfaceName}: ${failure.code}` }, [
        { ...pod, inputsHash, interfaceName, network, failure, ...awaited },
      ]),
    );
  }
}
