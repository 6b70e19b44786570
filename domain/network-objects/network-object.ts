/** Identity of, and access to, the networks that objects declare: `Network` (of one namespace) and `ClusterNetwork` (ADR 61). */
import type { DefinitionRef } from '../cni/network-definition.ts';
import { CLUSTER_SCOPE, type NetworkRef } from '../network-selection.ts';
import type { NetworkSpec } from './declaration.ts';

/** No namespace's name has a dot, so neither scope is one of a namespace or of a network that the ConfigMap declares. */
const CLUSTER_NETWORKS = 'cluster.network';
const NETWORKS_OF = 'network.';

/** Identity of the network that an object declares: never that of a network which annotations or the ConfigMap declare. */
export const declaredNetwork = ({ kind, namespace, name }: DefinitionRef): NetworkRef => ({
  scope: kind === 'cluster-network' ? CLUSTER_NETWORKS : `${NETWORKS_OF}${namespace}`,
  name,
});

/** Whether an object declares the network. */
export const isOfObject = ({ scope }: NetworkRef): boolean =>
  scope === CLUSTER_NETWORKS || scope.startsWith(NETWORKS_OF);

/** As people call the object. */
export const objectText = ({ kind, namespace, name }: DefinitionRef): string =>
  kind === 'cluster-network' ? `ClusterNetwork ${name}` : `Network ${namespace}/${name}`;

/** Who declares the network, as people call it. @param network declared by an object or by the ConfigMap */
export function declarerText({ scope, name }: NetworkRef): string {
  if (scope === CLUSTER_SCOPE) return "the ConfigMap of kube-vxlan-controller's networks";
  return scope === CLUSTER_NETWORKS ? `ClusterNetwork ${name}` : `Network ${scope.slice(NETWORKS_OF.length)}/${name}`;
}

/** Whether pods of that namespace may be attached. @param ref the object */
export const admits = (ref: DefinitionRef, { allowedNamespaces }: NetworkSpec, namespace: string): boolean =>
  ref.namespace === namespace || (allowedNamespaces?.names.includes(namespace) ?? ref.kind === 'cluster-network');

/** Whether pods of that namespace, which may be attached, may choose their addresses. */
export const admitsStatic = ({ staticAddresses }: NetworkSpec, namespace: string): boolean =>
  staticAddresses?.allowedNamespaces.names.includes(namespace) ?? true;
