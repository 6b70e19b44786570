/** Numbers of the kernel in iproute2's words: those of the tables that iproute2 6.1 comes with, and the number itself where they lack it. */
import { ipText } from '../codec/values.ts';

/** Links of the namespace by their indexes, as far as others' lines name them. */
export interface KnownLinks {
  /** `if<index>` for one that is not there. */
  nameOf(index: number): string;
  /** false for one that is not there. */
  isDown(index: number): boolean;
}

type Words = Readonly<Record<number, string>>;

const wordOf =
  (words: Words) =>
  (value: number): string =>
    words[value] ?? String(value);

const hex = (value: number): string => `0x${value.toString(16).padStart(2, '0')}`;

/** `#` of printf's hexadecimal conversions leaves out the prefix of zero. */
export const prefixedHex = (value: number): string => (value === 0 ? '0' : `0x${value.toString(16)}`);

/** /etc/iproute2/rt_protos. */
export const protocolWord = wordOf({
  ...{ 0: 'unspec', 1: 'redirect', 2: 'kernel', 3: 'boot', 4: 'static', 8: 'gated', 9: 'ra', 10: 'mrt', 11: 'zebra' },
  ...{ 12: 'bird', 13: 'dnrouted', 14: 'xorp', 15: 'ntk', 16: 'dhcp', 18: 'keepalived', 42: 'babel', 99: 'openr' },
  ...{ 186: 'bgp', 187: 'isis', 188: 'ospf', 189: 'rip', 192: 'eigrp' },
});

/** /etc/iproute2/rt_scopes. */
export const scopeWord = wordOf({ 0: 'global', 200: 'site', 253: 'link', 254: 'host', 255: 'nowhere' });

/** /etc/iproute2/rt_realms. */
export const realmWord = wordOf({ 0: 'cosmos' });

/** /etc/iproute2/group. */
export const groupWord = wordOf({ 0: 'default' });

/** RTN_… of linux/rtnetlink.h. */
export const routeTypeWord = wordOf({
  ...{ 0: 'none', 1: 'unicast', 2: 'local', 3: 'broadcast', 4: 'anycast', 5: 'multicast', 6: 'blackhole' },
  ...{ 7: 'unreachable', 8: 'prohibit', 9: 'throw', 10: 'nat', 11: 'xresolve' },
});

/** /etc/iproute2/rt_dsfield: the classes of DiffServ. */
const DSFIELDS: Words = {
  ...{ 0x28: 'AF11', 0x30: 'AF12', 0x38: 'AF13', 0x48: 'AF21', 0x50: 'AF22', 0x58: 'AF23', 0x68: 'AF31' },
  ...{ 0x70: 'AF32', 0x78: 'AF33', 0x88: 'AF41', 0x90: 'AF42', 0x98: 'AF43', 0x20: 'CS1', 0x40: 'CS2' },
  ...{ 0x60: 'CS3', 0x80: 'CS4', 0xa0: 'CS5', 0xc0: 'CS6', 0xe0: 'CS7', 0xb8: 'EF' },
};
export const dsfieldWord = (value: number): string => DSFIELDS[value] ?? hex(value);

/** ARPHRD_… of linux/if_arp.h. */
const ARPHRD = { TUNNEL: 768, TUNNEL6: 769, SIT: 776, IPGRE: 778, IP6GRE: 823 } as const;
const LINK_TYPES: Words = {
  ...{ 1: 'ether', 24: 'ieee1394', 32: 'infiniband', 280: 'can', 512: 'ppp', 519: 'rawip', 772: 'loopback' },
  ...{ [ARPHRD.TUNNEL]: 'ipip', [ARPHRD.TUNNEL6]: 'tunnel6', [ARPHRD.SIT]: 'sit', [ARPHRD.IPGRE]: 'gre' },
  ...{ 801: 'ieee802.11', 802: 'ieee802.11/prism', 803: 'ieee802.11/radiotap', 804: 'ieee802.15.4' },
  ...{ [ARPHRD.IP6GRE]: 'gre6', 824: 'netlink', 825: '6lowpan', 826: 'vsockmon', 65534: 'none', 65535: 'void' },
};
export const linkTypeWord = (type: number): string => LINK_TYPES[type] ?? `[${type}]`;

const IPV4_TUNNELS: readonly number[] = [ARPHRD.TUNNEL, ARPHRD.SIT, ARPHRD.IPGRE];
const IPV6_TUNNELS: readonly number[] = [ARPHRD.TUNNEL6, ARPHRD.IP6GRE];

/** A link-layer address: that of a tunnel is the IP address of its end. @param mac hex with colons */
export function linkAddressText(type: number, mac: string): string {
  const bytes = Buffer.from(mac.replaceAll(':', ''), 'hex');
  const isIp =
    (bytes.length === 4 && IPV4_TUNNELS.includes(type)) || (bytes.length === 16 && IPV6_TUNNELS.includes(type));
  return isIp ? ipText(bytes) : mac;
}

/** Ethernet types of VLANs. */
export const vlanProtocolWord = (type: number): string =>
  ({ 0x8100: '802.1Q', 0x88a8: '802.1ad' })[type] ?? `[${type}]`;

/** The words behind which something stands, each with a space behind it. */
export const joined = (words: readonly (string | false | undefined)[]): string =>
  words.map((word) => (word === undefined || word === false || word === '' ? '' : `${word} `)).join('');

/** `word value`; undefined for a value that is absent. */
export const pair = (word: string, value: string | number | undefined): string | undefined =>
  value === undefined ? undefined : `${word} ${value}`;
