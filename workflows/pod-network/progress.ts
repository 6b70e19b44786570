/** What a person sees of a run: search attributes, current details in the UI, and the `view` query. No decision reads it. */
import { setCurrentDetails, upsertSearchAttributes, workflowInfo } from '@temporalio/workflow';
import { defineSearchAttributeKey, type SearchAttributeUpdatePair } from '@temporalio/common';
import {
  SEARCH_NAMESPACE,
  SEARCH_NETWORKS,
  SEARCH_NODE,
  SEARCH_STATE,
  shownNetworks,
  type PodNetworkInput,
  type ProvisioningState,
} from '../../domain/messages.ts';
import { networkKey } from '../../domain/network-selection.ts';
import { nodeOfTarget } from '../../domain/target.ts';
import type { StepFailure } from '../../domain/records.ts';
import type { Observation } from '../../domain/plan/observation.ts';

const stateKey = defineSearchAttributeKey(SEARCH_STATE, 'KEYWORD');
const nodeKey = defineSearchAttributeKey(SEARCH_NODE, 'KEYWORD');
const namespaceKey = defineSearchAttributeKey(SEARCH_NAMESPACE, 'KEYWORD');
const networksKey = defineSearchAttributeKey(SEARCH_NETWORKS, 'KEYWORD_LIST');

export interface TaskView {
  readonly interfaceName: string;
  readonly network: string;
  readonly step: string;
  readonly note: string;
  readonly state: ProvisioningState | undefined;
}

export interface PodNetworkView {
  readonly state: ProvisioningState;
  readonly node: string;
  readonly note: string;
  readonly lanes: readonly TaskView[];
}

/** What is in the way of the pod as a whole. */
interface Shown {
  readonly state: ProvisioningState | undefined;
  readonly note: string;
}

/** Why a node's step for the pod as a whole goes on failing, or is given up. */
interface PodStepCondition {
  readonly state: ProvisioningState | undefined;
  readonly failure: StepFailure;
}

const noteOf = (activityId: string, { code, message }: StepFailure): string => `${activityId}: ${code}: ${message}`;

const NOTHING: Shown = { state: undefined, note: '' };

/** The worst of several states is what the run as a whole shows, in this order. */
const BY_WEIGHT: readonly ProvisioningState[] = [
  'Stuck',
  'NodeUnavailable',
  'EtcdUnavailable',
  'ApiUnavailable',
  'Refused',
  'Detaching',
];

export class Progress {
  readonly #pod: PodNetworkInput;
  readonly #tasks = new Map<string, TaskView>();
  #networks: readonly string[] = [];
  #node = '';
  #control: Shown = NOTHING;
  /** By activity id. */
  readonly #podSteps = new Map<string, Shown>();
  #finished = false;

  constructor(pod: PodNetworkInput) {
    this.#pod = pod;
  }

  /** The inputs that the current round works on; undefined before the first observation. */
  inputsHash: string | undefined;

  /** A new round: the tasks of the last round are forgotten. */
  observed(observation: Observation): void {
    // A pod that is gone is shown on the node where its records are.
    this.#node = nodeOfTarget(observation.node || (observation.known[0]?.node ?? ''));
    this.inputsHash = observation.inputsHash;
    this.#tasks.clear();
    this.#podSteps.clear();
    const names = [...observation.wished, ...observation.known].map((attachment) => networkKey(attachment.network));
    this.#networks = [...new Set(names)].sort();
    this.#show();
  }

  task(view: TaskView): void {
    this.#tasks.set(view.interfaceName, view);
    this.#show();
  }

  /** @param state why a control activity fails; undefined: it succeeds again */
  control(state: ProvisioningState | undefined, note: string): void {
    if (this.#control.state === state && this.#control.note === note) return;
    this.#control = { state, note };
    this.#show();
    // The run is about to wait for what is in the way.
    if (state !== undefined) this.flush();
  }

  /** Of the present round. */
  get tasks(): readonly TaskView[] {
    return [...this.#tasks.values()];
  }

  /** A node's step for the pod as a whole is in trouble; undefined: not any more. The next round begins without trouble. */
  podStep(activityId: string, stepCondition: PodStepCondition | undefined): void {
    if (stepCondition === undefined) this.#podSteps.delete(activityId);
    else
      this.#podSteps.set(activityId, { state: stepCondition.state, note: noteOf(activityId, stepCondition.failure) });
    this.#show();
    if (stepCondition?.state !== undefined) this.flush();
  }

  /** Writes what changed since the last time; to be called before the run waits for something other than its own steps. */
  flush(): void {
    const changed = this.#attributes().filter(isNew);
    if (changed.length > 0) upsertSearchAttributes(changed);
  }

  /** The run's last word. */
  finish(state: 'Converged' | 'Refused', note: string): void {
    this.#control = { state, note };
    this.#finished = true;
    this.#show();
    this.flush();
  }

  view(): PodNetworkView {
    const notes = this.#ofPod().flatMap(({ note }) => (note === '' ? [] : [note]));
    return { state: this.#state(), node: this.#node, note: notes.join('; '), lanes: this.tasks };
  }

  #ofPod(): readonly Shown[] {
    return this.#finished ? [this.#control] : [this.#control, ...this.#podSteps.values()];
  }

  #state(): ProvisioningState {
    if (this.#finished && this.#control.state !== undefined) return this.#control.state;
    const states = [...this.#ofPod(), ...this.#tasks.values()].map(({ state }) => state);
    return BY_WEIGHT.find((state) => states.includes(state)) ?? this.#control.state ?? 'Converging';
  }

  /** All search attributes, as they should be. Before the first observation, those that the starter wrote stay. */
  #attributes(): SearchAttributeUpdatePair[] {
    const state = { key: stateKey, value: this.#state() };
    if (this.inputsHash === undefined) return [state];
    const shown = shownNetworks(this.#networks);
    return [
      state,
      { key: networksKey, value: shown.length === 0 ? null : [...shown] },
      { key: nodeKey, value: this.#node === '' ? null : this.#node },
      { key: namespaceKey, value: this.#pod.namespace },
    ];
  }

  #show(): void {
    setCurrentDetails(details(this.view(), this.#pod));
  }
}

/** Whether the value differs from the one that the run was started with or has written since. */
const isNew = ({ key, value }: SearchAttributeUpdatePair): boolean =>
  JSON.stringify(workflowInfo().typedSearchAttributes.get(key) ?? null) !== JSON.stringify(value);

/** What a person can do about a state, or why there is nothing to do. */
function advice(state: ProvisioningState, pod: PodNetworkInput): string | undefined {
  const retry = `\`podwire retry ${pod.namespace}/${pod.name}\`, or signal \`retryNow\``;
  switch (state) {
    case 'Stuck':
      return `Tried again every 30 to 45 s for as long as it takes. At once: ${retry}.`;
    case 'NodeUnavailable':
      return "Goes on by itself when podwire's worker on that node is back. See to the node.";
    case 'EtcdUnavailable':
      return "Goes on by itself when podwire's etcd answers again.";
    case 'ApiUnavailable':
      return 'Goes on by itself when the Kubernetes API answers again.';
    case 'Refused':
      return "Not tried again before the pod or its networks change. The pod's events say why.";
    default:
      return undefined;
  }
}

/** The UI shows some ten lines of this without scrolling: what is wrong and what to do come first. */
function details(view: PodNetworkView, pod: PodNetworkInput): string {
  const help = advice(view.state, pod);
  const tasks = [...view.lanes].sort((a, b) => weight(a) - weight(b));
  const rows = tasks.map(({ interfaceName, network, step, state, note }) =>
    row([state ?? '', interfaceName, network, step, addressesAsCode(note)]),
  );
  return [
    `**${view.state}**${view.node === '' ? '' : ` on node ${view.node}`}${view.note === '' ? '' : `: ${view.note}`}`,
    ...(help === undefined ? [] : ['', help]),
    ...(rows.length === 0
      ? []
      : ['', '| state | interface | network | step | note |', '|---|---|---|---|---|', ...rows]),
  ].join('\n');
}

/** Tasks with a condition first. */
function weight({ state }: TaskView): number {
  const place = BY_WEIGHT.findIndex((each) => each === state);
  return place < 0 ? BY_WEIGHT.length : place;
}

/** The UI's font draws `2/29` as a fraction. */
const addressesAsCode = (note: string): string => note.replace(/[0-9a-f.:]+\/\d{1,3}\b/g, '`$&`');

/** One line of a Markdown table, whatever a failure's message holds. */
const row = (cells: readonly string[]): string =>
  `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
