/** What `ip -d` of iproute2 6.1 tells about a VXLAN device. */
import type { VxlanData } from '../codec/link.ts';
import { joined, pair, prefixedHex, type KnownLinks } from './words.ts';

const NOWHERE: readonly string[] = ['0.0.0.0', '::'];
/** VXLAN_DF_… of linux/if_link.h. */
const DF: Readonly<Record<number, string>> = { 1: 'set', 2: 'inherit' };

export const vxlanWords = (data: VxlanData, links: KnownLinks): string =>
  joined([
    ...endWords(data, links),
    ...switchWords(data),
    ...headerWords(data),
    ...limitWords(data),
    ...checksumWords(data),
  ]);

type Words = (string | false | undefined)[];

function endWords(data: VxlanData, links: KnownLinks): Words {
  const { linkIndex, srcPorts } = data;
  return [
    data.collectMetadata && 'external',
    // iproute2 6.1 sets no space behind `vnifilter`.
    pair(data.vnifilter === true ? 'vnifilterid' : 'id', data.vni),
    remote(data.group ?? data.group6),
    somewhere('local', data.local ?? data.local6),
    linkIndex !== undefined && linkIndex !== 0 && `dev ${links.nameOf(linkIndex)}`,
    srcPorts !== undefined && `srcport ${srcPorts.low} ${srcPorts.high}`,
    pair('dstport', data.dstPort),
  ];
}

const switchWords = (data: VxlanData): Words => [
  data.learning === false && 'nolearning',
  data.proxy && 'proxy',
  data.rsc && 'rsc',
  data.l2miss && 'l2miss',
  data.l3miss && 'l3miss',
];

/** What the outer headers hold. */
const headerWords = (data: VxlanData): Words => [
  tos(data.tos ?? 0),
  `ttl ${ttl(data)}`,
  pair('df', DF[data.df ?? 0]),
  data.label !== undefined && data.label !== 0 && `flowlabel ${prefixedHex(data.label)}`,
];

const limitWords = ({ ageing, limit }: VxlanData): Words => [
  pair('ageing', ageing === 0 ? 'none' : ageing),
  limit !== 0 && pair('maxaddr', limit),
];

function checksumWords(data: VxlanData): Words {
  return [
    data.udpCsum !== undefined && noUnless(data.udpCsum, 'udpcsum'),
    noUnless(data.udpZeroCsum6Tx, 'udp6zerocsumtx'),
    noUnless(data.udpZeroCsum6Rx, 'udp6zerocsumrx'),
    data.remcsumTx && 'remcsumtx',
    data.remcsumRx && 'remcsumrx',
    data.gbp && 'gbp',
    data.gpe && 'gpe',
  ];
}

const noUnless = (isOn: boolean, word: string): string => (isOn ? word : `no${word}`);

const somewhere = (word: string, address: string | undefined): string | undefined =>
  address === undefined || NOWHERE.includes(address) ? undefined : `${word} ${address}`;

/** 224.0.0.0/4 and ff00::/8 are groups. */
const remote = (address: string | undefined): string | undefined =>
  somewhere(/^(?:ff[0-9a-f]{2}:|2(?:2[4-9]|3[0-9])\.)/.test(address ?? '') ? 'group' : 'remote', address);

function tos(value: number): string | undefined {
  if (value === 0) return undefined;
  return value === 1 ? 'tos inherit' : `tos ${prefixedHex(value)}`;
}

function ttl({ ttlInherit, ttl: value = 0 }: VxlanData): string {
  if (ttlInherit === true) return 'inherit';
  return value === 0 ? 'auto' : String(value);
}
