/** What `ip -d` of iproute2 6.1 tells about links of some kinds, each word with a space behind it; nothing about the other kinds. */
import { read, unsigned } from '../codec/attributes.ts';
import { listedValues, type LinkDetails } from '../codec/link-details.ts';
import type { LinkMessage } from '../codec/link.ts';
import { macText } from '../codec/values.ts';
import { bridgeWords, bridgePortWords } from './bridge.ts';
import { vxlanWords } from './vxlan.ts';
import { joined, pair, vlanProtocolWord, type KnownLinks } from './words.ts';

type Data = ReadonlyMap<number, Buffer>;

const KINDS: Readonly<Record<string, (data: Data) => string>> = {
  bridge: bridgeWords,
  macvlan: macvlanWords,
  macvtap: macvlanWords,
  ipvlan: ipvlanWords,
  ipvtap: ipvlanWords,
  vlan: vlanWords,
  tun: tunWords,
};

export function kindWords({ kind = '', vxlan }: LinkMessage, { kindData }: LinkDetails, links: KnownLinks): string {
  if (vxlan !== undefined) return vxlanWords(vxlan, links);
  return kindData === undefined ? '' : (KINDS[kind]?.(kindData) ?? '');
}

/** Of a link as the port of its master. */
export const portWords = ({ portKind, portData }: LinkDetails, links: KnownLinks): string =>
  portKind === 'bridge' && portData !== undefined ? bridgePortWords(portData, links) : '';

const MACVLAN = {
  MODE: 1,
  FLAGS: 2,
  MACADDR_DATA: 5,
  MACADDR_COUNT: 6,
  BC_QUEUE_LEN: 7,
  BC_QUEUE_LEN_USED: 8,
} as const;
const SOURCE_MODE = 16;
const MACVLAN_MODES: Readonly<Record<number, string>> = {
  ...{ 1: 'private', 2: 'vepa', 4: 'bridge', 8: 'passthru', [SOURCE_MODE]: 'source' },
};
/** MACVLAN_FLAG_… */
const NOPROMISC = 1;
const NODST = 2;

function macvlanWords(data: Data): string {
  const mode = read.u32(data, MACVLAN.MODE);
  if (mode === undefined) return '';
  const flags = read.u16(data, MACVLAN.FLAGS) ?? 0;
  const sources = data.get(MACVLAN.MACADDR_DATA);
  return joined([
    `mode ${MACVLAN_MODES[mode] ?? 'unknown'}`,
    (flags & NOPROMISC) !== 0 && 'nopromisc',
    (flags & NODST) !== 0 && 'nodst',
    pair('bcqueuelen', read.u32(data, MACVLAN.BC_QUEUE_LEN)),
    pair('usedbcqueuelen', read.u32(data, MACVLAN.BC_QUEUE_LEN_USED)),
    ...(mode === SOURCE_MODE ? [`remotes (${read.u32(data, MACVLAN.MACADDR_COUNT) ?? 0})`] : []),
    ...(mode === SOURCE_MODE && sources !== undefined ? listedValues(sources).map(macText) : []),
  ]);
}

const IPVLAN = { MODE: 1, FLAGS: 2 } as const;
const IPVLAN_MODES = ['l2', 'l3', 'l3s'];
/** IPVLAN_F_… */
const PRIVATE = 1;
const VEPA = 2;

function ipvlanWords(data: Data): string {
  const mode = read.u16(data, IPVLAN.MODE);
  const flags = read.u16(data, IPVLAN.FLAGS);
  const isolation = (value: number): string =>
    (value & PRIVATE) !== 0 ? 'private' : (value & VEPA) !== 0 ? 'vepa' : 'bridge';
  // iproute2 sets one space more before the mode.
  return joined([
    mode !== undefined && ` mode ${IPVLAN_MODES[mode] ?? 'unknown'}`,
    flags !== undefined && isolation(flags),
  ]);
}

const VLAN = { ID: 1, FLAGS: 2, EGRESS_QOS: 3, INGRESS_QOS: 4, PROTOCOL: 5 } as const;
/** VLAN_FLAG_… of linux/if_vlan.h, by their bits. */
const VLAN_FLAGS = ['REORDER_HDR', 'GVRP', 'LOOSE_BINDING', 'MVRP', 'BRIDGE_BINDING'];
/** In iproute2's order. */
const PRINTED_VLAN_FLAGS = ['REORDER_HDR', 'GVRP', 'MVRP', 'LOOSE_BINDING', 'BRIDGE_BINDING'];

function vlanWords(data: Data): string {
  const id = read.u16(data, VLAN.ID);
  if (id === undefined) return '';
  // `struct ifla_vlan_flags`: the flags, and which of them a request is about.
  const flags = data.get(VLAN.FLAGS);
  const bits = flags === undefined ? 0n : unsigned(flags);
  const set = PRINTED_VLAN_FLAGS.filter((word) => ((bits >> BigInt(VLAN_FLAGS.indexOf(word))) & 1n) !== 0n);
  return [
    joined([
      `protocol ${vlanProtocolWord(read.be16(data, VLAN.PROTOCOL) ?? 0x8100)}`,
      `id ${id}`,
      flags !== undefined && `<${set.join(',')}>`,
    ]),
    priorityMap('ingress-qos-map', data.get(VLAN.INGRESS_QOS)),
    priorityMap('egress-qos-map', data.get(VLAN.EGRESS_QOS)),
  ].join('');
}

/** Of `struct ifla_vlan_qos_mapping`: two numbers of 32 bits. */
function priorityMap(word: string, list: Buffer | undefined): string {
  if (list === undefined) return '';
  const pairs = listedValues(list).map((value) => `${unsigned(value.subarray(0, 4))}:${unsigned(value.subarray(4))}`);
  return `\n      ${word} { ${joined(pairs)}} `;
}

const TUN = {
  OWNER: 1,
  GROUP: 2,
  TYPE: 3,
  PI: 4,
  VNET_HDR: 5,
  PERSIST: 6,
  MULTI_QUEUE: 7,
  QUEUES: 8,
  DISABLED: 9,
} as const;
/** IFF_TUN and IFF_TAP of linux/if_tun.h. */
const TUN_TYPES: Readonly<Record<number, string>> = { 1: 'tun', 2: 'tap' };

function tunWords(data: Data): string {
  const onOff = (word: string, type: number): string | undefined => {
    const value = read.u8(data, type);
    return value === undefined ? undefined : `${word} ${value === 0 ? 'off' : 'on'}`;
  };
  // Nobody but root is known by name where there are no accounts.
  const account = (word: string, type: number): string | undefined => {
    const id = read.u32(data, type);
    return pair(word, id === 0 ? 'root' : id);
  };
  const hasQueues = read.u8(data, TUN.MULTI_QUEUE) === 1;
  return joined([
    pair('type', TUN_TYPES[read.u8(data, TUN.TYPE) ?? 0]),
    onOff('pi', TUN.PI),
    onOff('vnet_hdr', TUN.VNET_HDR),
    hasQueues && 'multi_queue',
    hasQueues && pair('numqueues', read.u32(data, TUN.QUEUES)),
    hasQueues && pair('numdisabled', read.u32(data, TUN.DISABLED)),
    onOff('persist', TUN.PERSIST),
    account('user', TUN.OWNER),
    account('group', TUN.GROUP),
  ]);
}
