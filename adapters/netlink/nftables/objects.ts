/** Tables, sets, chains and rules of nf_tables as the messages of a transaction (`struct nfgenmsg` and attributes). Pure. */
import { be32, bytes, encodeAttributes, nested, nestedBytes, text, type Attribute } from '../codec/attributes.ts';
import { FLAG } from '../codec/messages.ts';
import type { NetfilterMessage } from './transport.ts';
import {
  BATCH,
  CHAIN,
  DATA,
  ELEMENT,
  ELEMENTS,
  HOOK,
  LIST_ELEMENT,
  NF_INET,
  NFPROTO,
  NFT_MSG,
  RULE,
  SET,
  SUBSYSTEM,
  TABLE,
  VERDICT,
} from './uapi.ts';

export interface Table {
  /** NFPROTO_… */
  readonly family: number;
  readonly name: string;
}

export interface KeySet {
  readonly name: string;
  /** Of nft(8)'s data types; the kernel only keeps it. */
  readonly keyType: number;
  readonly keyLength: number;
  /** How nft(8) prints keys: in which byte order they are. */
  readonly byteOrder: 'host' | 'network';
  /** NFT_SET_…; absent: none. */
  readonly flags?: number;
}

/** NFT_SET_INTERVAL: an element is where a range begins or ends. */
export const SET_OF_RANGES = 0x4;

export interface BaseChain {
  readonly name: string;
  /** Absent: `filter`. */
  readonly type?: 'filter' | 'nat';
  /** NF_INET_…; absent: `input`. */
  readonly hook?: number;
  readonly priority: number;
  /** Of the family netdev: the link that the hook is of. */
  readonly device?: string;
  /** Absent: the kernel's own, which is to accept as well. */
  readonly policy?: 'accept';
}

/** By which rules and elements name a set that is made in the same transaction; one is made in each. */
export const SET_ID = 1;
/** Keys of a message: 14 KiB of IPv6 addresses, of the 64 KiB that an attribute holds. */
const KEYS_PER_MESSAGE = 500;

/** `struct nfgenmsg`: family, version 0, a resource. */
export function withHeader(family: number, attributes: readonly Attribute[], resource = 0): Buffer {
  return Buffer.concat([Buffer.from([family, 0, resource >> 8, resource & 0xff]), encodeAttributes(attributes)]);
}

/**
 * One transaction: all of it is done or nothing. The kernel answers the last of the messages even where nothing is wrong; to the batch's end not
 * every kernel does.
 */
export function batch(messages: readonly NetfilterMessage[]): NetfilterMessage[] {
  const payload = withHeader(NFPROTO.UNSPEC, [], SUBSYSTEM);
  const last = messages.length - 1;
  return [
    { type: BATCH.BEGIN, flags: 0, payload },
    ...messages.map((one, index) => (index === last ? { ...one, flags: one.flags | FLAG.ACK } : one)),
    { type: BATCH.END, flags: 0, payload },
  ];
}

/** EEXIST when it is there. */
export const createTable = (table: Table): NetfilterMessage => ({ ...addTable(table), flags: FLAG.EXCLUDE });

/** Nothing happens when it is there. */
export const addTable = ({ family, name }: Table): NetfilterMessage => ({
  type: NFT_MSG.NEWTABLE,
  flags: 0,
  payload: withHeader(family, [...tableAttributes(name), be32(TABLE.FLAGS, 0)]),
});

/** With all that is in it. */
export const deleteTable = ({ family, name }: Table): NetfilterMessage => ({
  type: NFT_MSG.DELTABLE,
  flags: 0,
  payload: withHeader(family, tableAttributes(name)),
});

/** Nothing happens when the same is there. */
export const addSet = (table: Table, set: KeySet): NetfilterMessage => ({
  type: NFT_MSG.NEWSET,
  flags: FLAG.CREATE,
  payload: withHeader(table.family, [
    ...setAttributes(table, set),
    be32(SET.FLAGS, set.flags ?? 0),
    be32(SET.ID, SET_ID),
  ]),
});

/** Nothing happens when the same is there. */
export const addChain = (table: Table, chain: BaseChain): NetfilterMessage => ({
  type: NFT_MSG.NEWCHAIN,
  flags: FLAG.CREATE,
  payload: withHeader(table.family, chainAttributes(table, chain)),
});

export const appendRule = (table: Table, chain: string, expressions: readonly Attribute[]): NetfilterMessage => ({
  type: NFT_MSG.NEWRULE,
  flags: FLAG.CREATE | FLAG.APPEND,
  payload: withHeader(table.family, ruleAttributes(table, chain, expressions)),
});

/** All rules of the chain. */
export const flushChain = (table: Table, chain: string): NetfilterMessage => ({
  type: NFT_MSG.DELRULE,
  flags: 0,
  payload: withHeader(table.family, [text(RULE.TABLE, table.name), text(RULE.CHAIN, chain)]),
});

/** Keys that are there already are no failure. @param isNew the set is made in the same transaction */
export const addElements = (
  table: Table,
  set: string,
  keys: readonly Uint8Array[],
  isNew: boolean,
): NetfilterMessage[] => elementMessages({ type: NFT_MSG.NEWSETELEM, flags: FLAG.CREATE }, table, set, keys, isNew);

/** ENOENT when one is not there. */
export const deleteElements = (table: Table, set: string, keys: readonly Uint8Array[]): NetfilterMessage[] =>
  elementMessages({ type: NFT_MSG.DELSETELEM, flags: 0 }, table, set, keys, false);

function elementMessages(
  verb: Pick<NetfilterMessage, 'type' | 'flags'>,
  table: Table,
  set: string,
  keys: readonly Uint8Array[],
  isNew: boolean,
): NetfilterMessage[] {
  const messages: NetfilterMessage[] = [];
  const where = [text(ELEMENTS.TABLE, table.name), text(ELEMENTS.SET, set)];
  if (isNew) where.push(be32(ELEMENTS.SET_ID, SET_ID));
  for (let first = 0; first < keys.length; first += KEYS_PER_MESSAGE) {
    const list = nestedBytes(ELEMENTS.LIST, elementList(keys.slice(first, first + KEYS_PER_MESSAGE)));
    messages.push({ ...verb, payload: withHeader(table.family, [...where, list]) });
  }
  return messages;
}

/** Of keys of one length, a multiple of four: their elements are alike but for the last bytes. */
function elementList(keys: readonly Uint8Array[]): Buffer {
  const of = (key: Uint8Array): Attribute => nested(LIST_ELEMENT, [nested(ELEMENT.KEY, [bytes(DATA.VALUE, key)])]);
  const one = encodeAttributes(keys.slice(0, 1).map(of));
  const list = Buffer.alloc(one.length * keys.length);
  keys.forEach((key, index) => {
    list.set(one, index * one.length);
    list.set(key, (index + 1) * one.length - key.length);
  });
  return list;
}

/** Where each range begins, and the address behind its end, if there is one: the ranges neither overlap nor touch one another. */
export function addRanges(
  table: Table,
  set: string,
  ranges: readonly { readonly from: Uint8Array; readonly behind: Uint8Array | undefined }[],
): NetfilterMessage[] {
  const key = (value: Uint8Array): Attribute => nested(ELEMENT.KEY, [bytes(DATA.VALUE, value)]);
  const elements = ranges.flatMap(({ from, behind }) => [
    nested(LIST_ELEMENT, [key(from)]),
    ...(behind === undefined ? [] : [nested(LIST_ELEMENT, [key(behind), be32(ELEMENT.FLAGS, INTERVAL_END)])]),
  ]);
  const messages: NetfilterMessage[] = [];
  for (let first = 0; first < elements.length; first += KEYS_PER_MESSAGE) {
    const list = nested(ELEMENTS.LIST, elements.slice(first, first + KEYS_PER_MESSAGE));
    const payload = withHeader(table.family, [text(ELEMENTS.TABLE, table.name), text(ELEMENTS.SET, set), list]);
    messages.push({ type: NFT_MSG.NEWSETELEM, flags: FLAG.CREATE, payload });
  }
  return messages;
}

/** NFT_SET_ELEM_INTERVAL_END. */
const INTERVAL_END = 1;

export const tableAttributes = (name: string): Attribute[] => [text(TABLE.NAME, name)];

/** What the kernel says of the set later; flags that are 0 and the id it leaves out. */
export const setAttributes = (table: Table, { name, keyType, keyLength, byteOrder }: KeySet): Attribute[] => [
  text(SET.TABLE, table.name),
  text(SET.NAME, name),
  be32(SET.KEY_TYPE, keyType),
  be32(SET.KEY_LENGTH, keyLength),
  bytes(SET.USERDATA, keyByteOrder(byteOrder)),
];

/** nft(8)'s note to itself, libnftnl's NFTNL_UDATA_SET_KEYBYTEORDER: type, length, and a number in the machine's byte order. */
const keyByteOrder = (byteOrder: KeySet['byteOrder']): Uint8Array =>
  Uint8Array.of(0, 4, byteOrder === 'host' ? 1 : 2, 0, 0, 0);

export const chainAttributes = (
  table: Table,
  { name, type = 'filter', hook = NF_INET.LOCAL_IN, priority, device, policy }: BaseChain,
): Attribute[] => [
  text(CHAIN.TABLE, table.name),
  text(CHAIN.NAME, name),
  nested(CHAIN.HOOK, [
    ...[be32(HOOK.NUMBER, hook), be32(HOOK.PRIORITY, priority >>> 0)],
    ...(device === undefined ? [] : [text(HOOK.DEVICE, device)]),
  ]),
  ...(policy === undefined ? [] : [be32(CHAIN.POLICY, VERDICT.ACCEPT)]),
  text(CHAIN.TYPE, type),
];

export const ruleAttributes = (table: Table, chain: string, expressions: readonly Attribute[]): Attribute[] => [
  text(RULE.TABLE, table.name),
  text(RULE.CHAIN, chain),
  nested(RULE.EXPRESSIONS, expressions),
];
