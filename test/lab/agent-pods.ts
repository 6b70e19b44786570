/** Pods as kube-vxlan-controller's users write them: an agent init container, an agent container, and the user's own. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadAllYaml } from '@kubernetes/client-node';
import { apply, NETWORKS_ANNOTATION, SELECTOR_LABEL } from '../../deploy/demo/cluster.ts';
import type { PodRef } from '../../deploy/demo/kernel-look.ts';
import { kubectl, type Lab } from '../../deploy/lab/lab.ts';
import { waitFor } from './harness.ts';

const INIT = 'vxlan-controller-agent-init';
export const AGENT = 'vxlan-controller-agent';

const EXAMPLE = join(import.meta.dirname, '../../deploy/examples/kube-vxlan-controller/example.yaml');
/** What the first container of a pod sees of its links when it starts, kept for the test. */
const NOTE_LINKS = 'ip -o link > /tmp/at-start; exec sleep 3600';

interface Container {
  name: string;
  image: string;
  imagePullPolicy?: string;
  command?: readonly string[];
  securityContext?: object;
}

interface PodObject {
  metadata: { name: string; namespace?: string; labels?: object; annotations?: object };
  spec: { nodeName?: string; initContainers: Container[]; containers: Container[]; [field: string]: unknown };
}

/** The three pods of the example, with the lab's images, on its nodes in turn. */
export function examplePods(lab: Lab, namespace: string): PodObject[] {
  const pods = loadAllYaml(readFileSync(EXAMPLE, 'utf8')) as PodObject[];
  return pods.map((pod, index) => inLab(lab, namespace, pod, lab.nodes[index % lab.nodes.length]?.name ?? ''));
}

export interface AgentPodOptions {
  readonly node: string;
  readonly networks: string;
  /** Of the agent init container, instead of one that ends on TERM. */
  readonly initCommand?: readonly string[];
  readonly spec?: Readonly<Record<string, unknown>>;
}

export function agentPod(lab: Lab, { namespace, name }: PodRef, o: AgentPodOptions): PodObject {
  const agent = (container: string): Container => ({
    name: container,
    image: lab.agentImage,
    securityContext: { capabilities: { add: ['NET_ADMIN'] } },
  });
  const init = { ...agent(INIT), ...(o.initCommand === undefined ? {} : { command: o.initCommand }) };
  const metadata = { name, labels: { [SELECTOR_LABEL]: 'true' }, annotations: { [NETWORKS_ANNOTATION]: o.networks } };
  const spec = {
    terminationGracePeriodSeconds: 1,
    automountServiceAccountToken: false,
    initContainers: [init],
    containers: [{ name: 'main', image: lab.testImage }, agent(AGENT)],
    ...o.spec,
  };
  return inLab(lab, namespace, { metadata, spec }, o.node);
}

function inLab(lab: Lab, namespace: string, pod: PodObject, nodeName: string): PodObject {
  const local = (container: Container): Container => ({
    ...container,
    image: [INIT, AGENT].includes(container.name) ? lab.agentImage : lab.testImage,
    imagePullPolicy: 'Never',
    ...(container.name === 'main' ? { command: ['sh', '-c', NOTE_LINKS] } : {}),
  });
  const spec = {
    ...pod.spec,
    nodeName,
    enableServiceLinks: false,
    initContainers: pod.spec.initContainers.map(local),
    containers: pod.spec.containers.map(local),
  };
  return { ...pod, ...{ apiVersion: 'v1', kind: 'Pod' }, metadata: { ...pod.metadata, namespace }, spec };
}

export async function createAgentPods(lab: Lab, pods: readonly PodObject[]): Promise<PodRef[]> {
  await apply(lab, pods);
  return pods.map(({ metadata: { name, namespace = '' } }) => ({ namespace, name }));
}

/** Runs a program in one container of a pod. */
export const execIn = (lab: Lab, pod: PodRef, container: string, words: readonly string[]): Promise<string> =>
  kubectl(lab, ['-n', pod.namespace, 'exec', pod.name, '-c', container, '--', ...words]);

/** Names of the links that were there when the pod's main container began. */
export async function linksAtStart(lab: Lab, pod: PodRef): Promise<string[]> {
  const text = await waitFor(
    `${pod.name} to have looked at its links`,
    async () => {
      const seen = await execIn(lab, pod, 'main', ['cat', '/tmp/at-start']);
      return seen === '' ? undefined : seen;
    },
    { limitMs: 10_000 },
  );
  return [...text.matchAll(/^\d+: ([^:@]+)/gm)].map(([, name = '']) => name);
}
