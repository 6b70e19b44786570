/**
 * The table of a node whose pods are on the primary network (`domain/primary/node-filter.ts`), in the node's network namespace: replaced as a whole,
 * by one transaction; nobody else's table is named. Pure but for the last two functions, which ask the kernel.
 */
import { integer } from '../../links/link-values.ts';
import { nodesOf, type AddressRange, type NodeFilter } from '../../../domain/primary/node-filter.ts';
import { WIDTH, type Subnet } from '../../../domain/primary/subnet.ts';
import { decodeAttributes, type Attribute } from '../codec/attributes.ts';
import { ipBytes } from '../codec/values.ts';
import { commit, unlessMissing } from './commit.ts';
import {
  drop,
  equals,
  HEADER_BASE,
  isIn,
  isNotIn,
  masked,
  masquerade,
  META,
  meta,
  payload,
  wayBack,
} from './expressions.ts';
import {
  addChain,
  addElements,
  addRanges,
  addSet,
  addTable,
  appendRule,
  deleteTable,
  SET_OF_RANGES,
  tableAttributes,
  withHeader,
  type BaseChain,
  type KeySet,
  type Table,
} from './objects.ts';
import type { NetfilterMessage, NetfilterSocket } from './transport.ts';
import { NF_INET, NFPROTO, NFT_MSG, TABLE } from './uapi.ts';

const NODE_TABLE: Table = { family: NFPROTO.INET, name: 'podwire-primary' };

/** Before connections are looked up: what is dropped costs nothing. */
const RAW = -300;
/** NF_IP_PRI_FILTER, NF_IP_PRI_NAT_SRC. */
const FILTER = 0;
const NAT_SRC = 100;
const CHAINS = {
  arriving: { name: 'prerouting', hook: NF_INET.PRE_ROUTING, priority: RAW },
  toNode: { name: 'input', hook: NF_INET.LOCAL_IN, priority: FILTER },
  // Behind whoever translates destinations: what counts is where the packet goes.
  through: { name: 'forward', hook: NF_INET.FORWARD, priority: FILTER },
  leaving: { name: 'postrouting', type: 'nat', hook: NF_INET.POST_ROUTING, priority: NAT_SRC },
} as const satisfies Record<string, BaseChain>;

const FAMILIES = [4, 6] as const;
type Family = (typeof FAMILIES)[number];

/** Of nft(8)'s types: ipv4_addr, ipv6_addr. */
const ADDRESS_TYPE = { 4: 7, 6: 8 } as const;
const LENGTH = { 4: 4, 6: 16 } as const;
/** In the headers of IPv4 and IPv6. */
const SOURCE = { 4: 12, 6: 8 } as const;
const DESTINATION = { 4: 16, 6: 24 } as const;
const IPPROTO_UDP = 17;
const UDP_DESTINATION = { offset: 2, length: 2 } as const;

const nodesSet = (family: Family): KeySet => ({ ...addressSet(family), name: `nodes${family}` });
const keptSet = (family: Family): KeySet => ({ ...addressSet(family), name: `kept${family}`, flags: SET_OF_RANGES });
const addressSet = (family: Family) =>
  ({ keyType: ADDRESS_TYPE[family], keyLength: LENGTH[family], byteOrder: 'network' }) as const;

/** What a transaction has to do, without its beginning and end. @throws PodwireError InvalidLink; RangeError for what is no address */
function nodeTableMessages(filter: NodeFilter): NetfilterMessage[] {
  return [
    // A table that is not there cannot be deleted.
    ...[addTable(NODE_TABLE), deleteTable(NODE_TABLE), addTable(NODE_TABLE)],
    ...FAMILIES.flatMap((family) => [
      ...[addSet(NODE_TABLE, nodesSet(family)), addSet(NODE_TABLE, keptSet(family))],
      ...addElements(NODE_TABLE, nodesSet(family).name, nodesOf(filter.nodes, family).map(ipBytes), false),
      ...addRanges(NODE_TABLE, keptSet(family).name, filter.kept.filter((range) => range.family === family).map(ends)),
    ]),
    ...Object.values(CHAINS).map((chain) => addChain(NODE_TABLE, chain)),
    ...rulesOf(filter).map(({ chain, expressions }) => appendRule(NODE_TABLE, chain.name, expressions)),
  ];
}

interface Rule {
  readonly chain: BaseChain;
  readonly expressions: readonly Attribute[];
}

function rulesOf({ dstPort, podLinks, masqueraded }: NodeFilter): Rule[] {
  const fromPod = [meta(META.IIFNAME), equals(...Buffer.from(podLinks))];
  const tunnel = [
    ...[meta(META.L4PROTO), equals(IPPROTO_UDP)],
    payload(HEADER_BASE.TRANSPORT, UDP_DESTINATION.offset, UDP_DESTINATION.length),
    equals(...bigEndian(BigInt(integer('dstport', dstPort, 1, 65535)), UDP_DESTINATION.length)),
  ];
  return [
    // What rp_filter does for IPv4.
    { chain: CHAINS.arriving, expressions: [...fromPod, ...isFamily(6), wayBack, equals(0, 0, 0, 0), drop] },
    { chain: CHAINS.toNode, expressions: [...tunnel, ...fromPod, drop] },
    ...FAMILIES.flatMap((family): Rule[] => [
      {
        chain: CHAINS.toNode,
        expressions: [...tunnel, ...addressOf(family, SOURCE), isNotIn(nodesSet(family).name, false), drop],
      },
      // By the node's address, which it would leave with, another node would take it for this node's.
      {
        chain: CHAINS.through,
        expressions: [
          ...fromPod,
          ...tunnel,
          ...addressOf(family, DESTINATION),
          isIn(nodesSet(family).name, false),
          drop,
        ],
      },
    ]),
    ...masqueraded.map((subnet) => ({ chain: CHAINS.leaving, expressions: leavesCluster(subnet) })),
  ];
}

const leavesCluster = ({ family, base, prefix }: Subnet): Attribute[] => [
  ...addressOf(family, SOURCE),
  masked(maskOf(family, prefix)),
  equals(...bigEndian(base, LENGTH[family])),
  payload(HEADER_BASE.NETWORK, DESTINATION[family], LENGTH[family]),
  isNotIn(keptSet(family).name, false),
  masquerade,
];

const isFamily = (family: Family): Attribute[] => [
  meta(META.NFPROTO),
  equals(family === 4 ? NFPROTO.IPV4 : NFPROTO.IPV6),
];

const addressOf = (family: Family, at: Readonly<Record<Family, number>>): Attribute[] => [
  ...isFamily(family),
  payload(HEADER_BASE.NETWORK, at[family], LENGTH[family]),
];

function maskOf(family: Family, prefix: number): Buffer {
  const width = BigInt(WIDTH[family]);
  return bigEndian(((1n << width) - 1n) ^ ((1n << (width - BigInt(prefix))) - 1n), LENGTH[family]);
}

function ends({ family, first, last }: AddressRange): { from: Buffer; behind: Buffer | undefined } {
  const isLast = last + 1n === 1n << BigInt(WIDTH[family]);
  return {
    from: bigEndian(first, LENGTH[family]),
    behind: isLast ? undefined : bigEndian(last + 1n, LENGTH[family]),
  };
}

const bigEndian = (value: bigint, length: number): Buffer =>
  Buffer.from(value.toString(16).padStart(2 * length, '0'), 'hex');

/**
 * By one transaction. @returns what tells this table from one that somebody else, or somebody after him, makes under its name
 * @throws PodwireError InvalidLink, KernelBusy; NetlinkRefused
 */
export function replaceNodeTable(socket: NetfilterSocket, filter: NodeFilter): string | undefined {
  commit(socket, nodeTableMessages(filter));
  return nodeTableHandle(socket);
}

/** undefined: there is none. @throws NetlinkRefused */
export function nodeTableHandle(socket: NetfilterSocket): string | undefined {
  const { family, name } = NODE_TABLE;
  const found = unlessMissing(() =>
    socket.get({ type: NFT_MSG.GETTABLE, payload: withHeader(family, tableAttributes(name)) }),
  );
  return found && decodeAttributes(found.subarray(FAMILY_HEADER)).get(TABLE.HANDLE)?.toString('hex');
}

/** `struct nfgenmsg`. */
const FAMILY_HEADER = 4;
