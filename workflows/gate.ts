/** Lets a pod start that waits in kube-vxlan-controller's agent init container, once its networks are there. */
import type { Observation } from '../domain/observation.ts';
import { nodeStep, type RunContext } from './context.ts';
import { Refused } from './outcome.ts';

export class GateKeeper {
  readonly #context: RunContext;
  readonly #observation: Observation;
  #opened = false;

  constructor(context: RunContext, observation: Observation) {
    this.#context = context;
    this.#observation = observation;
  }

  /** There is a gate, and it does not stay shut because of a network that cannot be made (yet). */
  get opensWithout(): boolean {
    return this.#observation.gate?.onRefusal === 'open' && !this.#opened;
  }

  /** @param refused some network is refused
   *  @throws Interrupted, Stale */
  async open(refused: boolean): Promise<void> {
    const { gate, node } = this.#observation;
    if (gate === undefined || this.#opened || (refused && gate.onRefusal === 'shut')) return;
    this.#opened = true;
    const { uid, namespace, name } = this.#context.pod;
    const { containerId } = gate;
    try {
      await nodeStep(this.#context, {
        node,
        activityId: 'open-gate',
        summary: `let ${namespace}/${name} start`,
        invoke: (proxy, options) =>
          proxy.openGate.executeWithOptions(options, [{ node, podUid: uid, namespace, name, containerId }]),
        onTrouble: async ({ state, failure }) => {
          this.#opened = false;
          this.#context.progress.control(state, `open-gate: ${failure.code}: ${failure.message}`);
        },
      });
      this.#context.progress.control(undefined, '');
    } catch (error) {
      this.#opened = false;
      if (error instanceof Refused) {
        this.#context.progress.control('Refused', `open-gate: ${error.failure.code}: ${error.failure.message}`);
        return;
      }
      throw error;
    }
  }
}
