/** What podwire writes to its etcd. Every record carries `v`, and readers refuse one that is not theirs (ADR 28). */
import type { AgentIdentity } from './pod/agents.ts';
import type { BlockedOn } from './plan/blocked-on.ts';
import type { CniAttachmentSpec } from './cni/attachment.ts';
import type { CniSelection, Dialect, NetworkRef, ThroughDefinition } from './network-selection.ts';
import type { GivenToLink, VxlanLinkSpec } from './vxlan/vxlan.ts';

export const RECORD_VERSION = 1;

/**
 * A network namespace beyond doubt (ADR 30): an inode number alone is reused by the very next netns, so the mount's
 * change time belongs to it. Both as decimal text, since they may exceed what a JSON number holds.
 */
export interface NetnsIdentity {
  readonly path: string;
  readonly inode: string;
  readonly ctimeNs: string;
}

/** Stands for what the exec backend cannot know. */
export const EXEC_NETNS: NetnsIdentity = { path: 'exec', inode: '0', ctimeNs: '0' };

/** A Ready sandbox as its node worker published it. */
export interface SandboxRecord {
  readonly v: number;
  /** As the container runtime has it. */
  readonly podUid: string;
  readonly namespace: string;
  readonly name: string;
  readonly sandboxId: string;
  readonly bootId: string;
  readonly netns: NetnsIdentity;
  /** Of one that was announced before it was Ready (ADR 52): the addresses that the pod's own network gave it, primary first. */
  readonly podIPs?: readonly string[];
}

export interface AttachmentOwner {
  readonly workflowId: string;
  readonly runId: string;
}

/** What the node read back from the kernel after the link was made. */
export interface LinkResult {
  readonly ifindex: number;
  /** Of a veth: the index of its other end, on the host. */
  readonly hostIfindex?: number;
  readonly mac: string;
  readonly mtu: number;
  readonly addresses: readonly string[];
  readonly adopted: boolean;
  /** What had the interface name when the attach began. */
  readonly before: 'absent' | 'ours' | 'foreign-compatible';
  /** From a CNI result: what only the plugins know. */
  readonly dns?: DnsResult;
  readonly gateways?: readonly string[];
  readonly others?: readonly ReportedInterface[];
  /** Of a VXLAN link over another link than the one with the tunnel address: addresses that its packets may come from. */
  readonly sendsFrom?: readonly string[];
  /** Of a VXLAN link: what of it is from its network's pool. */
  readonly given?: GivenToLink;
  /** What is not as it should be with a link that serves all the same; told to the pod's owner. */
  readonly warning?: StepFailure;
}

/** An interface in the pod that plugins report beside the one that they were asked for. */
export interface ReportedInterface {
  readonly interfaceName: string;
  readonly mac?: string;
  readonly addresses: readonly string[];
}

export interface DnsResult {
  readonly nameservers?: readonly string[];
  readonly domain?: string;
  readonly search?: readonly string[];
}

export interface StepFailure {
  readonly code: string;
  readonly message: string;
}

/** Why a step of an attachment keeps failing, or that its drift remains; apart from the record, whose mod-revision is a fencing token. */
export interface FailureRecord extends StepFailure {
  readonly v: number;
  readonly interfaceName: string;
  readonly generation: number;
}

/** `intent`: written before the first side effect. `attached`: read back from the kernel. `removing`: being undone. */
export type AttachmentPhase = 'intent' | 'attached' | 'removing';

interface AttachmentBase {
  readonly v: number;
  readonly podUid: string;
  /** As of `SoughtPod`. */
  readonly runtimeUid?: string;
  readonly namespace: string;
  readonly name: string;
  readonly node: string;
  readonly sandboxId: string;
  readonly bootId: string;
  readonly netns: NetnsIdentity;
  readonly network: NetworkRef;
  readonly interfaceName: string;
  readonly owner: AttachmentOwner;
  /** Grows with every intent and every removal of this interface; part of the link's alias. */
  readonly generation: number;
  readonly phase: AttachmentPhase;
  readonly result?: LinkResult;
  /** Exec backend: the agent container through which the link was last made or verified; boot and netns are then `EXEC_NETNS`. */
  readonly agent?: AgentIdentity;
}

/** What an attached link was made from. */
export interface LinkBasis {
  readonly link: VxlanLinkSpec;
  readonly vtep: string;
}

export interface VxlanAttachmentRecord extends AttachmentBase, LinkBasis {
  readonly kind: 'vxlan';
  /** Of an intent: what was last attached, to go back to if the kernel refuses `link` (ADR 18). */
  readonly lastGood?: LinkBasis;
  /**
   * Tunnels (`port/id`) of the link that this one replaces, while that may still be there: their ids stay the network's until the result
   * is recorded.
   */
  readonly replaces?: readonly string[];
  /** A MAC address that the pod asked for and asks for no longer: the link keeps it as long as it is there, and nobody else gets it. */
  readonly keptMac?: string;
  /** This pod's address on the parent link: what the other members send to. */
  readonly vtep: string;
  /** Absent: openvnf's annotation asks for it. */
  readonly through?: ThroughDefinition;
}

/** What plugins are called with. */
export interface CniBasis {
  readonly network: NetworkRef;
  readonly dialect: CniSelection['dialect'];
  readonly cni: CniAttachmentSpec;
  /** The network configuration as it was when the intent was written: ADD, CHECK and DEL get this one, whatever becomes of the object. */
  readonly configText: string;
  /** UID of the object that defines the network. */
  readonly definitionUid: string;
}

export interface CniAttachmentRecord extends AttachmentBase, CniBasis {
  readonly kind: 'cni';
  /**
   * Of an intent over an attached interface: what `result` was made with. Its DEL comes before the new ADD (ADR 6), and it is made again
   * when that fails (ADR 18).
   */
  readonly madeWith?: CniBasis;
}

/** What the ADD behind the record's result was called with; undefined: there was none. */
export function madeWith(record: AttachmentRecord | undefined): CniBasis | undefined {
  if (record?.kind !== 'cni' || record.result === undefined) return undefined;
  const { network, dialect, cni, configText, definitionUid } = record;
  return record.madeWith ?? { network, dialect, cni, configText, definitionUid };
}

/** The network that the interface was last read back in; undefined: an attach has never come so far. */
export const attachedTo = (record: AttachmentRecord): NetworkRef | undefined =>
  record.result === undefined ? undefined : (madeWith(record) ?? record).network;

/** Identity of a tunnel as `vnis` and `users` have it. */
export const tunnelOf = ({ link }: Pick<VxlanAttachmentRecord, 'link'>): string => `${link.dstPort}/${link.vni}`;

export type AttachmentRecord = VxlanAttachmentRecord | CniAttachmentRecord;

/** Whose annotation asks for the attachment. */
export const dialectOf = (record: AttachmentRecord): Dialect =>
  record.kind === 'vxlan' ? (record.through?.dialect ?? 'openvnf') : record.dialect;

/** The network as the annotation names it: that of the object of its dialect. */
export const namedNetwork = (record: AttachmentRecord): NetworkRef =>
  record.kind === 'vxlan' ? (record.through?.definition ?? record.network) : record.network;

/** ADD's result as the plugin printed it, apart from the record, whose mod-revision is a fencing token. */
export interface CniResultRecord {
  readonly v: number;
  readonly generation: number;
  readonly text: string;
}

/** A record with the etcd revision of its last write: the fencing token of everything done for it. */
export interface Stored<T> {
  readonly key: string;
  readonly value: T;
  /** Decimal text of etcd's mod_revision. */
  readonly modRevision: string;
}

/** Converged record (ADR 31). */
export interface ConvergedRecord {
  readonly v: number;
  readonly namespace: string;
  readonly name: string;
  readonly node: string;
  readonly inputsHash: string;
  readonly sandboxId: string;
}

/** Membership (ADR 35). */
export interface MemberRecord {
  readonly v: number;
  readonly node: string;
  readonly sandboxId: string;
  readonly interfaceName: string;
  readonly generation: number;
  readonly vtep: string;
  /** As of its link's result. */
  readonly sendsFrom?: readonly string[];
  readonly mac: string;
  /** Absent: it joined before members told it. */
  readonly mtu?: number;
  readonly addresses: readonly string[];
}

export interface Member extends MemberRecord {
  readonly podUid: string;
}

/** How far the nodes of a VXLAN network have followed its members (ADR 34). */
export interface MeshRecord {
  readonly v: number;
  /** Nodes that have not applied the members as the last mesh run saw them, nor been heard of since. */
  readonly behind: readonly string[];
  /** Of those, since when: ISO 8601. */
  readonly since: Readonly<Record<string, string>>;
  /** When the mesh run wrote it, which nodes that take themselves out of it leave as it is. */
  readonly recordedAt: string;
}

/** Why an attachment was refused although the annotation is right (a taken VNI, for example). */
export interface RefusalRecord extends BlockedOn {
  readonly v: number;
  readonly namespace: string;
  readonly name: string;
  readonly inputsHash: string;
  readonly network: NetworkRef;
  readonly interfaceName: string;
  readonly code: string;
  readonly message: string;
}

/** As it was read. */
export interface RecordedRefusal extends RefusalRecord {
  /** Decimal text of etcd's mod_revision. */
  readonly modRevision: string;
}
