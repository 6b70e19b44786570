/** Lets a pod start that waits in kube-vxlan-controller's agent init container, once its networks are there. */
import type { Observation } from '../domain/observation.ts';
import { nodeStep, type RunContext } from './context.ts';
import { Refused } from './outcome.ts';

const OPEN_GATE = 'open-gate';

export class GateKeeper {
  readonly #context: RunContext;
  readonly #observation: Observation;
  #opened = false;
  /** A step that fails is tried for as long as it takes, and two of one activity id would stop the run for ever. */
  #opening: Promise<void> | undefined;

  constructor(context: RunContext, observation: Observation) {
    this.#context = context;
    this.#observation = observation;
  }

  /** There is a gate that nobody opens yet, and it does not stay shut because of a network that cannot be made (yet). */
  get opensWithout(): boolean {
    return this.#observation.gate?.onRefusal === 'open' && !this.#opened && this.#opening === undefined;
  }

  /**
   * Who comes while it is being opened waits for the same step.
   * @param refused some network is refused
   * @throws Interrupted, Stale
   */
  async open(refused: boolean): Promise<void> {
    const { gate } = this.#observation;
    if (gate === undefined || this.#opened || (refused && gate.onRefusal === 'shut')) return;
    this.#opening ??= this.#step(gate.containerId).finally(() => {
      this.#opening = undefined;
    });
    await this.#opening;
  }

  async #step(containerId: string): Promise<void> {
    const { progress, pod } = this.#context;
    const { uid, namespace, name } = pod;
    const { node, runtimeUid } = this.#observation;
    try {
      await nodeStep(this.#context, {
        node,
        activityId: OPEN_GATE,
        summary: `let ${namespace}/${name} start`,
        invoke: (proxy, options) =>
          proxy.openGate.executeWithOptions(options, [
            { node, podUid: uid, ...(runtimeUid && { runtimeUid }), namespace, name, containerId },
          ]),
        onTrouble: async (trouble) => progress.podStep(OPEN_GATE, trouble),
      });
      this.#opened = true;
      progress.podStep(OPEN_GATE, undefined);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      progress.podStep(OPEN_GATE, { state: 'Refused', failure: error.failure });
    }
  }
}
