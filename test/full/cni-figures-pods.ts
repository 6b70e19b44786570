/** Pods of one node whose CNI networks are changed by the dozen: quick edits, and everything that says how they ended. */
import { apiPath, bodyOf, createKubeClient, type KubeClient } from '../../adapters/kubernetes/client.ts';
import { connectClient, type TemporalClient } from '../../adapters/temporal/connection.ts';
import { linksIn, type PodRef } from '../../deploy/demo/kernel-look.ts';
import { podNetnsPath, type Lab, type LabNode } from '../../deploy/lab/lab.ts';
import { podWorkflowId } from '../../domain/messages.ts';
import { NPWG_NETWORKS_ANNOTATION, NPWG_STATUS_ANNOTATION } from '../../domain/settings.ts';
import { reservations } from '../lab/cni-networks.ts';
import { waitFor } from '../lab/harness.ts';

/** An element of NPWG's annotation in JSON. */
export interface DesiredNetwork {
  readonly name: string;
  readonly interface: string;
}

export interface FigurePod extends PodRef {
  readonly uid: string;
  readonly netns: string;
}

interface ApiPod {
  readonly metadata: { name: string; uid: string; annotations?: Readonly<Record<string, string>> };
}

const DEADLINE_MS = 10_000;
/** Two looks this far apart must agree that nothing happens any more: an edit reaches its run within a fraction of it. */
const QUIET_MS = 300;
const LOOK_EVERY_MS = 100;

export class FigurePods {
  readonly #lab: Lab;
  readonly #namespace: string;
  readonly #node: LabNode;
  /** Networks with addresses of host-local. */
  readonly #addressed: readonly string[];
  readonly #kube: KubeClient;
  readonly #temporal: TemporalClient;
  readonly #allDesired = new Map<string, readonly DesiredNetwork[]>();
  pods: readonly FigurePod[] = [];

  constructor(lab: Lab, namespace: string, node: LabNode, addressed: readonly string[]) {
    this.#lab = lab;
    this.#namespace = namespace;
    this.#node = node;
    this.#addressed = addressed;
    this.#kube = createKubeClient({ kubeconfig: lab.kubeconfigs.admin, deadlineMs: DEADLINE_MS });
    this.#temporal = connectClient({ address: lab.temporal.host, namespace: 'default' });
  }

  /** Running pods of the node; only these are looked at, and nobody else may use the networks on it. */
  async follow(refs: readonly PodRef[]): Promise<void> {
    const objects = await this.#objects();
    this.pods = await Promise.all(
      refs.map(async (ref) => ({
        ...ref,
        uid: objects.get(ref.name)?.metadata.uid ?? '',
        netns: await podNetnsPath(this.#lab, ref),
      })),
    );
  }

  /** One edit of a pod's annotation; no wishes take it away. @throws Error when the API refuses it */
  async ask(pod: PodRef, allDesired: readonly DesiredNetwork[]): Promise<void> {
    this.#allDesired.set(pod.name, allDesired);
    const value = allDesired.length === 0 ? null : JSON.stringify(allDesired);
    const answer = await this.#kube.call({
      method: 'PATCH',
      path: apiPath('api', 'v1', 'namespaces', pod.namespace, 'pods', pod.name),
      contentType: 'application/merge-patch+json',
      body: { metadata: { annotations: { [NPWG_NETWORKS_ANNOTATION]: value } } },
    });
    if (bodyOf(answer, `patch of ${pod.name}`) === undefined) throw new Error(`there is no pod ${pod.name}`);
  }

  desiredNetworks = (pod: PodRef): readonly DesiredNetwork[] => this.#allDesired.get(pod.name) ?? [];

  /** Interfaces that the kernel of all pods has, besides those of the pod network. */
  async interfaces(): Promise<number> {
    return (await Promise.all(this.pods.map(interfacesOf))).flat().length;
  }

  /** What the kernel and the published status of every pod, and the reservations of its node, say other than the last edit. */
  async wrong(): Promise<string[]> {
    const [objects, interfaces] = await Promise.all([this.#objects(), Promise.all(this.pods.map(interfacesOf))]);
    const ofPods = this.pods.flatMap((pod, index) => {
      const asked = this.desiredNetworks(pod)
        .map((desired) => desired.interface)
        .sort()
        .join();
      const kernel = (interfaces[index] ?? []).join();
      const status = statusOf(objects.get(pod.name)).join();
      return [
        ...(kernel === asked ? [] : [`${pod.name} has ${kernel || 'none'}, asked for ${asked || 'none'}`]),
        ...(status === asked ? [] : [`the status of ${pod.name} says ${status || 'none'}, not ${asked || 'none'}`]),
      ];
    });
    const allDesired = this.pods.flatMap((pod) => this.desiredNetworks(pod));
    const ofNetworks = this.#addressed.flatMap((network) => {
      const due = allDesired.filter(({ name }) => name === network).length;
      const reserved = this.reserved(network);
      return reserved === due ? [] : [`${reserved} addresses of ${network} are reserved, ${due} are wished for`];
    });
    return [...ofPods, ...ofNetworks];
  }

  reserved = (network: string): number => reservations(this.#lab, this.#node.name, network).length;

  /** Addresses of all networks together. */
  allReserved = (): number => this.#addressed.reduce((sum, network) => sum + this.reserved(network), 0);

  /** Waits until no address is reserved. @returns how many still are after the limit */
  async released(limitMs: number): Promise<number> {
    const none = async (): Promise<true | undefined> => (this.allReserved() === 0 ? true : undefined);
    await waitFor('no address to be reserved', none, { limitMs, everyMs: LOOK_EVERY_MS }).catch(() => undefined);
    return this.allReserved();
  }

  /** Waits until no run of these pods is open and none comes into being. @throws Error after the limit */
  async quiet(limitMs: number): Promise<void> {
    let since: number | undefined;
    await waitFor(
      'the runs of all pods to have ended',
      async () => {
        if ((await this.#openRuns()) > 0) since = undefined;
        else since ??= performance.now();
        return since !== undefined && performance.now() - since >= QUIET_MS ? true : undefined;
      },
      { limitMs, everyMs: LOOK_EVERY_MS },
    );
  }

  /** Waits until nothing is wrong. @returns milliseconds since `since` @throws Error listing what is wrong after the limit */
  async converged(since: number, limitMs: number): Promise<number> {
    let wrong: string[] = [];
    let right = 0;
    await waitFor(
      'every pod to have what it asks for',
      async () => {
        wrong = await this.wrong();
        right = performance.now();
        return wrong.length === 0 ? true : undefined;
      },
      { limitMs: Math.max(0, limitMs - (performance.now() - since)), everyMs: LOOK_EVERY_MS },
    ).catch((error: unknown) => {
      const shown = wrong.slice(0, 12).join('\n  ');
      throw new Error(`${(error as Error).message}; wrong are ${wrong.length}:\n  ${shown}`, { cause: error });
    });
    return right - since;
  }

  async close(): Promise<void> {
    this.#kube.close();
    await this.#temporal.close();
  }

  /** Asked of Temporal's history service: its lists are late. */
  async #openRuns(): Promise<number> {
    const { workflow } = this.#temporal.client;
    const open = await Promise.all(
      this.pods.map(async (pod) => {
        try {
          return (await workflow.getHandle(podWorkflowId(pod)).describe()).status.name === 'RUNNING';
        } catch (error) {
          if ((error as Error).name === 'WorkflowNotFoundError') return false;
          throw error;
        }
      }),
    );
    return open.filter(Boolean).length;
  }

  async #objects(): Promise<Map<string, ApiPod>> {
    const path = apiPath('api', 'v1', 'namespaces', this.#namespace, 'pods');
    const body = bodyOf(await this.#kube.call({ method: 'GET', path }), 'list pods');
    return new Map(((body as { items: ApiPod[] } | undefined)?.items ?? []).map((pod) => [pod.metadata.name, pod]));
  }
}

async function interfacesOf({ netns }: FigurePod): Promise<string[]> {
  const names = (await linksIn(netns)).map(({ name }) => name);
  return names.filter((name) => name !== 'lo' && name !== 'eth0').sort();
}

function statusOf(pod: ApiPod | undefined): string[] {
  const text = pod?.metadata.annotations?.[NPWG_STATUS_ANNOTATION];
  const entries = text === undefined ? [] : (JSON.parse(text) as { interface?: string }[]);
  return entries
    .map((entry) => entry.interface ?? '')
    .filter((name) => name !== 'eth0')
    .sort();
}
