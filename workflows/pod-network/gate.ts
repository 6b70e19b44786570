/** Lets a pod start that waits in kube-vxlan-controller's agent init container, once its networks are there. */
import { nodeStep, type RoundContext } from '../steps/run-context.ts';
import { Refused } from '../steps/outcome.ts';

const OPEN_GATE = 'open-gate';

export class GateKeeper {
  readonly #context: RoundContext;
  #opened = false;
  /** The step that opens the gate is tried for as long as it takes; a second activity with its id would stop the run for ever. */
  #opening: Promise<void> | undefined;

  constructor(context: RoundContext) {
    this.#context = context;
  }

  /** There is a gate that nobody has begun to open, and a network that cannot be made (yet) does not keep the gate shut. */
  get opensWithout(): boolean {
    return this.#context.observation.gate?.onRefusal === 'open' && !this.#opened && this.#opening === undefined;
  }

  /**
   * A call that comes while the gate is being opened waits for the same step.
   * @param refused some network is refused
   * @throws Interrupted, Stale
   */
  async open(refused: boolean): Promise<void> {
    const { gate } = this.#context.observation;
    if (gate === undefined || this.#opened || (refused && gate.onRefusal === 'shut')) return;
    this.#opening ??= this.#step(gate.containerId).finally(() => {
      this.#opening = undefined;
    });
    await this.#opening;
  }

  async #step(containerId: string): Promise<void> {
    const { progress, pod, observation } = this.#context;
    const { uid, namespace, name } = pod;
    const { node, runtimeUid } = observation;
    try {
      await nodeStep(this.#context, {
        node,
        activityId: OPEN_GATE,
        summary: `let ${namespace}/${name} start`,
        invoke: (proxy, options) =>
          proxy.openGate.executeWithOptions(options, [
            { node, podUid: uid, ...(runtimeUid && { runtimeUid }), namespace, name, containerId },
          ]),
        onCondition: async (stepCondition) => progress.podStep(OPEN_GATE, stepCondition),
      });
      this.#opened = true;
      progress.podStep(OPEN_GATE, undefined);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      progress.podStep(OPEN_GATE, { state: 'Refused', failure: error.failure });
    }
  }
}
