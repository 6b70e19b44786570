/**
 * What a network of mode node has on one node (ADR 65): a VXLAN device and a bridge, which all members of the node share, and for each of them a
 * port. Everything that is forwarded is known from the membership; nothing is learned. Pure.
 */
import { PodwireError } from '../failures.ts';
import { FLOOD_MAC, isUnicast, type FdbEntry } from '../forwarding/fdb.ts';
import type { Neighbour } from '../forwarding/neighbours.ts';
import type { Senders } from '../forwarding/senders.ts';
import type { NetworkRef } from '../network-selection.ts';
import type { Member } from '../records.ts';
import { addressOf } from '../text/cidr.ts';
import { familyOf, OVERHEAD } from '../vxlan/link-mtu.ts';
import { portGuard, type PortGuard } from './port-guard.ts';

export interface SegmentNetwork {
  readonly network: NetworkRef;
  readonly vni: number;
  readonly dstPort: number;
  /** Absent: what the parent's MTU leaves. */
  readonly mtu?: number;
  /** Whether frames to MACs that no member has go to all members. */
  readonly floodUnknown: boolean;
  /** Whether members may send as themselves alone. */
  readonly guarded: boolean;
}

/** The node itself. */
export interface SegmentPlace {
  readonly node: string;
  /** Its end of the tunnels; their family is its. */
  readonly vtep: string;
  /** Of the link that has this address. */
  readonly parentMtu: number;
}

export type SegmentMember = Pick<Member, 'podUid' | 'interfaceName' | 'node' | 'vtep' | 'mac' | 'addresses'>;

export interface SegmentNames {
  /** Of the VXLAN device and the bridge, in the node's namespace. */
  readonly device: string;
  readonly bridge: string;
  /** Of both: which network's they are. */
  readonly alias: string;
}

export interface SegmentPlan extends SegmentNames {
  /** Of the bridge. */
  readonly mac: string;
  readonly vni: number;
  readonly dstPort: number;
  readonly local: string;
  /** Of both, and of the members' links. */
  readonly mtu: number;
  readonly floodUnknown: boolean;
  /** Of the VXLAN device: a MAC of each member of another node, and the nodes that broadcasts go to. */
  readonly tunnels: readonly FdbEntry[];
  /** Of the bridge, which answers for them: addresses of all members. */
  readonly neighbours: readonly Neighbour[];
  /** Which MAC is behind which port, of this node's members. */
  readonly behind: readonly PortEntry[];
  /** As whom these may send; none where whoever likes may. */
  readonly guards: readonly GuardedPort[];
  /** Nodes that tunnel packets are taken from. */
  readonly senders: Senders;
}

/** Entry of a bridge: the MAC is behind that port. */
export interface PortEntry {
  readonly mac: string;
  readonly port: string;
}

interface GuardedPort {
  readonly port: string;
  readonly guard: PortGuard;
}

/** What a member's link is made from. */
export interface SegmentPort {
  /** Of the end in the bridge. */
  readonly hostName: string;
  /** Of the end in the pod. */
  readonly podName: string;
  /** Of both ends: whose they are. */
  readonly alias: string;
  readonly mac: string;
  /** With their prefixes. */
  readonly addresses: readonly string[];
  /** It is not heard by other such ports of its node, nor hears them. */
  readonly isolated: boolean;
  /** Absent: it may send as whoever it likes. */
  readonly guard?: PortGuard;
}

const DEVICE = 'pwv';
const BRIDGE = 'pwb';
/** What the names of members' ports begin with; that of pods' links of the primary network is another one. */
export const PORT = 'pwn';
/** What the alias of shared devices begins with. */
export const SEGMENT_ALIAS = 'podwire-segment:';

/** A tunnel belongs to one network at a time (ADR 35), and a name is its port and VNI: 15 characters at most. */
export function segmentNames({
  network: { scope, name },
  vni,
  dstPort,
}: Pick<SegmentNetwork, 'network' | 'vni' | 'dstPort'>): SegmentNames {
  const tunnel = `${vni.toString(16)}-${dstPort.toString(16)}`;
  return { device: `${DEVICE}${tunnel}`, bridge: `${BRIDGE}${tunnel}`, alias: `${SEGMENT_ALIAS}${scope}:${name}` };
}

/** The bridge's port of a pod's interface. @param hash of 12 hexadecimal digits at least, of both names */
export const portName = (hash: string): string => `${PORT}${hash.slice(0, 12)}`;

/**
 * @param members of the network; of two with one MAC or address this node's is the one, else the later one
 * @param portOf the port of a member of this node
 * @throws PodwireError ParentMissing: a tunnel does not fit into the parent's MTU
 */
export function segmentPlan(
  spec: SegmentNetwork,
  { node, vtep, parentMtu }: SegmentPlace,
  members: readonly SegmentMember[],
  portOf: (member: SegmentMember) => string,
): SegmentPlan {
  const family = familyOf(vtep);
  const own = members.filter((member) => member.node === node);
  const others = members.filter(
    (member) => member.node !== node && member.vtep !== vtep && familyOf(member.vtep) === family,
  );
  const behind = new Map(own.filter(isUnicast).map((member) => [member.mac, portOf(member)]));
  const macs = new Map(others.filter(isUnicast).map((member) => [member.mac, member.vtep]));
  for (const mac of behind.keys()) macs.delete(mac);
  const nodes = [...new Set(others.map((member) => member.vtep))].sort();
  return {
    ...segmentNames(spec),
    mac: bridgeMac(spec),
    ...{ vni: spec.vni, dstPort: spec.dstPort, local: vtep, floodUnknown: spec.floodUnknown },
    mtu: segmentMtu(spec, vtep, parentMtu),
    tunnels: [
      ...[...macs].map(([mac, destination]) => ({ mac, destination })),
      ...nodes.map((destination) => ({ mac: FLOOD_MAC, destination })),
    ],
    neighbours: neighboursOf([...others, ...own]),
    behind: [...behind].map(([mac, port]) => ({ mac, port })),
    guards: !spec.guarded
      ? []
      : own
          .filter(isUnicast)
          .map((member) => ({ port: portOf(member), guard: portGuard(member.mac, member.addresses) })),
    senders: { vni: spec.vni, dstPort: spec.dstPort, family, from: nodes },
  };
}

/**
 * Nobody ever sends by it. A bridge without a MAC of its own takes one from its ports, another one as they come and go, and forgets its neighbours
 * each time.
 */
const bridgeMac = ({ vni }: SegmentNetwork): string =>
  `0e:71:00:${(vni.toString(16).padStart(6, '0').match(/../g) ?? []).join(':')}`;

/** Of this node's members, too: who asks for one of them is answered, and his question stays on the node. */
function neighboursOf(members: readonly SegmentMember[]): Neighbour[] {
  const macs = new Map<string, string>();
  for (const { addresses, mac } of members.filter(isUnicast))
    for (const cidr of addresses) macs.set(addressOf(cidr), mac);
  return [...macs].map(([address, mac]) => ({ address, mac }));
}

/** The least that IPv4 works with on Linux. */
const MIN_MTU = 68;

function segmentMtu({ mtu }: SegmentNetwork, vtep: string, parentMtu: number): number {
  const room = parentMtu - OVERHEAD[familyOf(vtep)];
  if (room < MIN_MTU) throw new PodwireError('ParentMissing', `a tunnel does not fit into the MTU ${parentMtu}`);
  return Math.min(mtu ?? room, room);
}

export interface PortOf {
  readonly member: SegmentMember;
  readonly hostName: string;
  /** `aliasFor` of the attachment. */
  readonly alias: string;
  readonly isolated: boolean;
  readonly guarded: boolean;
}

export const segmentPort = ({ member, hostName, alias, isolated, guarded }: PortOf): SegmentPort => ({
  ...{ hostName, podName: member.interfaceName, alias, mac: member.mac, addresses: member.addresses, isolated },
  ...(guarded ? { guard: portGuard(member.mac, member.addresses) } : {}),
});

/**
 * Settings of the pod's end before it goes up; paths below /proc/sys. Routers of the network are other pods: nobody believes them. A new MAC is told
 * by the kernel itself, and IPv6 works where it is asked for.
 */
export const portSettings = ({ podName, addresses }: Pick<SegmentPort, 'podName' | 'addresses'>): Map<string, string> =>
  new Map([
    [`net/ipv6/conf/${podName}/accept_ra`, '0'],
    [`net/ipv4/conf/${podName}/arp_notify`, '1'],
    [`net/ipv6/conf/${podName}/ndisc_notify`, '1'],
    ...(addresses.some((each) => each.includes(':'))
      ? ([[`net/ipv6/conf/${podName}/disable_ipv6`, '0']] as const)
      : []),
  ]);
