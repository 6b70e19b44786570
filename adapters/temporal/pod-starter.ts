/**
 * How podwire starts workflows: by a signal that starts the run if none is open (`signalWithStart`), or by an update that does (sandbox-runs.ts).
 */
import { status as grpcStatus } from '@grpc/grpc-js';
import { ExponentialBackoff, handleWhen, retry } from 'cockatiel';
import { defineSearchAttributeKey, SearchAttributeType, type SearchAttributePair } from '@temporalio/common';
import type { Client } from '@temporalio/client';
import {
  CONTROL_QUEUE,
  MEMBERS_CHANGED,
  meshWorkflowId,
  NETWORK_MESH,
  POD_NETWORK,
  podWorkflowId,
  SEARCH_NAMESPACE,
  SEARCH_NETWORKS,
  SEARCH_NODE,
  SEARCH_STATE,
  shownNetworks,
  type ReconcileRequest,
  type PodNetworkInput,
  type ProvisioningState,
} from '../../domain/messages.ts';
import type { DefinitionRef } from '../../domain/cni/network-definition.ts';
import { networkKey, type NetworkRef } from '../../domain/network-selection.ts';
import type { PodIdentity } from '../../domain/pod/pod-view.ts';
import { bounded } from './connection.ts';

export interface SignalledPod extends PodIdentity {
  /** Empty or absent while unknown; for the summary, the search attribute, and as a hint to the run. */
  readonly nodeName?: string;
  /** CNI networks that it names, a few at most; a hint to the run. */
  readonly definitions?: readonly DefinitionRef[];
  /** Networks that it asks for, by key; for search attributes. Absent: not known. */
  readonly networks?: readonly string[];
  /** The same as the starter saw it when it last signalled the pod. */
  readonly networksBefore?: readonly string[];
}

/**
 * Least time between two signals of one sender to one run. A workflow task may last as long as a local activity (2 s), and the server fails a
 * task during which more than a hundred signals came in (`history.maximumBufferedEventsBatch`); see ADR 9 for what follows from that.
 */
export const SIGNAL_SPACING_MS = 50;

const DEADLINE_MS = 5_000;
/** The server refuses a start with a summary of more than 400 bytes; names are ASCII, and a pod's and a node's alone may have 506. */
const MAX_SUMMARY = 400;
const stateAttribute = defineSearchAttributeKey(SEARCH_STATE, SearchAttributeType.KEYWORD);
const nodeAttribute = defineSearchAttributeKey(SEARCH_NODE, SearchAttributeType.KEYWORD);
const namespaceAttribute = defineSearchAttributeKey(SEARCH_NAMESPACE, SearchAttributeType.KEYWORD);
const networksAttribute = defineSearchAttributeKey(SEARCH_NETWORKS, SearchAttributeType.KEYWORD_LIST);

/**
 * Signals the pod's run, or starts one with the signal.
 * @param signal a signal name of domain/messages.ts
 * @returns id of the run that has the signal
 * @throws PodwireError `TemporalUnavailable`; the signal may have been taken all the same
 */
export async function signalPod(
  client: Client,
  pod: SignalledPod,
  signal: string,
  request: ReconcileRequest,
): Promise<string> {
  return await signalWithStart(client, { ...podRun(pod), signal, request });
}

/** A pod's run, if none is open: the same one whoever starts it. */
export function podRun(pod: SignalledPod): Run & { readonly input: PodNetworkInput } {
  const { nodeName: node = '', definitions = [] } = pod;
  return {
    type: POD_NETWORK,
    workflowId: podWorkflowId(pod),
    input: {
      namespace: pod.namespace,
      name: pod.name,
      uid: pod.uid,
      ...(node === '' ? {} : { node }),
      ...(definitions.length === 0 ? {} : { definitions }),
    },
    attributes: firstAttributes(pod),
    summary: `${pod.namespace}/${pod.name}${node === '' ? '' : ` on ${node}`}`,
  };
}

/**
 * The search attributes of a run that is started, such that it need not write them while it makes or removes links. Guesses: the run writes
 * what turns out otherwise.
 */
function firstAttributes({ namespace, nodeName = '', networks, networksBefore }: SignalledPod): SearchAttributePair[] {
  const now = networks ?? [];
  const going = networks === undefined ? [] : (networksBefore ?? []).filter((network) => !now.includes(network));
  const state: ProvisioningState = going.length === 0 ? 'Converging' : 'Detaching';
  const shown = shownNetworks([...now, ...going]);
  return [
    { key: namespaceAttribute, value: namespace },
    { key: stateAttribute, value: state },
    ...(nodeName === '' ? [] : [{ key: nodeAttribute, value: nodeName }]),
    ...(shown.length === 0 ? [] : [{ key: networksAttribute, value: [...shown] }]),
  ];
}

/** Of runs that are about one network. */
export const networkAttributes = (network: NetworkRef): SearchAttributePair[] => [
  { key: networksAttribute, value: [networkKey(network)] },
];

/** Tells the network's run that members changed, or starts one. Returns and throws like `signalPod`. */
export async function signalMesh(client: Client, network: NetworkRef, request: ReconcileRequest): Promise<string> {
  const input: NetworkRef = { scope: network.scope, name: network.name };
  return await signalWithStart(client, {
    type: NETWORK_MESH,
    workflowId: meshWorkflowId(network),
    input,
    signal: MEMBERS_CHANGED,
    request,
    attributes: networkAttributes(network),
    summary: `mesh of ${networkKey(network)}`,
  });
}

/** A run that is started if none is open under its id. */
export interface Run {
  readonly type: string;
  readonly workflowId: string;
  readonly input: object;
  readonly attributes: SearchAttributePair[];
  readonly summary: string;
  /** The orchestrators' when left out. */
  readonly taskQueue?: string;
}

/** A run, and the signal that starts it. */
export interface Start extends Run {
  readonly signal: string;
  readonly request: object;
}

/** What the server is told of a run, however it is started. */
export const startOptions = (run: Run) => ({
  workflowId: run.workflowId,
  taskQueue: run.taskQueue ?? CONTROL_QUEUE,
  args: [run.input] as [object],
  typedSearchAttributes: run.attributes,
  staticSummary: run.summary.slice(0, MAX_SUMMARY),
});

/**
 * A run that is just ending takes no signal, and is no reason to start the next one until it has ended: a matter of milliseconds, on a
 * busy machine of a second.
 */
const whenClosed = retry(
  handleWhen(
    (error) =>
      error.cause instanceof Error && (error.cause as { code?: unknown }).code === grpcStatus.RESOURCE_EXHAUSTED,
  ),
  { maxAttempts: 10, backoff: new ExponentialBackoff({ initialDelay: 10, maxDelay: 200 }) },
);

/** @returns id of the run that has the signal. @throws PodwireError `TemporalUnavailable` */
export async function signalWithStart(client: Client, start: Start): Promise<string> {
  const handle = await bounded(client, `signal ${start.signal} to ${start.workflowId}`, DEADLINE_MS, () =>
    whenClosed.execute(() =>
      client.workflow.signalWithStart(start.type, {
        ...startOptions(start),
        signal: start.signal,
        signalArgs: [start.request],
      }),
    ),
  );
  return handle.signaledRunId;
}
