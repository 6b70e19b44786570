/** Who has addresses of a pool. */

/** `pod`: an attachment that podwire makes. `container`: one that another CNI plugin makes, with podwire for its addresses. */
export interface AddressOwner {
  readonly kind: 'pod' | 'container';
  /** UID of the pod, or id of the container at its runtime. */
  readonly id: string;
  readonly interfaceName: string;
  /** Only this node's worker finds out that it is gone. */
  readonly node: string;
  /** undefined: the caller named none. */
  readonly pod?: { readonly namespace: string; readonly name: string } | undefined;
  /** Of a container: name of the network configuration that its addresses are for. */
  readonly network?: string;
  /** Of a container: path of its network namespace. While that is there, the container is being made, or lives. */
  readonly netns?: string;
}

/** The same in all of its calls. No part has a slash. */
export const ownerId = ({ kind, id, interfaceName }: Pick<AddressOwner, 'kind' | 'id' | 'interfaceName'>): string =>
  `${kind}:${id}:${interfaceName}`;

export const ownerText = ({ kind, id, interfaceName, pod }: AddressOwner): string =>
  `${pod === undefined ? `${kind} ${id}` : `${pod.namespace}/${pod.name}`} ${interfaceName}`;

/** An interface of whichever pod has the name: what comes back under its name. undefined: nobody knows the pod. */
export const namedInterface = ({ pod, interfaceName }: AddressOwner): string | undefined =>
  pod === undefined ? undefined : `${pod.namespace}:${pod.name}:${interfaceName}`;

/** Pods of a StatefulSet are numbered; those of a Deployment or a Job end in five characters that may be digits, very rarely all of them. */
const ORDINAL_NAME = /^.+-(?:0|[1-9]\d{0,3})$/;

/** Under which a pod of a StatefulSet keeps its addresses from one life to the next; undefined: a pod of this name does not come back. */
export const stickyKey = (owner: AddressOwner): string | undefined =>
  owner.pod !== undefined && ORDINAL_NAME.test(owner.pod.name) ? `pod:${namedInterface(owner)}` : undefined;

/** Under which an IPAMClaim keeps its addresses. */
export const claimKey = ({ namespace, name }: { readonly namespace: string; readonly name: string }): string =>
  `claim:${namespace}:${name}`;
