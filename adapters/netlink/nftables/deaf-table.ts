/**
 * The table that drops router advertisements, in a pod's network namespace whose /proc/sys is read-only. It goes by the link's index, which
 * follows a link that is renamed and is not given out again. Pure.
 */
import { drop, equals, HEADER_BASE, isIn, META, meta, payload } from './expressions.ts';
import {
  addChain,
  addElements,
  addSet,
  addTable,
  appendRule,
  flushChain,
  type BaseChain,
  type KeySet,
  type Table,
} from './objects.ts';
import type { NetfilterMessage } from './transport.ts';
import { NFPROTO } from './uapi.ts';

const DEAF_TABLE: Table = { family: NFPROTO.IPV6, name: 'podwire' };
const INPUT: BaseChain = { name: 'input', priority: 0 };
/** nft(8)'s iface_index. */
const DEAF: KeySet = { name: 'deaf', keyType: 20, keyLength: 4, byteOrder: 'host' };
const IPPROTO_ICMPV6 = 58;
const ND_ROUTER_ADVERT = 134;

/** `iif @deaf icmpv6 type nd-router-advert drop`; the family says already that it is IPv6. */
const ADVERTISEMENT = [
  meta(META.IIF),
  isIn(DEAF.name, true),
  meta(META.L4PROTO),
  equals(IPPROTO_ICMPV6),
  payload(HEADER_BASE.TRANSPORT, 0, 1),
  equals(ND_ROUTER_ADVERT),
  drop,
];

/** What a transaction has to do, without its beginning and end; repeatable as a whole. */
export function deafMessages(linkIndex: number): NetfilterMessage[] {
  const key = Buffer.alloc(4);
  key.writeUInt32LE(linkIndex);
  return [
    addTable(DEAF_TABLE),
    addSet(DEAF_TABLE, DEAF),
    addChain(DEAF_TABLE, INPUT),
    flushChain(DEAF_TABLE, INPUT.name),
    appendRule(DEAF_TABLE, INPUT.name, ADVERTISEMENT),
    ...addElements(DEAF_TABLE, DEAF.name, [key], true),
  ];
}
