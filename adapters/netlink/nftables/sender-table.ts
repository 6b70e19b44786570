/**
 * The table that lets only members send to a VXLAN link: one for each interface, in the network namespace that the link's UDP socket is in;
 * nobody else's table is named. Every value is parsed before it is written. Pure.
 */
import { integer, linkName } from '../../links/link-values.ts';
import { isIP } from 'node:net';
import { PodwireError } from '../../../domain/failures.ts';
import type { Senders, SendersChange } from '../../../domain/forwarding/senders.ts';
import type { Attribute } from '../codec/attributes.ts';
import { ipBytes } from '../codec/values.ts';
import { drop, equals, HEADER_BASE, isNotIn, META, meta, payload } from './expressions.ts';
import {
  addChain,
  addElements,
  addSet,
  addTable,
  appendRule,
  createTable,
  deleteElements,
  deleteTable,
  type BaseChain,
  type KeySet,
  type Table,
} from './objects.ts';
import type { NetfilterMessage } from './transport.ts';
import { NFPROTO } from './uapi.ts';

/** Before rules of the pod itself, which could only keep out more. */
export const INPUT: BaseChain = { name: 'input', priority: -300, policy: 'accept' };

/** Of nft(8)'s types: ipv4_addr, ipv6_addr. */
const ADDRESS_TYPE = { 4: 7, 6: 8 } as const;
export const ADDRESS_LENGTH = { 4: 4, 6: 16 } as const;
/** Of the source address, in the headers of IPv4 and IPv6. */
const SOURCE_OFFSET = { 4: 12, 6: 8 } as const;
const IPPROTO_UDP = 17;
const UDP_DESTINATION = { offset: 2, length: 2 } as const;
/** A UDP header has 8 bytes, VXLAN's flags 4 more. */
const VNI = { offset: 12, length: 3 } as const;

export const sendersTable = (interfaceName: string): Table => ({
  family: NFPROTO.INET,
  name: `podwire_${linkName(interfaceName)}`,
});

export const membersSet = (family: 4 | 6): KeySet => ({
  name: 'members',
  keyType: ADDRESS_TYPE[family],
  keyLength: ADDRESS_LENGTH[family],
  byteOrder: 'network',
});

/** `udp dport … @th,96,24 … ip saddr != @members drop`. @param isNew the set is made in the same transaction */
export const strangerExpressions = (
  { vni, dstPort, family }: Pick<Senders, 'vni' | 'dstPort' | 'family'>,
  isNew: boolean,
): Attribute[] => [
  meta(META.L4PROTO),
  equals(IPPROTO_UDP),
  payload(HEADER_BASE.TRANSPORT, UDP_DESTINATION.offset, UDP_DESTINATION.length),
  equals(dstPort >> 8, dstPort & 0xff),
  payload(HEADER_BASE.TRANSPORT, VNI.offset, VNI.length),
  equals(vni >> 16, (vni >> 8) & 0xff, vni & 0xff),
  meta(META.NFPROTO),
  equals(family === 4 ? NFPROTO.IPV4 : NFPROTO.IPV6),
  payload(HEADER_BASE.NETWORK, SOURCE_OFFSET[family], ADDRESS_LENGTH[family]),
  isNotIn('members', isNew),
  drop,
];

/**
 * What a transaction has to do, without its beginning and end.
 * @throws PodwireError InvalidLink for a value that is not of its kind
 */
export const senderMessages = (interfaceName: string, change: SendersChange): NetfilterMessage[] =>
  messagesFor(sendersTable(interfaceName), change);

/** Of a table with another name. @throws PodwireError InvalidLink */
export function messagesFor(table: Table, change: SendersChange): NetfilterMessage[] {
  switch (change.kind) {
    // Not `addTable`: what is there already must not get the rule a second time.
    case 'make':
      return [createTable(table), ...content(table, change.senders)];
    case 'replace':
      return [...removal(table), addTable(table), ...content(table, change.senders)];
    case 'change': {
      const { name } = membersSet(change.family);
      return [
        ...addElements(table, name, keys(change.family, change.admit), false),
        ...deleteElements(table, name, keys(change.family, change.refuse)),
      ];
    }
    case 'remove':
      return removal(table);
  }
}

/** A table that is not there cannot be deleted. */
const removal = (table: Table): NetfilterMessage[] => [addTable(table), deleteTable(table)];

function content(table: Table, senders: Senders): NetfilterMessage[] {
  integer('dstport', senders.dstPort, 1, 65535);
  integer('id', senders.vni, 1, 16777215);
  const set = membersSet(senders.family);
  return [
    addSet(table, set),
    ...addElements(table, set.name, keys(senders.family, senders.from), true),
    addChain(table, INPUT),
    appendRule(table, INPUT.name, strangerExpressions(senders, true)),
  ];
}

const keys = (family: 4 | 6, addresses: readonly string[]): Uint8Array[] =>
  addresses.map((address) => addressBytes(family, address));

function addressBytes(family: 4 | 6, address: string): Uint8Array {
  // The kernel would take a zone's address without its zone.
  if (isIP(address) === family && !address.includes('%')) return ipBytes(address);
  throw new PodwireError(
    'InvalidLink',
    `address ${JSON.stringify(address)} is not usable; allowed: one of IPv${family}`,
  );
}
