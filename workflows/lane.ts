/** One lane: everything to be done for one interface of the pod, in order. The undo of a step is pushed before the step. */
import { workflowInfo } from '@temporalio/workflow';
import type {
  Begun,
  ForgetInput,
  IntentResult,
  LastStep,
  RecordInput,
  ResultInput,
  Token,
} from '../activities/control/inputs.ts';
import { awaitedOf, type Awaited } from '../domain/awaited.ts';
import type { FailureCode } from '../domain/failures.ts';
import { MESSAGE_VERSION } from '../domain/messages.ts';
import { networkKey, type NetworkRef } from '../domain/network-selection.ts';
import type { KnownAttachment, Observation, WishedAttachment } from '../domain/observation.ts';
import type { Lane } from '../domain/plan.ts';
import type { StepFailure } from '../domain/records.ts';
import { control, controlStep, nodeStep, type RunContext, type Trouble } from './context.ts';
import { entombWhenNodeIsGone } from './node-gone.ts';
import { attachStep, detachStep } from './link-steps.ts';
import { Interrupted, Refused, Stale } from './outcome.ts';
import { hasFewSteps, includes, takesBackEdits } from './shape.ts';
import { takeBackEdit, type EditedLink, type TakenBack } from './take-back.ts';

const v = MESSAGE_VERSION;
const INTERFACE_CONFLICT: FailureCode = 'InterfaceConflict';

export interface Detached {
  readonly interfaceName: string;
  readonly network: NetworkRef;
  readonly generation: number;
  /** Of the record when its removal began: generations begin anew with a record. */
  readonly revision: string;
}

/** How a lane ended; whatever is not `done` or `refused` makes the run observe again. `renamed`: the wish gets another interface name. */
export type LaneEnd = 'done' | 'refused' | 'interrupted' | 'stale' | 'renamed';

export interface LaneRunOptions {
  /** Called when the pod's status should be published before all lanes end. */
  readonly onNews: () => void;
  /** The last step is left to whoever publishes the status afterwards. */
  readonly settlesAtEnd: boolean;
  /** The lane's first step, taken already. */
  readonly begun?: Begun;
}

export class LaneRun {
  readonly lane: Lane;
  readonly detached: Detached[] = [];
  attached: { interfaceName: string; network: NetworkRef } | undefined;
  /** What is still to be done when the lane has ended with `done`. */
  lastStep: LastStep | undefined;
  /** The first try is over, one way or another: the next lane may start. */
  yielded = false;
  ended = false;
  /** Has been told to a person: the pod's start need not wait for it. */
  stuck = false;
  #nodeIsAway = false;
  readonly #context: RunContext;
  readonly #observation: Observation;
  readonly #options: LaneRunOptions;
  #begun: Begun | undefined;
  /** By a refusal of the attach that is under way. */
  #awaited: Awaited = {};

  constructor(context: RunContext, observation: Observation, lane: Lane, options: LaneRunOptions) {
    this.#context = context;
    this.#observation = observation;
    this.lane = lane;
    this.#options = options;
    this.#begun = options.begun;
  }

  async run(): Promise<LaneEnd> {
    try {
      return await this.#run();
    } catch (error) {
      if (error instanceof Interrupted) return 'interrupted';
      if (error instanceof Stale) return 'stale';
      throw error;
    } finally {
      this.yielded = true;
      this.ended = true;
    }
  }

  async #run(): Promise<LaneEnd> {
    const { attach, remove, takeBack } = this.lane;
    for (const record of remove) {
      const isLast = attach === undefined && takeBack === undefined && record === remove.at(-1);
      const refusal = await this.#detach(record, record.completed ? 'wanted' : 'undo', isLast);
      if (refusal !== undefined) return this.#refuse(record.network, refusal);
    }
    if (takeBack !== undefined) return this.#finishTakingBack(takeBack);
    return attach === undefined ? 'done' : this.#attach(attach.wish, attach.sandboxId);
  }

  async #finishTakingBack(record: KnownAttachment): Promise<LaneEnd> {
    const outcome = await this.#takeBack(record);
    if (outcome === 'nothing') throw new Stale('the edit is not there any more');
    return outcome === 'refused' ? 'refused' : 'done';
  }

  async #takeBack({ node, sandboxId, interfaceName, network }: EditedLink): Promise<TakenBack> {
    this.#show('take-back', `${interfaceName} becomes again what it was`, undefined, network);
    const link = { node, sandboxId, interfaceName, network };
    const outcome = await takeBackEdit(this.#context, link, (step, generation, trouble) =>
      this.#trouble(step, network, generation, trouble),
    );
    if (outcome === undefined) throw new Stale('the record was written by somebody else');
    if (outcome === 'back') this.#show('attached', 'as it was', undefined, network);
    return outcome;
  }

  async #attach(wish: WishedAttachment, sandboxId: string): Promise<LaneEnd> {
    const undo: (() => Promise<StepFailure | undefined>)[] = [];
    try {
      await this.#attachSteps(wish, sandboxId, undo);
      return 'done';
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.#show('undo', error.failure.message, 'Refused', wish.network);
      const detachedBefore = this.detached.length;
      if (!(await this.#keepsLink(wish, sandboxId))) for (const step of undo.reverse()) await step();
      const end = await this.#refuse(wish.network, error.failure, { ...this.#awaited, ...error.awaited });
      // The interface of that name was never podwire's: there is nothing to tell.
      if (end === 'renamed' && this.#knownIn(sandboxId)?.completed !== true) this.detached.length = detachedBefore;
      return end;
    }
  }

  /** Whether the link that was to be changed stays: it was attached before, and is now as it was, as far as it can be. */
  async #keepsLink({ network, interfaceName }: WishedAttachment, sandboxId: string): Promise<boolean> {
    if (!this.#isEdit(sandboxId) || !takesBackEdits()) return false;
    const { node } = this.#observation;
    return (await this.#takeBack({ node, sandboxId, interfaceName, network })) !== 'nothing';
  }

  /** Whether an intent that could not be recorded leaves a link as it was attached. */
  #standsUntouched(sandboxId: string): boolean {
    return this.#isEdit(sandboxId) && this.#knownIn(sandboxId)?.phase === 'attached' && takesBackEdits();
  }

  /** Whether the attach is one over a VXLAN link that was read back once. */
  #isEdit(sandboxId: string): boolean {
    const { attach, remove } = this.lane;
    const known = this.#knownIn(sandboxId);
    if (known === undefined || remove.includes(known)) return false;
    return (attach?.wish.kind ?? 'vxlan') === 'vxlan' && known.completed;
  }

  #knownIn(sandboxId: string): KnownAttachment | undefined {
    const { interfaceName } = this.lane;
    return this.#observation.known.find(
      (record) => record.interfaceName === interfaceName && record.sandboxId === sandboxId,
    );
  }

  async #attachSteps(
    wish: WishedAttachment,
    sandboxId: string,
    undo: (() => Promise<StepFailure | undefined>)[],
  ): Promise<void> {
    const context = this.#context;
    const { node, inputsHash } = this.#observation;
    const { interfaceName, network } = wish;
    const { workflowId, runId } = workflowInfo();
    const known = this.#knownIn(sandboxId);

    // What was there before podwire stays there, whether this attach is the first one or not.
    undo.push(() => this.#detach({ kind: wish.kind ?? 'vxlan', node, sandboxId, interfaceName, network }, 'undo'));
    this.#show('record-intent', '', undefined, network);
    const intent =
      this.#begunIntent() ??
      (await controlStep(context, () =>
        control.recordIntent.executeWithOptions(
          { summary: `record intent: ${interfaceName} → ${networkKey(network)}` },
          [
            {
              ...context.pod,
              node,
              sandboxId,
              interfaceName,
              inputsHash,
              owner: { workflowId, runId },
              ...(wish.selection === undefined ? {} : { selection: wish.selection }),
            },
          ],
        ),
      ));
    if (intent.kind === 'stale') throw new Stale(intent.reason);
    // Nothing was written, and what there is stays.
    if (intent.kind === 'refused' && (this.lane.attach?.swaps === true || this.#standsUntouched(sandboxId)))
      undo.length = 0;
    if (intent.kind === 'refused') throw new Refused({ code: intent.code, message: intent.message }, awaitedOf(intent));

    this.#awaited = awaitedOf(intent);
    const { generation, modRevision } = intent;
    const kind = wish.kind ?? 'vxlan';
    const step = attachStep(kind, interfaceName, networkKey(network), node);
    this.#show(step.step, `making ${interfaceName}`, undefined, network);
    const result = await nodeStep(context, {
      ...step,
      node,
      invoke: step.invoke({ v, node, podUid: context.pod.uid, sandboxId, interfaceName, generation, modRevision }),
      onTrouble: (trouble) => this.#trouble(step.step, network, generation, trouble),
      onWait: (failure) => this.#wait(step.step, network, failure),
    });

    this.#show('record-result', '', undefined, network);
    const recorded = { ...context.pod, node, sandboxId, interfaceName, modRevision };
    const tellsMesh = hasFewSteps(context.pod);
    await this.#recordResult({ ...recorded, result, tellsMesh });
    // What a CNI network does between its members is its plugins' business.
    if (kind === 'vxlan' && !hasFewSteps(context.pod)) {
      await controlStep(context, () =>
        control.joinMesh.executeWithOptions({ summary: `join mesh ${networkKey(network)}` }, [{ v, ...network }]),
      );
    }
    // One that was only looked at again is no news to anybody.
    if (known?.unverified !== true) this.attached = { interfaceName, network };
    this.#show('attached', result.addresses.join(' '), undefined, network);
  }

  /** Not after trouble: the status that tells of it may still wait to be written, and this must not wait for it. */
  get #leavesLastStep(): boolean {
    return this.#options.settlesAtEnd && !this.yielded;
  }

  /** What was begun is what the first step asks for, and is asked for once: an undo begins anew. */
  #takeBegun(): Begun | undefined {
    const begun = this.#begun;
    this.#begun = undefined;
    return begun;
  }

  #begunIntent(): IntentResult | undefined {
    const begun = this.#takeBegun();
    return begun?.kind === 'intent' ? begun.result : undefined;
  }

  async #beginRemoval(input: RecordInput): Promise<Token | undefined> {
    const begun = this.#takeBegun();
    if (begun?.kind === 'removal') return begun.token;
    return controlStep(this.#context, () =>
      control.beginRemoval.executeWithOptions({ summary: `begin removal: ${input.interfaceName}` }, [input]),
    );
  }

  async #recordResult(input: ResultInput): Promise<void> {
    if (this.#leavesLastStep) {
      this.lastStep = { kind: 'result', input };
      return;
    }
    const recorded = await controlStep(this.#context, () =>
      control.recordResult.executeWithOptions({ summary: `record result: ${input.interfaceName}` }, [input]),
    );
    if (!recorded) throw new Stale('the record was written by somebody else');
  }

  /**
   * Takes an attachment out of its mesh, off the host, out of the records. Returns why the host refuses it, if it does.
   * @param why an `undo` gives an adopted link back
   * @param isLast nothing follows in this lane
   */
  async #detach(
    record: Pick<KnownAttachment, 'kind' | 'node' | 'sandboxId' | 'interfaceName' | 'network'>,
    why: 'wanted' | 'undo',
    isLast = false,
  ): Promise<StepFailure | undefined> {
    const context = this.#context;
    const { kind = 'vxlan', node, sandboxId, interfaceName, network } = record;
    const input: RecordInput = { ...context.pod, node, sandboxId, interfaceName, modRevision: '' };
    this.#show('begin-removal', '', 'Detaching', network);
    const token = await this.#beginRemoval(input);
    // Nothing recorded, nothing made: the intent comes first.
    if (token === undefined) return undefined;
    // A pod that has ended leaves its mesh at once, whatever its node does. Of a network that a living pod gives up the other nodes are
    // told when nobody waits for it any more, or when the removal takes long.
    let peersKnow = kind !== 'vxlan';
    const isLive = this.#observation.presence === 'live';
    const later = peersKnow || (isLive && includes(context.pod, 'peers-are-told-after-the-removal'));
    const tellPeers = async (): Promise<void> => {
      if (peersKnow) return;
      peersKnow = true;
      await controlStep(context, () =>
        control.leaveMesh.executeWithOptions({ summary: `leave mesh ${networkKey(network)}` }, [{ v, ...network }]),
      );
    };
    if (!later) await tellPeers();

    const step = detachStep(kind, interfaceName, networkKey(network), node);
    this.#show(step.step, `removing ${interfaceName}`, 'Detaching', network);
    const remove = (): Promise<unknown> =>
      nodeStep(context, {
        ...step,
        node,
        invoke: step.invoke({
          v,
          node,
          podUid: context.pod.uid,
          sandboxId,
          interfaceName,
          ...token,
          ...(kind === 'vxlan' ? { unadopt: why === 'undo' } : {}),
        }),
        onTrouble: async (trouble) => {
          await tellPeers();
          await this.#trouble(step.step, network, token.generation, trouble);
        },
        onWait: (failure) => this.#wait(step.step, network, failure),
      });
    try {
      const circumstances = {
        podIsLive: isLive,
        nodeIsAway: (): boolean => this.#nodeIsAway,
      };
      const entombed = await entombWhenNodeIsGone(context, input, circumstances, remove);
      if (entombed) return undefined;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      await tellPeers();
      return error.failure;
    }

    const tellsMesh = !peersKnow && hasFewSteps(context.pod);
    if (!tellsMesh) await tellPeers();
    this.#show('forget', '', 'Detaching', network);
    await this.#forget({ ...input, modRevision: token.modRevision, tellsMesh }, isLast);
    this.detached.push({ interfaceName, network, generation: token.generation, revision: token.modRevision });
    this.#show('detached', '', undefined, network);
    return undefined;
  }

  async #forget(input: ForgetInput, isLast: boolean): Promise<void> {
    if (isLast && this.#leavesLastStep) {
      this.lastStep = { kind: 'forget', input };
      return;
    }
    const forgotten = await controlStep(this.#context, () =>
      control.forgetAttachment.executeWithOptions({ summary: `forget ${input.interfaceName}` }, [input]),
    );
    if (!forgotten) throw new Stale('the record was written by somebody else');
  }

  async #refuse(network: NetworkRef, failure: StepFailure, awaited: Awaited = {}): Promise<LaneEnd> {
    const { pod } = this.#context;
    const { interfaceName } = this.lane;
    await controlStep(this.#context, () =>
      control.recordRefusal.executeWithOptions({ summary: `refuse ${interfaceName}: ${failure.code}` }, [
        {
          ...pod,
          inputsHash: this.#observation.inputsHash,
          interfaceName,
          network,
          failure,
          ...awaited,
        },
      ]),
    );
    // Nobody has to be told of a name that nobody asked for; what is recorded keeps it from being chosen again.
    if (this.lane.attach?.wish.mayBeRenamed === true && failure.code === INTERFACE_CONFLICT) {
      this.#show('renamed', `${interfaceName} is somebody else's`, undefined, network);
      return 'renamed';
    }
    this.#show('refused', failure.message, 'Refused', network);
    return 'refused';
  }

  async #trouble(step: string, network: NetworkRef, generation: number, { state, failure }: Trouble): Promise<void> {
    this.#show(step, `${failure.code}: ${failure.message}`, state, network);
    const { interfaceName } = this.lane;
    await controlStep(this.#context, () =>
      control.recordFailure.executeWithOptions({ summary: `${interfaceName}: ${failure.code}` }, [
        { ...this.#context.pod, interfaceName, generation, failure },
      ]),
    );
    this.yielded = true;
    this.#nodeIsAway = state === 'NodeUnavailable';
    this.stuck = state === 'Stuck';
    this.#options.onNews();
  }

  /** The next lane waits as well: it wants the same sandbox. What was told of an earlier try stays until this one has been made. */
  #wait(step: string, network: NetworkRef, failure: StepFailure): void {
    this.#nodeIsAway = false;
    this.#show(step, `waits for its turn: ${failure.message}`, undefined, network);
  }

  #show(step: string, note: string, state: Trouble['state'] | 'Refused' | 'Detaching', network: NetworkRef): void {
    const { interfaceName } = this.lane;
    this.#context.progress.lane({ interfaceName, network: networkKey(network), step, note, state });
  }
}
