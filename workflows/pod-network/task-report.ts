/** What a task tells of itself: to people, to the records that the pod's status is made from, and to task-runs.ts, which runs the tasks. */
import type { PublishInput } from '../../activities/control/control-contract.ts';
import type { BlockedOn } from '../../domain/plan/blocked-on.ts';
import { networkKey, type NetworkRef } from '../../domain/network-selection.ts';
import type { StepFailure } from '../../domain/records.ts';
import { controlStep, type RoundContext, type StepCondition } from '../steps/run-context.ts';
import { recordFailure } from './record-failure.ts';

type Attached = PublishInput['attached'][number];
type Detached = PublishInput['detached'][number];
type Left = NonNullable<PublishInput['left']>[number];

export class TaskReport {
  readonly detached: Detached[] = [];
  readonly left: Left[] = [];
  attached: Attached | undefined;
  /** The first try is over, by its end or by the first condition that it reported: the next task may start. */
  yielded = false;
  /** A person has been told that the task is stuck: the pod's start need not wait for the task. */
  stuck = false;
  /** The node of the current step was seen not to answer. */
  nodeIsAway = false;
  readonly #context: RoundContext;
  readonly #interfaceName: string;
  readonly #onCondition: () => void;

  /** @param onCondition called when the pod's status should be published before all tasks end */
  constructor(context: RoundContext, interfaceName: string, onCondition: () => void) {
    this.#context = context;
    this.#interfaceName = interfaceName;
    this.#onCondition = onCondition;
  }

  show(step: string, note: string, state: StepCondition['state'] | 'Refused' | 'Detaching', network: NetworkRef): void {
    const interfaceName = this.#interfaceName;
    this.#context.progress.task({ interfaceName, network: networkKey(network), step, note, state });
  }

  /** A step goes on in the background. The pod's owner is told as well. */
  async stepCondition(
    step: string,
    network: NetworkRef,
    generation: number,
    { state, failure }: StepCondition,
  ): Promise<void> {
    this.show(step, `${failure.code}: ${failure.message}`, state, network);
    await recordFailure(this.#context, this.#interfaceName, generation, failure);
    this.yielded = true;
    this.nodeIsAway = state === 'NodeUnavailable';
    this.stuck = state === 'Stuck';
    this.#onCondition();
  }

  /**
   * The step waits for its turn in the sandbox. The next task does not start before: it wants the same sandbox. What was told of an earlier
   * try stays until the try that waits has been made.
   */
  waits(step: string, network: NetworkRef, failure: StepFailure): void {
    this.nodeIsAway = false;
    this.show(step, `waits for its turn: ${failure.message}`, undefined, network);
  }

  /** The same desired network will fail again. */
  async refuse(network: NetworkRef, failure: StepFailure, blockedOn: BlockedOn = {}): Promise<'refused'> {
    await this.#recordRefusal(network, failure, blockedOn);
    this.show('refused', failure.message, 'Refused', network);
    return 'refused';
  }

  /** The interface is somebody else's. Nobody is told, because nobody asked for its name. The record keeps podwire from choosing the name again. */
  async passOverName(network: NetworkRef, failure: StepFailure): Promise<'renamed'> {
    await this.#recordRefusal(network, failure, {});
    this.show('renamed', `${this.#interfaceName} is somebody else's`, undefined, network);
    return 'renamed';
  }

  async #recordRefusal(network: NetworkRef, failure: StepFailure, blockedOn: BlockedOn): Promise<void> {
    const { pod, observation } = this.#context;
    const { inputsHash } = observation;
    const interfaceName = this.#interfaceName;
    await controlStep(this.#context, (control) =>
      control.recordRefusal.executeWithOptions({ summary: `refuse ${interfaceName}: ${failure.code}` }, [
        { ...pod, inputsHash, interfaceName, network, failure, ...blockedOn },
      ]),
    );
  }
}
