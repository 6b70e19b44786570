/**
 * Reflected objects, with the field names of KSR's protobuf messages, so that a record is also its JSON.
 *
 * A record is canonical: what has its default value (empty text, 0, `false`, no entries, the first word of an enum) is not
 * there. An empty message is: `pods: {}` selects every pod, no `pods` selects by something else. Enums are words.
 */

export interface Label {
  readonly key?: string;
  readonly value?: string;
}

export interface NamespaceRecord {
  readonly name: string;
  readonly label?: readonly Label[];
}

export interface PodPort {
  readonly name?: string;
  readonly host_port?: number;
  readonly container_port?: number;
  /** Absent: TCP. SCTP is podwire's addition. */
  readonly protocol?: 'UDP' | 'SCTP';
  readonly host_ip_address?: string;
}

export interface PodContainer {
  readonly name?: string;
  readonly port?: readonly PodPort[];
}

export interface PodRecord {
  readonly name: string;
  readonly namespace: string;
  readonly label?: readonly Label[];
  readonly ip_address?: string;
  readonly host_ip_address?: string;
  readonly container?: readonly PodContainer[];
  /** Only keys that begin with `contivpp.io`. */
  readonly annotations?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  /** podwire's addition: every address, the first one included; only of pods that have more than one. */
  readonly ip_addresses?: readonly string[];
}

export interface LabelExpression {
  readonly key?: string;
  /** Absent: IN. */
  readonly operator?: 'NOT_IN' | 'EXISTS' | 'DOES_NOT_EXIST';
  readonly value?: readonly string[];
}

export interface LabelSelector {
  readonly match_label?: readonly Label[];
  readonly match_expression?: readonly LabelExpression[];
}

export interface PolicyPort {
  /** Absent: TCP. SCTP is podwire's addition. */
  readonly protocol?: 'UDP' | 'SCTP';
  /** Absent: every port. */
  readonly port?: { readonly type?: 'NAME'; readonly number?: number; readonly name?: string };
  /** podwire's addition: last port of a range that begins with `port`. */
  readonly end_port?: number;
}

export interface PolicyPeer {
  readonly pods?: LabelSelector;
  /** Never beside `pods`: contiv's agents would allow what either of them selects. */
  readonly namespaces?: LabelSelector;
  readonly ip_block?: { readonly cidr?: string; readonly except?: readonly string[] };
  /** podwire's addition, only beside `pods`: in which namespaces these are, instead of the policy's own. */
  readonly pod_namespaces?: LabelSelector;
}

export interface PolicyRecord {
  readonly name: string;
  readonly namespace: string;
  readonly label?: readonly Label[];
  readonly pods?: LabelSelector;
  /** Absent: DEFAULT, no types in the object. */
  readonly policy_type?: 'INGRESS' | 'EGRESS' | 'INGRESS_AND_EGRESS';
  readonly ingress_rule?: readonly { readonly port?: readonly PolicyPort[]; readonly from?: readonly PolicyPeer[] }[];
  readonly egress_rule?: readonly { readonly port?: readonly PolicyPort[]; readonly to?: readonly PolicyPeer[] }[];
}

export interface ServicePort {
  readonly name?: string;
  readonly protocol?: string;
  readonly port?: number;
  readonly target_port?: { readonly type?: 'STRING'; readonly int_val?: number; readonly string_val?: string };
  readonly node_port?: number;
}

export interface ServiceRecord {
  readonly name: string;
  readonly namespace: string;
  readonly port?: readonly ServicePort[];
  readonly selector?: Readonly<Record<string, string>>;
  readonly cluster_ip?: string;
  readonly service_type?: string;
  readonly external_ips?: readonly string[];
  readonly lb_ingress_ips?: readonly string[];
  readonly session_affinity?: string;
  readonly loadbalancer_ip?: string;
  readonly loadbalancer_source_ranges?: readonly string[];
  readonly external_traffic_policy?: string;
  readonly health_check_node_port?: number;
  /** Seconds. */
  readonly session_affinity_timeout?: number;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface ObjectReference {
  readonly kind?: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly uid?: string;
  readonly api_version?: string;
  readonly resource_version?: string;
}

export interface EndpointAddress {
  readonly ip?: string;
  readonly host_name?: string;
  readonly node_name?: string;
  readonly target_ref?: ObjectReference;
}

export interface EndpointPort {
  readonly name?: string;
  readonly port?: number;
  readonly protocol?: string;
}

export interface EndpointSubset {
  readonly addresses?: readonly EndpointAddress[];
  readonly not_ready_addresses?: readonly EndpointAddress[];
  readonly ports?: readonly EndpointPort[];
}

export interface EndpointsRecord {
  readonly name: string;
  readonly namespace: string;
  readonly endpoint_subsets?: readonly EndpointSubset[];
}

export type NodeAddressType =
  'NodeHostName' | 'NodeExternalIP' | 'NodeInternalIP' | 'NodeExternalDNS' | 'NodeInternalDNS';

export interface NodeRecord {
  readonly name: string;
  readonly pod_CIDR?: string;
  readonly provider_ID?: string;
  readonly addresses?: readonly { readonly type?: NodeAddressType; readonly address?: string }[];
  readonly node_info?: {
    readonly machine_ID?: string;
    readonly system_UUID?: string;
    readonly boot_ID?: string;
    readonly kernel_version?: string;
    readonly os_image?: string;
    readonly container_runtime_version?: string;
    readonly kubelet_version?: string;
    readonly KubeProxyVersion?: string;
    readonly OperatingSystem?: string;
    readonly Architecture?: string;
  };
}

export interface SfcPodRecord {
  readonly pod: string;
  readonly node?: string;
}

/** KSR's counters of one reflector. */
export interface ReflectorStats {
  readonly Adds?: number;
  readonly Updates?: number;
  readonly Deletes?: number;
  readonly Resyncs?: number;
  readonly AddErrors?: number;
  readonly UpdErrors?: number;
  readonly DelErrors?: number;
  readonly ArgErrors?: number;
  readonly ResErrors?: number;
}

export interface StatsRecord {
  readonly namespaceStats?: ReflectorStats;
  readonly podStats?: ReflectorStats;
  readonly policyStats?: ReflectorStats;
  readonly endpointsStats?: ReflectorStats;
  readonly serviceStats?: ReflectorStats;
  readonly nodeStats?: ReflectorStats;
  readonly sfcPodStats?: ReflectorStats;
}

/** An entry of `allocatedIDs/`, as far as podwire reads it. */
interface NodeIdRecord {
  readonly id?: number;
  readonly name?: string;
}

/** podwire's own: what is attached to a pod. */
export interface PodNetworksRecord {
  readonly name: string;
  readonly namespace: string;
  readonly uid?: string;
  readonly node?: string;
  readonly network?: readonly PodNetwork[];
}

export interface PodNetwork {
  readonly name?: string;
  /** Namespace of the network's definition, or nothing for one of the whole cluster. */
  readonly scope?: string;
  readonly kind?: string;
  readonly interface_name?: string;
  readonly mac_address?: string;
  readonly mtu?: number;
  /** With prefix lengths. */
  readonly ip_addresses?: readonly string[];
  /** VXLAN only. */
  readonly vni?: number;
}

/** The records of the reflected kinds. */
export interface RecordOf {
  readonly namespace: NamespaceRecord;
  readonly pod: PodRecord;
  readonly policy: PolicyRecord;
  readonly service: ServiceRecord;
  readonly endpoints: EndpointsRecord;
  readonly node: NodeRecord;
  readonly sfcPod: SfcPodRecord;
  readonly podNetworks: PodNetworksRecord;
  readonly stats: StatsRecord;
  readonly nodeId: NodeIdRecord;
}

export type ReflectedRecord = RecordOf[keyof RecordOf];
