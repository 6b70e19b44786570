/** Names and payloads that cross process borders: workflow ids, task queues, signals, queries. Public. */
import type { DefinitionRef } from './cni/network-definition.ts';
import { networkKey, type NetworkRef } from './network-selection.ts';
import { EXEC_QUEUE, isExecTarget } from './target.ts';
import type { PodIdentity } from './pod/pod-view.ts';

export const POD_NETWORK = 'podNetwork';
export const NETWORK_MESH = 'networkMesh';
export const NETWORK_OBJECT = 'networkObject';
export const CONTROL_QUEUE = 'podwire-control';

/** Long polls of a node's queue that are under way. Each costs Temporal a twentieth of a CPU millisecond a second, for every node. */
export const NODE_POLLERS = 1;

/** @param target a node's name, or the exec backend's stand-in for it */
export const nodeQueue = (target: string): string => (isExecTarget(target) ? EXEC_QUEUE : `podwire-node-${target}`);
export const podWorkflowId = (pod: PodIdentity): string => `pod/${pod.namespace}/${pod.name}/${pod.uid}`;
/** The pod of a run of `podNetwork`, by the run's id; undefined: the id is that of another run. */
export function podOfWorkflow(workflowId: string): PodIdentity | undefined {
  const [kind, namespace, name, uid, ...more] = workflowId.split('/');
  if (kind !== 'pod' || namespace === undefined || name === undefined || uid === undefined || more.length > 0)
    return undefined;
  return { namespace, name, uid };
}
export const meshWorkflowId = (network: NetworkRef): string => `mesh/${networkKey(network)}`;

/** @param uid of the network object */
export const objectWorkflowId = (uid: string): string => `network/${uid}`;

export interface PodNetworkInput extends PodIdentity {
  /** The pod's node as the starter saw it, if it did: where its records are looked for at once. A hint, the pod has the last word. */
  readonly node?: string;
  /** CNI networks that the pod names, as the starter saw it: read at once, beside the pod. A hint as well. */
  readonly definitions?: readonly DefinitionRef[];
  /** Somebody wanted the next attempt at once when the run before was continued by this one. */
  readonly retry?: true;
  /** A sandbox of the pod that is being taken down: what is attached in it goes, and nothing is attached in it any more (ADR 52). */
  readonly ending?: string;
}

/** Something about the pod changed. A reconcile request: the run reads the desired state anew. */
export const DESIRED_CHANGED = 'desiredChanged';
/** The pod object is gone, as somebody saw it. A reconcile request as well. */
export const POD_DELETED = 'podDeleted';
/** A person wants the next attempt now. */
export const RETRY_NOW = 'retryNow';
/** Members of a network came, went or changed. */
export const MEMBERS_CHANGED = 'membersChanged';

/** A network object was made, changed or deleted, or something of its network changed. */
export const OBJECT_CHANGED = 'objectChanged';

export interface ReconcileRequest {
  readonly reason: string;
  /**
   * Set by a relist: the inputs it saw. A run that already works on these very inputs goes on undisturbed (ADR 33).
   */
  readonly unlessInputs?: string;
}

/**
 * Update: answers with a `NetworksTable` when each network of the pod is attached in the sandbox or refused, or when the time is over.
 * The sandbox was published before. Public, as signals are.
 */
export const AWAIT_NETWORKS = 'awaitNetworks';
/** Update: the sandbox is being taken down. Answers with a `Release` when what was attached in it is gone, or when the time is over. */
export const RELEASE_SANDBOX = 'releaseSandbox';

/** Whoever waits for a run to do something for a sandbox. */
export interface SandboxRequest {
  readonly sandboxId: string;
  /** After which the answer is what the run has come to by then. */
  readonly seconds: number;
}

/** A network that a pod asks for, as its run has come to know it. */
export interface NetworkRow {
  readonly interfaceName: string;
  /** As `networkKey` makes it. */
  readonly network: string;
  readonly state: 'attached' | 'refused' | 'pending';
  /** Why it is not attached; for people. */
  readonly reason?: string;
}

export interface NetworksTable {
  readonly networks: readonly NetworkRow[];
  /** Whether the pod's containers may start: nothing is pending, and nothing that is refused is to keep them from it. */
  readonly mayStart: boolean;
  /** False: the run was not ready with the sandbox when its time was over, or never saw it. */
  readonly isSettled: boolean;
}

export interface Release {
  /** False: the run goes on with it. */
  readonly released: boolean;
}

/** Query that answers with `PodNetworkView`. */
export const VIEW_QUERY = 'view';

/** Search attributes (typed in Temporal): for people only, no decision reads them. */
export const SEARCH_STATE = 'ProvisioningState';
export const SEARCH_NODE = 'NodeName';
export const SEARCH_NAMESPACE = 'PodNamespace';
export const SEARCH_NETWORKS = 'NetworkNames';

/** What a Temporal namespace has to know before podwire's runs can begin in it: names and Temporal's types. */
export const SEARCH_ATTRIBUTES = {
  [SEARCH_STATE]: 'Keyword',
  [SEARCH_NODE]: 'Keyword',
  [SEARCH_NAMESPACE]: 'Keyword',
  [SEARCH_NETWORKS]: 'KeywordList',
} as const;

/** In bytes of JSON: the server refuses an attribute of more than 2 KB, and with it the start, or the workflow task for ever. */
const MAX_SHOWN_NETWORKS = 1_500;

/** The value of `NetworkNames`: sorted, each once, and no more than fit. @param keys as `networkKey` makes them */
export function shownNetworks(keys: readonly string[]): readonly string[] {
  const shown: string[] = [];
  let bytes = 0;
  for (const key of [...new Set(keys)].sort()) {
    bytes += key.length + '"",'.length;
    if (bytes > MAX_SHOWN_NETWORKS) break;
    shown.push(key);
  }
  return shown;
}

export type ProvisioningState =
  | 'Converging'
  | 'Converged'
  | 'Stuck'
  | 'NodeUnavailable'
  | 'EtcdUnavailable'
  | 'ApiUnavailable'
  | 'Refused'
  | 'Detaching';
