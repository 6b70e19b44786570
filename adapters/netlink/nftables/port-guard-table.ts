/**
 * As whom a port of a network of mode node may send (`domain/node-mode/port-guard.ts`): a table of the family netdev for each port, in the node's
 * namespace, whose chain sees what the pod sends before the bridge does. It is replaced as a whole by one transaction. Pure but for what asks the kernel.
 *
 * Offsets are those of Ethernet's header, of ARP (RFC 826), IPv4 (RFC 791), IPv6 (RFC 8200) and of Neighbour Discovery (RFC 4861 §4).
 */
import { linkName, mac } from '../../links/link-values.ts';
import type { PortGuard } from '../../../domain/node-mode/port-guard.ts';
import { decodeAttributes, read, type Attribute } from '../codec/attributes.ts';
import { ipBytesOf, macBytes } from '../codec/values.ts';
import { accept, differs, drop, equals, HEADER_BASE, isIn, isNotIn, META, meta, payload } from './expressions.ts';
import {
  addChain,
  addElements,
  addSet,
  addTable,
  appendRule,
  deleteTable,
  withHeader,
  type BaseChain,
  type KeySet,
  type Table,
} from './objects.ts';
import type { NetfilterMessage, NetfilterSocket } from './transport.ts';
import { NETDEV_INGRESS, NFPROTO, NFT_MSG, TABLE } from './uapi.ts';

/** What the names of such tables begin with; the link's follows. */
const TABLE_NAME = 'podwire_';

/** Of nft(8)'s types: ipv4_addr, ipv6_addr. */
const FOUR: KeySet = { name: 'own4', keyType: 7, keyLength: 4, byteOrder: 'network' };
const SIX: KeySet = { name: 'own6', keyType: 8, keyLength: 16, byteOrder: 'network' };
const CHAIN_NAME = 'ingress';
/** Before whoever else looks at what the port sends. */
const PRIORITY = -300;

const IPPROTO_ICMPV6 = 58;
const SOLICITATION = 135;
const ADVERTISEMENT = 136;
/** Solicitations and advertisements of routers and neighbours, and redirects: all that say who has which address. */
const DISCOVERY = [133, 134, SOLICITATION, ADVERTISEMENT, 137];
/** Bytes of a solicitation or advertisement of a neighbour without an option, and of one with the option that has a MAC. */
const BARE = 24;
const WITH_MAC = 32;
/** ND_OPT_SOURCE_LINKADDR and ND_OPT_TARGET_LINKADDR, and their length in units of eight bytes. */
const SOURCE_MAC = [1, 1];
const TARGET_MAC = [2, 1];
const NO_ADDRESS_4 = [0, 0, 0, 0];
const NO_ADDRESS_6 = Array<number>(16).fill(0);

const tableOf = (link: string): Table => ({ family: NFPROTO.NETDEV, name: `${TABLE_NAME}${linkName(link)}` });
const chainOf = (link: string): BaseChain => ({
  ...{ name: CHAIN_NAME, hook: NETDEV_INGRESS, priority: PRIORITY, device: linkName(link) },
});

/** What a transaction has to do, without its beginning and end. @throws PodwireError InvalidLink; RangeError for what is no address */
export function guardMessages(link: string, { mac: own, four, six }: PortGuard): NetfilterMessage[] {
  const table = tableOf(link);
  return [
    ...[...noGuardMessages(link), addTable(table)],
    ...[
      addSet(table, FOUR),
      ...addElements(
        table,
        FOUR.name,
        four.map((each) => ipBytesOf(4, each)),
        false,
      ),
    ],
    ...[
      addSet(table, SIX),
      ...addElements(
        table,
        SIX.name,
        six.map((each) => ipBytesOf(6, each)),
        false,
      ),
    ],
    addChain(table, chainOf(link)),
    ...rules([...macBytes(mac(own))]).map((expressions) => appendRule(table, CHAIN_NAME, expressions)),
  ];
}

/** Nothing that comes up to the node's own stack by this link gets there. */
export function deafMessages(link: string): NetfilterMessage[] {
  const table = tableOf(link);
  return [
    ...[...noGuardMessages(link), addTable(table)],
    ...[addChain(table, chainOf(link)), appendRule(table, CHAIN_NAME, [drop])],
  ];
}

/** Names of links that have such a table, whatever is in it. @throws NetlinkRefused, MalformedNetlink */
export function guardedLinks(socket: Pick<NetfilterSocket, 'dump'>): Set<string> {
  const names = socket
    .dump(NFT_MSG.GETTABLE, withHeader(NFPROTO.NETDEV, []))
    .map((payload) => read.text(decodeAttributes(payload.subarray(FAMILY_HEADER)), TABLE.NAME) ?? '');
  return new Set(names.filter((name) => name.startsWith(TABLE_NAME)).map((name) => name.slice(TABLE_NAME.length)));
}

/** `struct nfgenmsg`. */
const FAMILY_HEADER = 4;

/** A table that is not there cannot be deleted. */
export const noGuardMessages = (link: string): NetfilterMessage[] => [
  addTable(tableOf(link)),
  deleteTable(tableOf(link)),
];

const rules = (own: readonly number[]): Attribute[][] => [
  [...at('LINK', 6, 6), differs(...own), drop],
  ...arpRules(own),
  [...ARP, accept],
  [...IPV4, ...at('NETWORK', 12, 4), isNotIn(FOUR.name, false), drop],
  [...IPV4, accept],
  ...discoveryRules(own),
  ...DISCOVERY.map((type) => [...ICMPV6, ...is(type), drop]),
  [...IPV6, ...at('NETWORK', 8, 16), isNotIn(SIX.name, false), drop],
  [...IPV6, accept],
  // Tags, tunnels, whatever else there is: nobody looks into them.
  [drop],
];

/** Of Ethernet and IPv4. Who asks whether an address is taken has none yet (RFC 5227). */
const arpRules = (own: readonly number[]): Attribute[][] => [
  [...ARP, ...at('NETWORK', 0, 6), differs(0, 1, 8, 0, 6, 4), drop],
  [...ARP, ...at('NETWORK', 8, 6), differs(...own), drop],
  [...ARP, ...at('NETWORK', 14, 4), equals(...NO_ADDRESS_4), accept],
  [...ARP, ...at('NETWORK', 14, 4), isNotIn(FOUR.name, false), drop],
];

/** Exactly what a neighbour says of itself. Longer messages could say more behind their first option; those in fragments are heard by nobody. */
const discoveryRules = (own: readonly number[]): Attribute[][] => [
  [...ICMPV6, ...is(ADVERTISEMENT), ...ownSource, ...ownTarget, ...long(BARE), accept],
  [...ICMPV6, ...is(ADVERTISEMENT), ...ownSource, ...ownTarget, ...long(WITH_MAC), ...option(TARGET_MAC, own), accept],
  [...ICMPV6, ...is(SOLICITATION), ...ownSource, ...long(BARE), accept],
  [...ICMPV6, ...is(SOLICITATION), ...ownSource, ...long(WITH_MAC), ...option(SOURCE_MAC, own), accept],
  // Whether somebody has the address that is to be its own.
  [...ICMPV6, ...is(SOLICITATION), ...at('NETWORK', 8, 16), equals(...NO_ADDRESS_6), ...ownTarget, accept],
];

const at = (base: keyof typeof HEADER_BASE, offset: number, length: number): Attribute[] => [
  payload(HEADER_BASE[base], offset, length),
];
/** As it stands in the frame: where the kernel has taken a tag out of it, that is there again. */
const carries = (...type: readonly number[]): Attribute[] => [...at('LINK', 12, 2), equals(...type)];
const ARP = carries(0x08, 0x06);
const IPV4 = carries(0x08, 0x00);
const IPV6 = carries(0x86, 0xdd);
const ICMPV6 = [...IPV6, meta(META.L4PROTO), equals(IPPROTO_ICMPV6)];
const is = (type: number): Attribute[] => [...at('TRANSPORT', 0, 1), equals(type)];
const long = (bytes: number): Attribute[] => [...at('NETWORK', 4, 2), equals(0, bytes)];
const ownSource: Attribute[] = [...at('NETWORK', 8, 16), isIn(SIX.name, false)];
const ownTarget: Attribute[] = [...at('TRANSPORT', 8, 16), isIn(SIX.name, false)];
const option = (kind: readonly number[], own: readonly number[]): Attribute[] => [
  ...at('TRANSPORT', 24, 8),
  equals(...kind, ...own),
];
