/** One pod of a workflow test: what is done to it, and what can be seen of its run. */
import {
  CancelledFailure,
  WorkflowFailedError,
  type Client,
  type WorkflowExecutionDescription,
  type WorkflowHandle,
} from '@temporalio/client';
import { signalPod } from '../../adapters/temporal/pod-starter.ts';
import {
  CONTROL_QUEUE,
  DESIRED_CHANGED,
  type ReconcileRequest,
  POD_DELETED,
  POD_NETWORK,
  type PodNetworkInput,
  podWorkflowId,
  SEARCH_STATE,
  VIEW_QUERY,
} from '../../domain/messages.ts';
import type { NodeStore } from '../../domain/ports/node-store.ts';
import type { RecordStore } from '../../domain/ports/record-store.ts';
import type { PodIdentity, PodView } from '../../domain/pod/pod-view.ts';
import type { AttachmentRecord } from '../../domain/records.ts';
import { definitionKey } from '../../domain/cni/network-definition.ts';
import { DEFAULT_DIALECT_SETTINGS, NPWG_NETWORKS_ANNOTATION } from '../../domain/settings.ts';
import type { PodNetworkView } from '../../workflows/pod-network/progress.ts';
import { untilAsked, within } from './limits.ts';
import type { FakeCluster } from './fake-cluster.ts';
import { sandboxOf, type Call, type ScriptedNodes } from './scripted-nodes.ts';

/** 50 ms. */
const HURRIED = { nanos: 50_000_000 };

export interface PodWorld {
  readonly client: Client;
  readonly cluster: FakeCluster;
  readonly records: RecordStore;
  readonly store: NodeStore;
  readonly nodes: ScriptedNodes;
}

export class TestPod {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  /** What whoever signals it knows of its wishes, now and before. */
  networks: readonly string[] | undefined;
  networksBefore: readonly string[] | undefined;
  readonly #world: PodWorld;

  constructor(world: PodWorld, id: string, namespace: string | undefined) {
    this.#world = world;
    this.uid = `uid-${id}`;
    this.namespace = namespace ?? `ns-${id}`;
    this.name = namespace === undefined ? 'web' : `web-${id}`;
  }

  get identity(): PodIdentity {
    const { uid, namespace, name } = this;
    return { uid, namespace, name };
  }

  get id(): string {
    return podWorkflowId(this);
  }

  get handle(): WorkflowHandle {
    return this.#world.client.workflow.getHandle(this.id);
  }

  /** Makes the pod, running, with a published sandbox. */
  async create(annotation: string, nodeName: string): Promise<void> {
    this.change({ nodeName, ...annotated(annotation) });
    await this.publishSandbox(`sandbox-${this.uid}`);
  }

  change(change: Partial<PodView>): void {
    const { uid, namespace, name } = this;
    const before = this.#world.cluster.pods.get(`${namespace}/${name}`) ?? {
      ...{ uid, namespace, name, nodeName: 'n1', hostNetwork: false, phaseClass: 'counts', deleting: false },
      ...{ podIPs: ['10.0.0.9'], labels: { [DEFAULT_DIALECT_SETTINGS.selector]: 'true' } },
      ...{ annotations: {}, publishedStatus: undefined, resourceVersion: '0' },
    };
    const resourceVersion = String(Number(before.resourceVersion) + 1);
    this.#world.cluster.pods.set(`${namespace}/${name}`, { ...before, ...change, resourceVersion });
  }

  async publishSandbox(sandboxId: string): Promise<void> {
    const { uid, namespace, name } = this;
    const node = this.#world.cluster.pods.get(`${namespace}/${name}`)?.nodeName ?? '';
    await this.#world.store.putSandbox(node, sandboxOf({ podUid: uid, namespace, name }, sandboxId));
  }

  /** Edits the annotation and says so. */
  async annotate(annotation: string): Promise<void> {
    this.change(annotated(annotation));
    await this.signal();
  }

  /** Makes a NetworkAttachmentDefinition in the pod's namespace. @param config empty: a file of the node has it */
  define(name: string, config = JSON.stringify({ cniVersion: '1.0.0', name, type: 'bridge' })): void {
    const ref = { kind: 'nad', namespace: this.namespace, name } as const;
    this.#world.cluster.definitions.set(definitionKey(ref), { ...ref, uid: `nad-${name}`, config, plugin: '' });
  }

  /** Asks for CNI networks in NPWG's annotation, and for nothing else, and says so. */
  async select(npwg: string): Promise<void> {
    this.change({ annotations: { [NPWG_NETWORKS_ANNOTATION]: npwg } });
    await this.signal();
  }

  /** Removes the pod object and says so. */
  async remove(): Promise<void> {
    this.#world.cluster.pods.delete(`${this.namespace}/${this.name}`);
    await this.signal(POD_DELETED);
  }

  async signal(name: string = DESIRED_CHANGED, request: Partial<ReconcileRequest> = {}): Promise<void> {
    const { networks, networksBefore } = this;
    const known = { ...(networks && { networks }), ...(networksBefore && { networksBefore }) };
    const { uid, namespace, name: podName } = this;
    const nodeName = this.#world.cluster.pods.get(`${namespace}/${podName}`)?.nodeName ?? '';
    const pod = { uid, namespace, name: podName, nodeName, ...known };
    await signalPod(this.#world.client, pod, name, { reason: 'test', ...request });
  }

  /** As the server does when a run is continued that was asked to retry. */
  async continued(): Promise<void> {
    const { id, uid, namespace, name } = this;
    const input: PodNetworkInput = { uid, namespace, name, retry: true };
    await this.#world.client.workflow.start(POD_NETWORK, {
      ...{ workflowId: id, taskQueue: CONTROL_QUEUE, args: [input] },
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
    });
  }

  /** Signals, and waits for the end of the run. */
  async converge(): Promise<void> {
    await this.signal();
    await this.ended();
  }

  async describe(): Promise<WorkflowExecutionDescription> {
    return this.handle.describe();
  }

  async state(): Promise<string> {
    const attributes = (await this.describe()).typedSearchAttributes.getAll();
    return String(attributes.find(({ key }) => key.name === SEARCH_STATE)?.value ?? '');
  }

  /** Waits until the run is over, with those that continue it; returns how it ended. */
  async ended(limitMs?: number): Promise<'completed' | 'cancelled'> {
    const result = this.handle.result().then(
      () => 'completed' as const,
      (error: unknown) => {
        if (error instanceof WorkflowFailedError && error.cause instanceof CancelledFailure)
          return 'cancelled' as const;
        throw error;
      },
    );
    return within(`the run of ${this.uid} ends`, result, limitMs);
  }

  /** Waits until the run shows a state. */
  async shows(state: string, limitMs?: number): Promise<void> {
    await untilAsked(`${this.uid} shows ${state}`, async () => (await this.state()) === state, limitMs);
  }

  view(): Promise<PodNetworkView> {
    return this.handle.query<PodNetworkView>(VIEW_QUERY);
  }

  /** What the UI shows as the run's current details, Markdown. */
  async details(): Promise<string> {
    const metadata = await this.handle.query<{ currentDetails?: string }>('__temporal_workflow_metadata');
    return metadata.currentDetails ?? '';
  }

  async records(): Promise<AttachmentRecord[]> {
    return (await this.#world.records.pod(this.uid, '')).attachments.map(({ value }) => value);
  }

  /** How the run ended, `converged` or `refused`, if it left a converged mark. */
  async mark(): Promise<string | undefined> {
    const mark = (await this.#world.store.readConverged([this.uid])).get(this.uid);
    return mark === undefined ? undefined : (await this.state()).toLowerCase();
  }

  get links(): string[] {
    return this.#world.nodes.linksOf(this.uid);
  }

  get calls(): Call[] {
    return this.#world.nodes.callsOf(this.uid);
  }

  get steps(): string[] {
    return this.calls.map(({ step, interfaceName }) => `${step} ${interfaceName}`.trimEnd());
  }

  /** Interfaces in NPWG's network-status, with their networks; without podwire's entry of the pod's own network. */
  get npwgStatus(): string[] {
    return this.wholeNpwgStatus.filter((entry) => entry !== 'eth0 default');
  }

  /** Interfaces in NPWG's network-status, with their networks. */
  get wholeNpwgStatus(): string[] {
    const text = this.#world.cluster.pods.get(`${this.namespace}/${this.name}`)?.npwgStatus ?? '[]';
    return (JSON.parse(text) as { interface: string; name: string }[]).map((one) => `${one.interface} ${one.name}`);
  }

  /** Ids of the activities that the last run scheduled on nodes, in order. */
  async activityIds(): Promise<string[]> {
    const { events } = await this.handle.fetchHistory();
    return (events ?? []).flatMap((event) => event.activityTaskScheduledEventAttributes?.activityId ?? []);
  }

  get events(): string[] {
    return this.#world.cluster.eventsOf(this.uid);
  }

  /** The status annotation. */
  get statusText(): string {
    return this.#world.cluster.pods.get(`${this.namespace}/${this.name}`)?.publishedStatus ?? '[]';
  }

  /** Networks as the status annotation has them: `ns/net state`. */
  get status(): string[] {
    const status = JSON.parse(this.statusText) as { interface: string; state: string }[];
    return status.map((one) => `${one.interface} ${one.state}`);
  }

  /** From now on a pending activity is tried again without the pauses that a test has no time for. */
  async hurry(id: string): Promise<void> {
    await untilAsked(`${id} is pending`, async () =>
      ((await this.describe()).raw.pendingActivities ?? []).some(({ activityId }) => activityId === id),
    );
    await this.#world.client.workflowService.updateActivityOptions({
      namespace: 'default',
      execution: { workflowId: this.id },
      id,
      activityOptions: { retryPolicy: { initialInterval: HURRIED, maximumInterval: HURRIED } },
      updateMask: { paths: ['retryPolicy.initialInterval', 'retryPolicy.maximumInterval'] },
    });
  }
}

const annotated = (annotation: string): Pick<PodView, 'annotations'> => ({
  annotations: { [DEFAULT_DIALECT_SETTINGS.annotation]: annotation },
});
