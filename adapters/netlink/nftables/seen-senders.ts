/** What the kernel says of an interface's table of members, compared with what podwire writes. Pure. */
import type { SeenSenders, Senders } from '../../../domain/forwarding/senders.ts';
import { decodeAttributes, listAttributes, read } from '../codec/attributes.ts';
import { MalformedNetlink } from '../codec/malformed.ts';
import { ipText } from '../codec/values.ts';
import { isAsWritten } from './as-written.ts';
import { chainAttributes, ruleAttributes, setAttributes, tableAttributes, type Table } from './objects.ts';
import { ADDRESS_LENGTH, INPUT, membersSet, strangerExpressions } from './sender-table.ts';
import { CHAIN, DATA, ELEMENT, ELEMENTS, EXPRESSION, RULE, SET, TABLE } from './uapi.ts';

/** Payloads of the kernel's answers; all of one generation of its tables. */
export interface SenderAnswers {
  readonly table: Buffer;
  /** Of all tables of the family: the kernel does not pick out those of one. */
  readonly chains: readonly Buffer[];
  /** Of the table, as are the rest. */
  readonly sets: readonly Buffer[];
  readonly rules: readonly Buffer[];
  /** Counters, flow tables and the like, which podwire has none of. */
  readonly others: readonly Buffer[];
  /** Of the set that is named as podwire's. */
  readonly elements: readonly Buffer[];
}

/** `struct nfgenmsg`. */
const HEADER = 4;

export const attributesOf = (payload: Buffer): Buffer => payload.subarray(HEADER);

/** Lower half of the number of the last transaction before the answer: two answers with the same one saw the same. */
export function generationOf(payload: Buffer): number {
  if (payload.length < HEADER) throw new MalformedNetlink(`an nfgenmsg of ${payload.length} bytes`);
  return payload.readUInt16BE(2);
}

/**
 * `altered` when anything is not as podwire writes it. How many objects a table has is counted here: the kernel's own count of them (NFTA_TABLE_USE)
 * is also of transactions that are not over yet.
 * @throws MalformedNetlink
 */
export function decodeSenders(expected: Table, answers: SenderAnswers): Exclude<SeenSenders, undefined> {
  const set = only(answers.sets);
  const chain = only(answers.chains.filter((one) => isIn(expected, one)));
  const rule = only(answers.rules);
  if (set === undefined || chain === undefined || rule === undefined || answers.others.length > 0) return 'altered';
  const tunnel = tunnelOf(set, rule);
  if (tunnel === undefined) return 'altered';
  const expressions = strangerExpressions(tunnel, false);
  const isOurs =
    isTable(expected, attributesOf(answers.table)) &&
    isAsWritten(set, setAttributes(expected, membersSet(tunnel.family)), BESIDES.set) &&
    isAsWritten(chain, chainAttributes(expected, INPUT), BESIDES.chain) &&
    isAsWritten(rule, ruleAttributes(expected, INPUT.name, expressions), BESIDES.rule);
  const from = isOurs ? addresses(answers.elements, tunnel.family) : undefined;
  return from === undefined ? 'altered' : { ...tunnel, from };
}

/** Attributes of the one that there is. */
function only(payloads: readonly Buffer[]): Buffer | undefined {
  const [one, ...more] = payloads;
  return one === undefined || more.length > 0 ? undefined : attributesOf(one);
}

const isIn = (table: Table, chain: Buffer): boolean =>
  read.text(decodeAttributes(attributesOf(chain)), CHAIN.TABLE) === table.name;

const BESIDES = {
  set: { incidental: [SET.PAD, SET.HANDLE], known: SET.EXPRESSIONS },
  chain: { incidental: [CHAIN.HANDLE, CHAIN.USE, CHAIN.PAD, CHAIN.FLAGS], known: CHAIN.USERDATA },
  rule: { incidental: [RULE.HANDLE, RULE.PAD], known: RULE.CHAIN_ID },
  table: { incidental: [TABLE.FLAGS, TABLE.USE, TABLE.HANDLE, TABLE.PAD], known: TABLE.OWNER },
} as const;

function isTable({ name }: Table, seen: Buffer): boolean {
  const attributes = decodeAttributes(seen);
  // Flags: asleep, or somebody's for as long as he runs.
  const isPlain = (read.be32(attributes, TABLE.FLAGS) ?? 0) === 0;
  return isPlain && isAsWritten(seen, tableAttributes(name), BESIDES.table);
}

/** Places of the values in `strangerExpressions`. */
const PORT_AT = 3;
const VNI_AT = 5;

/** What the set's and the rule's own values would be, if the rest is as podwire writes it. */
function tunnelOf(set: Buffer, rule: Buffer): Omit<Senders, 'from'> | undefined {
  const length = read.be32(decodeAttributes(set), SET.KEY_LENGTH);
  const family = length === ADDRESS_LENGTH[4] ? 4 : 6;
  const expressions = decodeAttributes(rule).get(RULE.EXPRESSIONS);
  if (expressions === undefined) return undefined;
  const list = listAttributes(expressions);
  const port = comparedWith(list[PORT_AT]?.value);
  const vni = comparedWith(list[VNI_AT]?.value);
  if (port?.length !== 2 || vni?.length !== 3) return undefined;
  return { family, dstPort: port.readUIntBE(0, 2), vni: vni.readUIntBE(0, 3) };
}

/** The value of what is a comparison if the rule is podwire's. */
function comparedWith(expression: Buffer | undefined): Buffer | undefined {
  if (expression === undefined) return undefined;
  const attributes = decodeAttributes(expression);
  if (read.text(attributes, EXPRESSION.NAME) !== 'cmp') return undefined;
  const data = read.nested(attributes, EXPRESSION.DATA);
  return data === undefined ? undefined : read.nested(data, 3)?.get(DATA.VALUE);
}

/** Sorted, each once; undefined when an element is more than an address. */
function addresses(elements: readonly Buffer[], family: 4 | 6): string[] | undefined {
  // A set that grows while it is dumped may say an address twice.
  const found = new Set<string>();
  for (const message of elements) {
    const list = decodeAttributes(attributesOf(message)).get(ELEMENTS.LIST);
    for (const { value } of list === undefined ? [] : listAttributes(list)) {
      const address = addressOf(value, family);
      if (address === undefined) return undefined;
      found.add(address);
    }
  }
  return [...found].sort();
}

function addressOf(element: Buffer, family: 4 | 6): string | undefined {
  const [key, ...more] = listAttributes(element).filter(({ type }) => type <= ELEMENT.EXPRESSIONS);
  if (key?.type !== ELEMENT.KEY || more.length > 0) return undefined;
  const value = decodeAttributes(key.value).get(DATA.VALUE);
  if (value?.length !== ADDRESS_LENGTH[family]) return undefined;
  return ipText(value);
}
