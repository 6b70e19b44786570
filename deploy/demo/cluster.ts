/** What the acts do with the cluster, through kubectl as a person would. */
import { kubectl, type Lab } from '../lab/lab.ts';
import { waitFor } from '../lab/waiting.ts';
import type { PodRef } from './kernel-look.ts';

export const NETWORKS_ANNOTATION = 'vxlan.openvnf.org/networks';
export const SELECTOR_LABEL = 'vxlan.openvnf.org';
export const STATUS = 'podwire.io/network-status';

export interface PodOptions {
  readonly node: string;
  /** Value of the networks annotation; without one the pod has the label and no networks. */
  readonly networks?: string;
  /** Set false for a pod that podwire is not to look at. */
  readonly label?: boolean;
  readonly image: string;
  /** Merged over the pod's spec. */
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly command?: readonly string[];
}

/** A small pod that holds on until it is told to end; allowed to use raw sockets (ping). */
export function podManifest(pod: PodRef, o: PodOptions): object {
  const { networks } = o;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: pod.name,
      namespace: pod.namespace,
      labels: o.label === false ? {} : { [SELECTOR_LABEL]: 'true' },
      annotations: networks === undefined ? {} : { [NETWORKS_ANNOTATION]: networks },
    },
    spec: {
      nodeName: o.node,
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: 1,
      enableServiceLinks: false,
      automountServiceAccountToken: false,
      containers: [
        {
          name: 'main',
          image: o.image,
          imagePullPolicy: 'Never',
          ...(o.command === undefined ? {} : { command: o.command }),
        },
      ],
      ...o.spec,
    },
  };
}

/** Applies objects; existing ones are changed. */
export async function apply(lab: Lab, objects: readonly object[]): Promise<void> {
  const input = objects.map((object) => JSON.stringify(object)).join('\n---\n');
  await kubectl(lab, ['apply', '-f', '-'], { input });
}

/** Waits until every pod runs. @throws Error naming the pod and its phase */
export async function waitRunning(lab: Lab, pods: readonly PodRef[], limitMs = 60_000): Promise<void> {
  await Promise.all(
    pods.map((pod) =>
      waitFor(
        `pod ${pod.namespace}/${pod.name} to run`,
        async () => ((await phase(lab, pod)) === 'Running' ? true : undefined),
        {
          limitMs,
          everyMs: 300,
        },
      ),
    ),
  );
}

/** Phase of a pod. @throws Error when there is none */
export const phase = (lab: Lab, pod: PodRef): Promise<string> => field(lab, pod, '{.status.phase}');

/** A JSONPath of a pod. */
export const field = (lab: Lab, pod: PodRef, path: string): Promise<string> =>
  kubectl(lab, ['-n', pod.namespace, 'get', 'pod', pod.name, '-o', `jsonpath=${path}`]);

/** Sets the networks annotation of a pod; undefined removes it. */
export async function annotate(lab: Lab, pod: PodRef, networks: string | undefined): Promise<void> {
  const change = networks === undefined ? `${NETWORKS_ANNOTATION}-` : `${NETWORKS_ANNOTATION}=${networks}`;
  await kubectl(lab, ['-n', pod.namespace, 'annotate', '--overwrite', 'pod', pod.name, change]);
}

export interface SeenEvent {
  readonly type: string;
  readonly reason: string;
  readonly message: string;
  /** Name of the event object: the same event twice has one name. */
  readonly name: string;
}

/** podwire's events about a pod of this name. */
export async function podwireEvents(lab: Lab, pod: PodRef): Promise<SeenEvent[]> {
  const selector = `involvedObject.kind=Pod,involvedObject.name=${pod.name}`;
  const text = await kubectl(lab, ['-n', pod.namespace, 'get', 'events', '--field-selector', selector, '-o', 'json']);
  const { items } = JSON.parse(text) as {
    items: {
      type: string;
      reason: string;
      message: string;
      metadata: { name: string };
      source?: { component?: string };
    }[];
  };
  return items
    .filter((event) => event.source?.component === 'podwire')
    .map(({ type, reason, message, metadata }) => ({ type, reason, message, name: metadata.name }));
}

/** Merges entries into the ConfigMap that declares networks; null removes one. */
export async function declareNetworks(lab: Lab, entries: Readonly<Record<string, string | null>>): Promise<void> {
  const place = ['-n', 'kube-system'];
  const patch = [
    'patch',
    'configmap',
    'kube-vxlan-controller',
    '--type=merge',
    '-p',
    JSON.stringify({ data: entries }),
  ];
  try {
    await kubectl(lab, [...place, ...patch]);
  } catch (error) {
    if (!(error instanceof Error) || !error.message.includes('NotFound')) throw error;
    await kubectl(lab, [...place, 'create', 'configmap', 'kube-vxlan-controller']);
    await kubectl(lab, [...place, ...patch]);
  }
}
