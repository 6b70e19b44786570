/**
 * How a node reaches the pods of the other nodes (ADR 55): a VXLAN device whose every entry is static, or, where the other node is a neighbour
 * and the settings say so, a route to it. Pure.
 */
import type { FdbEntry } from '../forwarding/fdb.ts';
import type { Neighbour } from '../forwarding/neighbours.ts';
import { PodwireError } from '../failures.ts';
import type { IpNumbers } from '../ports/ip-numbers.ts';
import { familyOf, OVERHEAD } from '../vxlan/link-mtu.ts';
import type { LinkView } from '../vxlan/link-observation.ts';
import { gatewayOf } from './addressing.ts';
import type { NodeMember } from './node-member.ts';
import { ALIAS } from './pod-wiring.ts';
import { containsAddress, overlap, subnetText, WIDTH, type IpValue, type Subnet } from './subnet.ts';

/** `auto`: to nodes that are neighbours. `always`: to these alone, whatever is farther away is the routers'. `never`: all by the tunnel. */
export type DirectRouting = 'auto' | 'always' | 'never';

export interface MeshSettings {
  readonly device: string;
  readonly vni: number;
  readonly dstPort: number;
  /** Link whose MTU the tunnel has to fit into, and whose neighbours are reached directly; undefined: the one with the node's address. */
  readonly parent: string | undefined;
  readonly directRouting: DirectRouting;
}

export type NodeLink = Pick<LinkView, 'name' | 'mtu' | 'addresses'>;

export interface MeshView {
  readonly own: NodeMember;
  /** May hold the node itself. */
  readonly members: readonly NodeMember[];
  readonly links: readonly NodeLink[];
}

export interface MeshDevice {
  readonly name: string;
  readonly alias: string;
  readonly vni: number;
  readonly dstPort: number;
  /** The node's end of the tunnels; its family is theirs. */
  readonly local: string;
  readonly mac: string;
  readonly mtu: number;
}

export interface MeshRoute {
  readonly family: 4 | 6;
  readonly destination: { readonly address: string; readonly prefix: number };
  /** undefined: nobody is there. */
  readonly link?: string;
  readonly gateway?: string;
  /** With which address the node itself calls there. */
  readonly source?: string;
}

export interface MeshPlan {
  readonly device: MeshDevice;
  /** Of the device, each alone in its subnet. */
  readonly addresses: readonly { readonly family: 4 | 6; readonly address: string }[];
  readonly entries: readonly FdbEntry[];
  readonly neighbours: readonly Neighbour[];
  /** Each behind those that its gateway is reached by. */
  readonly routes: readonly MeshRoute[];
  /** Nodes whose pods are not reached, all of them or those of one family. */
  readonly unreached: readonly { readonly node: string; readonly why: string }[];
}

/** @throws PodwireError ParentMissing: no link has the node's address, or it is not there; AddressingInvalid: the node's own subnets */
export function meshPlan({ own, members, links }: MeshView, settings: MeshSettings, ip: IpNumbers): MeshPlan {
  const local = tunnelAddress(own, [4, 6]) ?? missing(`${own.node} has no address in the network between the nodes`);
  const parent = parentOf(local, links, settings);
  const subnets = own.subnets.map((text) => ip.subnet(text) ?? invalid(`pod subnet ${text} cannot be read`));
  const place: OwnPlace = {
    ...{ settings, ip, subnets, parent, family: familyOf(local), mac: own.mac },
    gateways: new Map(subnets.map((subnet) => [subnet.family, ip.text(gatewayOf(subnet))])),
    taken: links
      .filter(({ name }) => name !== settings.device)
      .flatMap(({ addresses }) => addresses.flatMap(({ cidr }) => ip.value(cidr.split('/', 1)[0] ?? '') ?? [])),
  };
  const { peers, refused } = distinctPeers(place, own.node, members);
  const ways = peers.map((peer) => wayTo(place, peer));
  return {
    device: {
      ...{ name: settings.device, alias: ALIAS, vni: settings.vni, dstPort: settings.dstPort },
      ...{ local, mac: own.mac, mtu: parent.mtu - OVERHEAD[place.family] },
    },
    addresses: [...place.gateways].map(([family, address]) => ({ family, address })),
    entries: ways.flatMap(({ entries }) => entries),
    neighbours: ways.flatMap(({ neighbours }) => neighbours),
    // What comes for a pod that is not there ends here, instead of going back by the default route.
    routes: [
      ...subnets.map((subnet) => ({ family: subnet.family, destination: rangeOf(subnet, ip) })),
      ...ways.flatMap(({ routes }) => routes),
    ],
    unreached: [...refused, ...ways.flatMap(({ unreached }) => unreached)],
  };
}

/**
 * Settings of the device before it goes up; paths below /proc/sys. Its packets come from nodes, of which it is known who they are: that their senders'
 * addresses are reached by it is not asked (`rp_filter` 2), since a node may send by the tunnel what it gets directly.
 */
export function meshSettings({ device: { name }, addresses }: MeshPlan): ReadonlyMap<string, string> {
  const hasSix = addresses.some(({ family }) => family === 6);
  return new Map([
    [`net/ipv6/conf/${name}/accept_ra`, '0'],
    [`net/ipv4/conf/${name}/rp_filter`, '2'],
    [`net/ipv4/conf/${name}/forwarding`, '1'],
    ...(hasSix
      ? ([
          [`net/ipv6/conf/${name}/disable_ipv6`, '0'],
          [`net/ipv6/conf/${name}/forwarding`, '1'],
        ] as const)
      : []),
  ]);
}

interface OwnPlace {
  readonly settings: MeshSettings;
  readonly ip: IpNumbers;
  readonly subnets: readonly Subnet[];
  /** Own, by family. */
  readonly gateways: ReadonlyMap<4 | 6, string>;
  readonly parent: NodeLink;
  /** Of the tunnels. */
  readonly family: 4 | 6;
  readonly mac: string;
  /** Addresses of the node's links. */
  readonly taken: readonly IpValue[];
}

interface Peer {
  readonly member: NodeMember;
  readonly subnets: readonly Subnet[];
}

type Way = Pick<MeshPlan, 'entries' | 'neighbours' | 'routes' | 'unreached'>;

const tunnelAddress = ({ addresses }: NodeMember, families: readonly (4 | 6)[]): string | undefined =>
  families.flatMap((family) => addresses.filter((address) => familyOf(address) === family)).at(0);

function parentOf(local: string, links: readonly NodeLink[], { device, parent }: MeshSettings): NodeLink {
  if (parent !== undefined)
    return links.find(({ name }) => name === parent) ?? missing(`the node has no link ${parent}`);
  const hasLocal = ({ name, addresses }: NodeLink): boolean =>
    name !== device && addresses.some(({ cidr }) => cidr.split('/', 1)[0] === local);
  return links.find(hasLocal) ?? missing(`no link of the node has its address ${local}`);
}

/**
 * Of two members that cannot both be reached one is: the one whose subnet comes first, or whose name does. This node's own go before all, and so do the
 * networks that it is in: a record must not take over what is none of pods'.
 */
function distinctPeers(place: OwnPlace, node: string, members: readonly NodeMember[]) {
  const { ip, mac } = place;
  const refused = new Map<string, string>();
  const refuse = (of: string, why: string): void => void (refused.has(of) || refused.set(of, why));
  const peers: Peer[] = [];
  for (const member of members) {
    if (member.node === node) continue;
    const subnets = member.subnets.flatMap((text) => ip.subnet(text) ?? []);
    const isWhole = subnets.length === member.subnets.length && subnets.length > 0;
    if (isWhole) peers.push({ member, subnets });
    else refuse(member.node, 'its pod subnets cannot be read');
  }
  const macs = new Map([[mac, node]]);
  const last = new Map<4 | 6, Subnet & { readonly node: string }>();
  for (const { subnet, of } of inOrder(peers)) {
    const before = last.get(subnet.family);
    const why =
      conflictWithin(place, node, subnet) ??
      (before !== undefined && before.node !== of.node && overlap(before, subnet)
        ? overlapOf(subnet, before.node, ip)
        : undefined) ??
      ((macs.get(of.mac) ?? of.node) === of.node ? undefined : `its MAC ${of.mac} is that of ${macs.get(of.mac)}`);
    if (why === undefined) {
      macs.set(of.mac, of.node);
      last.set(subnet.family, { ...subnet, node: of.node });
    } else refuse(of.node, why);
  }
  return {
    peers: peers.filter(({ member }) => !refused.has(member.node)),
    refused: [...refused].map(([of, why]) => ({ node: of, why })),
  };
}

/** Why a peer's subnet cannot be the pods' of another node; undefined: it can. */
function conflictWithin({ ip, subnets, taken }: OwnPlace, node: string, subnet: Subnet): string | undefined {
  if (subnets.some((own) => overlap(own, subnet))) return overlapOf(subnet, node, ip);
  const held = taken.find((address) => containsAddress(subnet, address));
  return held && `its pod subnet ${subnetText(subnet, ip)} holds this node's address ${ip.text(held)}`;
}

const overlapOf = (subnet: Subnet, other: string, ip: IpNumbers): string =>
  `its pod subnet ${subnetText(subnet, ip)} overlaps that of ${other}`;

/** Subnets that overlap follow one another: of two, one holds the other. */
const inOrder = (peers: readonly Peer[]): { subnet: Subnet; of: NodeMember }[] =>
  peers
    .flatMap(({ member, subnets }) => subnets.map((subnet) => ({ subnet, of: member })))
    .sort((a, b) => {
      if (a.subnet.base !== b.subnet.base) return a.subnet.base < b.subnet.base ? -1 : 1;
      return a.subnet.prefix - b.subnet.prefix || (a.of.node < b.of.node ? -1 : 1);
    });

function wayTo(place: OwnPlace, { member, subnets }: Peer): Way {
  const { settings, family, ip, gateways } = place;
  const { directRouting, device } = settings;
  const destination = tunnelAddress(member, [family]);
  const neighbours: Neighbour[] = [];
  const routes: MeshRoute[] = [];
  const unreached: { node: string; why: string }[] = [];
  let isTunnelled = false;
  for (const subnet of subnets) {
    // Without pods of that family nobody here calls there.
    const source = gateways.get(subnet.family);
    if (source === undefined) continue;
    const to = { family: subnet.family, destination: rangeOf(subnet, ip), source };
    const neighbour = directRouting === 'never' ? undefined : neighbourOf(place, member, subnet.family);
    if (neighbour !== undefined) routes.push({ ...to, link: place.parent.name, gateway: neighbour });
    else if (directRouting === 'always')
      unreached.push({ node: member.node, why: `it is no neighbour in IPv${subnet.family}, and there is no tunnel` });
    else if (destination === undefined)
      unreached.push({ node: member.node, why: `it has no IPv${family} address, of which the tunnels are` });
    else {
      const address = ip.text(gatewayOf(subnet));
      isTunnelled = true;
      neighbours.push({ address, mac: member.mac });
      routes.push({ family: subnet.family, destination: { address, prefix: WIDTH[subnet.family] }, link: device });
      routes.push({ ...to, link: device, gateway: address });
    }
  }
  return {
    entries: isTunnelled && destination !== undefined ? [{ mac: member.mac, destination }] : [],
    ...{ neighbours, routes, unreached },
  };
}

/** The node's address of that family, where it lies in a subnet of the parent. */
function neighbourOf({ parent, ip }: OwnPlace, member: NodeMember, family: 4 | 6): string | undefined {
  const address = tunnelAddress(member, [family]);
  const value = address === undefined ? undefined : ip.value(address);
  if (value === undefined) return undefined;
  const isNeighbour = parent.addresses.some(({ cidr, linkLocal }) => {
    const subnet = linkLocal ? undefined : ip.subnet(cidr);
    return subnet !== undefined && containsAddress(subnet, value);
  });
  return isNeighbour ? address : undefined;
}

const rangeOf = ({ family, base, prefix }: Subnet, ip: IpNumbers): MeshRoute['destination'] => ({
  address: ip.text({ family, value: base }),
  prefix,
});

function missing(why: string): never {
  throw new PodwireError('ParentMissing', why);
}

function invalid(why: string): never {
  throw new PodwireError('AddressingInvalid', why);
}
