/**
 * Answers of a node to `GET /contiv/v1/…`: what contiv's agent let other plugins of its process ask (`GetPodByIf`, `GetIfName`, `GetPodSubnet`,
 * `GetNodeIP`), and its REST API. What is asked about is on the node's disk.
 */
import type { PrimarySandbox } from './sandbox.ts';

export interface NodeAnswers {
  /** Of pods that have an address. */
  readonly sandboxes: () => readonly PrimarySandbox[];
  /** `address/prefix`; undefined: nobody has said it yet. */
  readonly podSubnets: () => readonly string[] | undefined;
  /** undefined: the node has no `contiv.yaml`, which contiv's answers are made from. */
  readonly contiv: ContivAnswers | undefined;
}

export interface ContivAnswers {
  readonly ipam: () => Promise<QueryAnswer>;
  /** Without a prefix length; undefined: nobody knows it yet. */
  readonly nodeIp: () => Promise<string | undefined>;
}

export interface QueryAnswer {
  readonly status: 200 | 404 | 500;
  /** JSON. */
  readonly body: string;
}

/** What a pod is asked about: its interfaces with both names, and its addresses. */
export const podsAnswer = (all: readonly PrimarySandbox[]): QueryAnswer => found(all.map(podOf));

export function podAnswer(all: readonly PrimarySandbox[], namespace: string, name: string): QueryAnswer {
  const own = all.filter(({ pod }) => pod.namespace === namespace && pod.name === name);
  // A pod whose sandbox is being made anew has two of them for a moment.
  return own.length === 0 ? none(`pod ${namespace}/${name} has no address of this node`) : found(own.map(podOf));
}

/** @param hostInterface the node's end of a pod's pair */
export function interfaceAnswer(all: readonly PrimarySandbox[], hostInterface: string): QueryAnswer {
  const owner = all.find(({ interfaces }) => interfaces.some((each) => each.hostInterface === hostInterface));
  return owner === undefined ? none(`interface ${hostInterface} is no pod's of this node`) : found(podOf(owner));
}

export function podSubnetsAnswer({ podSubnets }: NodeAnswers): QueryAnswer {
  const subnets = podSubnets();
  return subnets === undefined
    ? failed('nobody has said the pod subnets of this node yet')
    : found({ podSubnets: subnets });
}

export async function nodeIpAnswer({ contiv }: NodeAnswers): Promise<QueryAnswer> {
  if (contiv === undefined) return none(WITHOUT_CONTIV);
  const nodeIP = await contiv.nodeIp();
  return nodeIP === undefined ? failed('Error getting node IP') : found({ nodeIP });
}

export const ipamAnswerOf = async ({ contiv }: NodeAnswers): Promise<QueryAnswer> =>
  contiv === undefined ? none(WITHOUT_CONTIV) : contiv.ipam();

const WITHOUT_CONTIV = 'this node has its addresses by its Node object, not by contiv.yaml';

const podOf = ({ sandboxId, pod, interfaces }: PrimarySandbox) => ({
  podNamespace: pod.namespace,
  podName: pod.name,
  containerID: sandboxId,
  interfaces: interfaces.map(({ name, hostInterface, addresses }) => ({ name, hostInterface, addresses })),
});

const found = (value: unknown): QueryAnswer => ({ status: 200, body: JSON.stringify(value) });
const none = (why: string): QueryAnswer => ({ status: 404, body: JSON.stringify(why) });
const failed = (why: string): QueryAnswer => ({ status: 500, body: JSON.stringify(why) });
