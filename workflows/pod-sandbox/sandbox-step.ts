/** A node's steps for a sandbox's run: tried until they are done, or the node is surely gone. */
import {
  condition,
  proxyActivities,
  sleep,
  type ActivityInterfaceFor,
  type ActivityOptions,
} from '@temporalio/workflow';
import type {
  EndSandboxInput,
  RecordSandboxInput,
  RecordSandboxResult,
  SandboxActivities,
} from '../../activities/primary/sandbox-contract.ts';
import { nodeQueue } from '../../domain/messages.ts';
import * as options from '../steps/activity-options.ts';
import { needsFreshHistory } from '../steps/fresh-history.ts';
import { classify, type Classified } from '../steps/outcome.ts';
import { control } from '../steps/run-context.ts';
import { shortSummary } from '../steps/short-summary.ts';
import type { SandboxProgress } from './sandbox-progress.ts';

/** The history is long: the run goes on as a new one. */
export class GoesOnLater extends Error {}
/** Two looks some minutes apart have found no Node object, and its worker does not answer. */
export class NodeGone extends Error {}

type NodeProxy = ActivityInterfaceFor<SandboxActivities>;

export class SandboxStep {
  readonly #node: string;
  readonly #progress: SandboxProgress;

  constructor(node: string, progress: SandboxProgress) {
    this.#node = node;
    this.#progress = progress;
  }

  /** undefined: it cannot be done, and the report says why. @throws GoesOnLater, NodeGone, a cancellation; as `end` does */
  record(input: RecordSandboxInput): Promise<RecordSandboxResult | undefined> {
    return this.#do('record', options.SANDBOX_STEP, (node, how) => node.recordSandbox.executeWithOptions(how, [input]));
  }

  async end(input: EndSandboxInput): Promise<void> {
    await this.#do('end', options.SANDBOX_STEP, (node, how) => node.endSandbox.executeWithOptions(how, [input]));
  }

  /**
   * One look is enough when the runtime tells of the sandbox, some seconds after its ADD. Between the looks nothing of the node is taken: it has
   * other pods to connect. @throws a cancellation
   */
  async verify(sandboxId: string): Promise<void> {
    const how = { ...this.#how(options.SANDBOX_VERIFY), summary: shortSummary(`verify at ${this.#node}`) };
    try {
      const node = proxyActivities<SandboxActivities>(how);
      for (const seconds of options.SANDBOX_VERIFY_PAUSES) {
        await sleep(`${seconds}s`);
        const { isListed, missing } = await node.verifySandbox({ sandboxId });
        if (isListed) return this.#progress.missing(missing);
      }
      this.#progress.gaveUp('verification: the container runtime does not tell of the sandbox');
    } catch (error) {
      const outcome = classify(error);
      if (outcome.kind === 'cancelled') throw error;
      if (outcome.kind !== 'stale') this.#progress.gaveUp(`verification: ${reasonOf(outcome)}`);
    }
  }

  #how(how: ActivityOptions): ActivityOptions {
    return { ...how, taskQueue: nodeQueue(this.#node) };
  }

  async #do<T>(
    what: string,
    how: ActivityOptions,
    invoke: (node: NodeProxy, how: ActivityOptions) => Promise<T>,
  ): Promise<T | undefined> {
    const full = this.#how(how);
    const node = proxyActivities<SandboxActivities>(full);
    let absent = 0;
    for (;;) {
      try {
        const result = await invoke(node, { ...full, summary: shortSummary(`${what} at ${this.#node}`) });
        this.#progress.works(what);
        return result;
      } catch (error) {
        const outcome = classify(error);
        if (outcome.kind === 'cancelled') throw error;
        const why = `${what}: ${reasonOf(outcome)}`;
        if (outcome.kind === 'terminal') {
          this.#progress.gaveUp(why);
          return undefined;
        }
        this.#progress.fails(what, why, outcome.kind === 'node-away' ? 'NodeUnavailable' : 'Stuck');
        if (needsFreshHistory()) throw new GoesOnLater();
        const look = outcome.kind === 'node-away' ? await this.#lookForNode() : undefined;
        absent = look?.exists === false ? absent + 1 : 0;
        if (absent >= 2) throw new NodeGone();
        await condition(() => false, `${look?.lookAgainAfterSeconds ?? options.SANDBOX_PAUSE_SECONDS}s`);
      }
    }
  }

  /** undefined: the API cannot be asked. @throws a cancellation */
  async #lookForNode(): Promise<{ exists: boolean; lookAgainAfterSeconds: number } | undefined> {
    const summary = shortSummary(`does node ${this.#node} still exist?`);
    try {
      return await control.readNode.executeWithOptions({ summary }, [{ node: this.#node }]);
    } catch (error) {
      if (classify(error).kind === 'cancelled') throw error;
      return undefined;
    }
  }
}

function reasonOf(outcome: Classified): string {
  if (outcome.kind === 'node-away') return "the node's worker does not answer";
  return 'failure' in outcome ? `${outcome.failure.code}: ${outcome.failure.message}` : 'cancelled';
}
