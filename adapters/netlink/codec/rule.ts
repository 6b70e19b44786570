/** Rules that choose a routing table: `struct fib_rule_hdr` and its attributes (linux/fib_rules.h; types are linux/rtnetlink.h's). */
import { bytes, decodeAttributes, encodeAttributes, read, text, u32, type Attribute } from './attributes.ts';
import { present } from './present.ts';
import { checkedPrefix, cidrText, fromKernelFamily, header, ipBytesOf, toKernelFamily } from './values.ts';

export const RTM_RULE = { NEW: 32, DELETE: 33, GET: 34 } as const;

/** Bytes of `struct fib_rule_hdr`. */
const RULE_HEADER = 12;

const FRA = {
  DST: 1,
  SRC: 2,
  IIFNAME: 3,
  GOTO: 4,
  PRIORITY: 6,
  FWMARK: 10,
  SUPPRESS_PREFIXLEN: 14,
  TABLE: 15,
  FWMASK: 16,
  OIFNAME: 17,
  PROTOCOL: 21,
} as const;

export const FR_ACT = { TO_TBL: 1, GOTO: 2, NOP: 3, BLACKHOLE: 6, UNREACHABLE: 7, PROHIBIT: 8 } as const;

/** What the kernel says where nothing is suppressed. */
const SUPPRESS_NOTHING = -1;

interface RulePrefix {
  readonly address: string;
  readonly prefix: number;
}

export interface RuleRequest {
  readonly family: 4 | 6;
  readonly source?: RulePrefix;
  readonly destination?: RulePrefix;
  /** Names of links. */
  readonly iif?: string;
  readonly oif?: string;
  readonly table?: number;
  readonly priority?: number;
  readonly fwmark?: number;
  /** FR_ACT_…; absent: look into the table. */
  readonly action?: number;
  /** Routes of prefixes this long or shorter do not count. */
  readonly suppressPrefixLength?: number;
}

/** @throws RangeError for an address or a prefix that is not of the family */
export function encodeRule(rule: RuleRequest): Buffer {
  const { family, source, destination, table = 0, action = FR_ACT.TO_TBL } = rule;
  const head = Buffer.alloc(RULE_HEADER);
  head.writeUInt8(toKernelFamily(family), 0);
  head.writeUInt8(prefixOf(family, destination), 1);
  head.writeUInt8(prefixOf(family, source), 2);
  // A greater one stands in FRA_TABLE only.
  head.writeUInt8(table > 0xff ? 0 : table, 4);
  head.writeUInt8(action, 7);
  return Buffer.concat([head, encodeAttributes(ruleAttributes(rule))]);
}

const prefixOf = (family: 4 | 6, range: RulePrefix | undefined): number =>
  range === undefined ? 0 : checkedPrefix(family, range.prefix);

function ruleAttributes(rule: RuleRequest): Attribute[] {
  const { family, source, destination, iif, oif, table, priority, fwmark, suppressPrefixLength } = rule;
  const attributes: Attribute[] = [];
  if (destination !== undefined) attributes.push(bytes(FRA.DST, ipBytesOf(family, destination.address)));
  if (source !== undefined) attributes.push(bytes(FRA.SRC, ipBytesOf(family, source.address)));
  if (iif !== undefined) attributes.push(text(FRA.IIFNAME, iif));
  if (oif !== undefined) attributes.push(text(FRA.OIFNAME, oif));
  if (table !== undefined) attributes.push(u32(FRA.TABLE, table));
  if (priority !== undefined) attributes.push(u32(FRA.PRIORITY, priority));
  if (fwmark !== undefined) attributes.push(u32(FRA.FWMARK, fwmark));
  if (suppressPrefixLength !== undefined) attributes.push(u32(FRA.SUPPRESS_PREFIXLEN, suppressPrefixLength));
  return attributes;
}

/** The kernel has no filter for rules. */
export function encodeRuleDump({ family }: { readonly family: 4 | 6 }): Buffer {
  const head = Buffer.alloc(RULE_HEADER);
  head.writeUInt8(toKernelFamily(family), 0);
  return head;
}

export interface RuleMessage {
  /** 4, 6, or the number of a family that is not IP. */
  readonly family: number;
  /** address/prefix; absent: all. */
  readonly source?: string;
  readonly destination?: string;
  readonly iif?: string;
  readonly oif?: string;
  readonly table: number;
  readonly priority: number;
  readonly fwmark?: number;
  readonly fwmask?: number;
  readonly action: number;
  /** The priority of the rule that goes on. */
  readonly goto?: number;
  readonly suppressPrefixLength?: number;
  readonly protocol?: number;
  readonly flags: number;
}

/** The payload of RTM_NEWRULE or RTM_DELRULE. @throws MalformedNetlink */
export function decodeRule(payload: Buffer): RuleMessage {
  const head = header(payload, RULE_HEADER, 'struct fib_rule_hdr');
  const attributes = decodeAttributes(payload.subarray(RULE_HEADER));
  const family = head.readUInt8(0);
  const suppress = read.i32(attributes, FRA.SUPPRESS_PREFIXLEN);
  const range = (type: number, prefix: number): string | undefined => {
    const value = attributes.get(type);
    return value && cidrText(family, value, prefix);
  };
  return present({
    family: fromKernelFamily(family),
    source: range(FRA.SRC, head.readUInt8(2)),
    destination: range(FRA.DST, head.readUInt8(1)),
    iif: read.text(attributes, FRA.IIFNAME),
    oif: read.text(attributes, FRA.OIFNAME),
    table: read.u32(attributes, FRA.TABLE) ?? head.readUInt8(4),
    // The kernel leaves out that of its first rule.
    priority: read.u32(attributes, FRA.PRIORITY) ?? 0,
    fwmark: read.u32(attributes, FRA.FWMARK),
    fwmask: read.u32(attributes, FRA.FWMASK),
    action: head.readUInt8(7),
    goto: read.u32(attributes, FRA.GOTO),
    suppressPrefixLength: suppress === SUPPRESS_NOTHING ? undefined : suppress,
    protocol: read.u8(attributes, FRA.PROTOCOL),
    flags: head.readUInt32LE(8),
  });
}
