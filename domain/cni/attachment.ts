/** What a pod asks of a CNI plugin chain, whatever dialect it was written in. */

/** Bits per second and bits (CNI CONVENTIONS.md, capability `bandwidth`). */
export interface CniBandwidth {
  readonly ingressRate?: number;
  readonly ingressBurst?: number;
  readonly egressRate?: number;
  readonly egressBurst?: number;
}

export interface CniPortMapping {
  readonly hostPort: number;
  readonly containerPort: number;
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  readonly hostIP?: string;
}

/** Capability arguments under the names of CNI CONVENTIONS.md; a plugin gets those whose capability it declares. */
export interface CniCapabilityArgs {
  /** Canonical CIDRs or addresses, in the order written. */
  readonly ips?: readonly string[];
  readonly mac?: string;
  readonly infinibandGUID?: string;
  readonly bandwidth?: CniBandwidth;
  readonly portMappings?: readonly CniPortMapping[];
  readonly deviceID?: string;
}

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

export interface CniAttachmentSpec {
  readonly kind: 'cni';
  /** Empty in a selection that leaves the name to podwire (`netN`); never empty in a record. */
  readonly interfaceName: string;
  readonly capabilityArgs: CniCapabilityArgs;
  /** CNI_ARGS behind `IgnoreUnknown=1` and the pod's identity, in this order; values match `[A-Za-z0-9_.:-]*`. */
  readonly args: readonly (readonly [key: string, value: string])[];
  /** Merged into every plugin's configuration under `args.cni` (NPWG `cni-args`). */
  readonly configArgs?: JsonObject;
  /** Gateways that get the pod's default route (NPWG `default-route`), canonical addresses. */
  readonly defaultRoute: readonly string[];
  /** NPWG `default-route: []`: none of the network, though its definition would give one. */
  readonly noDefaultRoute?: true;
}

/** Where a configuration came from, and its text as its author wrote it. */
export interface CniConfigSource {
  /** UID of the NetworkAttachmentDefinition or Network object. */
  readonly uid: string;
  /** The network configuration (CNI `.conf` or `.conflist`), byte for byte; at most 64 KiB. Empty in a selection: a file of the node has it. */
  readonly text: string;
}
