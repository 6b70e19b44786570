/** Cluster-wide settings that change what an annotation means; equal in watcher, orchestrator and CLI. */
export interface DialectSettings {
  /** Label key whose existence selects a pod (kube-vxlan-controller's `selector`). */
  readonly selector: string;
  /** Annotation that holds the networks. */
  readonly annotation: string;
  /** Name and namespace of the ConfigMap that declares networks. */
  readonly configMapName: string;
  readonly configMapNamespace: string;
  /** `namespace`: an inline network belongs to the pod's namespace. `cluster`: the original's rule, by name alone. */
  readonly inlineScope: 'namespace' | 'cluster';
}

export const DEFAULT_DIALECT_SETTINGS: DialectSettings = {
  selector: 'vxlan.openvnf.org',
  annotation: 'vxlan.openvnf.org/networks',
  configMapName: 'kube-vxlan-controller',
  configMapNamespace: 'kube-system',
  inlineScope: 'namespace',
};

/** Annotation under which podwire publishes what it did. */
export const STATUS_ANNOTATION = 'podwire.io/network-status';
