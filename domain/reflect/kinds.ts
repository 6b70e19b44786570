/** What of a cluster is reflected, and what the original reflector calls it. */

/** In the order in which a full reflection does them: what others refer to comes first. */
export const REFLECT_KINDS = ['namespace', 'pod', 'policy', 'service', 'endpoints', 'node', 'sfcPod'] as const;

export type ReflectKind = (typeof REFLECT_KINDS)[number];

/** Name of the reflector in KSR's logs, statistics (label `reflectorType`) and errors. */
export const REFLECTOR_TYPES: Readonly<Record<ReflectKind, string>> = {
  namespace: 'Namespace',
  pod: 'Pod',
  policy: 'NetworkPolicy',
  service: 'Service',
  endpoints: 'Endpoints',
  node: 'Node',
  sfcPod: 'SfcPod',
};

/**
 * Everything that a codec knows: the reflected kinds; `podNetworks`, podwire's own facts about a pod; `stats`, KSR's
 * counters at `status/gauges`; `nodeId`, an entry of `allocatedIDs/`, which the contiv agents write.
 */
export type RecordKind = ReflectKind | 'podNetworks' | 'stats' | 'nodeId';

/** Whether objects of a kind live in a namespace. */
export const isNamespaced = (kind: ReflectKind): boolean => kind !== 'namespace' && kind !== 'node';
