import type { BackendSettings } from './target.ts';

/** Whose rules decide where podwire's are stricter than kube-vxlan-controller's. */
export type Compatibility = 'podwire' | 'kube-vxlan-controller';

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
  readonly compatibility: Compatibility;
  readonly npwg: NpwgSettings;
  readonly kaloom: KaloomSettings;
  readonly cniPolicy: CniPolicy;
  readonly agents: AgentSettings;
}

/** The settings that decide which labels and annotations ask for networks at all. */
export interface AskSettings extends Pick<DialectSettings, 'selector'> {
  readonly npwg: Pick<NpwgSettings, 'enabled'>;
  readonly kaloom: Pick<KaloomSettings, 'enabled'>;
}

/** kube-vxlan-controller's agent containers, and who works in them. */
export interface AgentSettings {
  /** Init container that holds the pod's start until its networks are there. */
  readonly initContainer: string;
  /** Container that runs as long as the pod. */
  readonly container: string;
  readonly backend: BackendSettings;
  /** Whether a pod with a refused network stays in its init container; the original lets it start. */
  readonly gateOnRefusal: 'open' | 'shut';
}

/** The de-facto standard of the Network Plumbing Working Group, version 1.3. */
interface NpwgSettings {
  readonly enabled: boolean;
  /** A pod may only name networks of its own namespace and of the shared ones. */
  readonly namespaceIsolation: boolean;
  readonly sharedNamespaces: readonly string[];
  /** What another runtime attached is detached when its entry is taken out (ADR 41). */
  readonly adoptForeign: boolean;
}

/** Off by default: its annotation key is the bare word `networks` (ADR 35). */
interface KaloomSettings {
  readonly enabled: boolean;
  /** Where `Network` objects live; kactus reads them from `default` only. */
  readonly namespace: string;
}

/** What a network definition may make a plugin do on the host; set by the administrator. */
export interface CniPolicy {
  /** Values of `type` that may be executed, main plugins and IPAM. */
  readonly pluginTypes: readonly string[];
  /** Keys that reach into the host (see `HOST_KEYS`) and are nevertheless allowed. */
  readonly hostKeys: readonly string[];
}

export const DEFAULT_DIALECT_SETTINGS: DialectSettings = {
  selector: 'vxlan.openvnf.org',
  annotation: 'vxlan.openvnf.org/networks',
  configMapName: 'kube-vxlan-controller',
  configMapNamespace: 'kube-system',
  inlineScope: 'namespace',
  compatibility: 'podwire',
  npwg: { enabled: true, namespaceIsolation: true, sharedNamespaces: [], adoptForeign: false },
  kaloom: { enabled: false, namespace: 'default' },
  cniPolicy: {
    pluginTypes: [
      'bridge',
      'macvlan',
      'ipvlan',
      'vlan',
      'ptp',
      'dummy',
      'tap',
      'tuning',
      'portmap',
      'bandwidth',
      'firewall',
      'sbr',
      'vrf',
      'host-local',
      'static',
      'dhcp',
      'whereabouts',
    ],
    hostKeys: [],
  },
  agents: {
    initContainer: 'vxlan-controller-agent-init',
    container: 'vxlan-controller-agent',
    backend: { default: 'node', byNamespace: {} },
    gateOnRefusal: 'open',
  },
};

/** Annotations of the Network Plumbing Working Group's specification, version 1.3. */
export const NPWG_NETWORKS_ANNOTATION = 'k8s.v1.cni.cncf.io/networks';
export const NPWG_STATUS_ANNOTATION = 'k8s.v1.cni.cncf.io/network-status';
/** Kaloom podagent's annotation. */
export const KALOOM_ANNOTATION = 'networks';

/** Annotation under which podwire publishes what it did. */
export const STATUS_ANNOTATION = 'podwire.io/network-status';
