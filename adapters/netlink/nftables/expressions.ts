/**
 * Expressions of a rule (linux/netfilter/nf_tables.h: `nft_expr_attributes` and those of each expression), as nft(8) puts them: a value is
 * loaded into register 1, then compared; where the comparison fails the rule ends. Pure.
 */
import { be32, bytes, nested, text, type Attribute } from '../codec/attributes.ts';
import { SET_ID } from './objects.ts';
import { DATA, EXPRESSION, LIST_ELEMENT, VERDICT, VERDICT_CODE } from './uapi.ts';

/** NFT_REG_VERDICT, NFT_REG_1. */
const REGISTER = { VERDICT: 0, VALUE: 1 } as const;
/** NFT_META_… */
export const META = { IIF: 4, IIFNAME: 6, NFPROTO: 15, L4PROTO: 16 } as const;
/** enum nft_payload_bases. */
export const HEADER_BASE = { LINK: 0, NETWORK: 1, TRANSPORT: 2 } as const;

const EQUALS = 0;
const DIFFERS = 1;
/** NFT_LOOKUP_F_INV. */
const INVERTED = 1;

const expression = (name: string, data: readonly Attribute[]): Attribute =>
  nested(LIST_ELEMENT, [text(EXPRESSION.NAME, name), nested(EXPRESSION.DATA, data)]);

/** NFTA_META_KEY, NFTA_META_DREG. */
export const meta = (key: number): Attribute => expression('meta', [be32(2, key), be32(1, REGISTER.VALUE)]);

/** NFTA_PAYLOAD_DREG, …BASE, …OFFSET, …LEN. @param offset in bytes, as is `length` */
export const payload = (base: number, offset: number, length: number): Attribute =>
  expression('payload', [be32(1, REGISTER.VALUE), be32(2, base), be32(3, offset), be32(4, length)]);

/** NFTA_CMP_SREG, …OP, …DATA. */
const compared = (operator: number, value: readonly number[]): Attribute =>
  expression('cmp', [
    be32(1, REGISTER.VALUE),
    be32(2, operator),
    nested(3, [bytes(DATA.VALUE, Uint8Array.from(value))]),
  ]);

export const equals = (...value: readonly number[]): Attribute => compared(EQUALS, value);
export const differs = (...value: readonly number[]): Attribute => compared(DIFFERS, value);

/** NFTA_LOOKUP_SET, …SREG, …SET_ID, …FLAGS. @param isNew the set is made in the same transaction */
const lookup = (set: string, isNew: boolean, flags: readonly Attribute[]): Attribute =>
  expression('lookup', [text(1, set), be32(2, REGISTER.VALUE), ...(isNew ? [be32(4, SET_ID)] : []), ...flags]);

export const isIn = (set: string, isNew: boolean): Attribute => lookup(set, isNew, []);
export const isNotIn = (set: string, isNew: boolean): Attribute => lookup(set, isNew, [be32(5, INVERTED)]);

/** NFTA_IMMEDIATE_DREG, …DATA. */
const verdict = (code: number): Attribute =>
  expression('immediate', [be32(1, REGISTER.VERDICT), nested(2, [nested(DATA.VERDICT, [be32(VERDICT_CODE, code)])])]);

export const drop: Attribute = verdict(VERDICT.DROP);
export const accept: Attribute = verdict(VERDICT.ACCEPT);

/**
 * The way back to a packet's source by the link that it came in by: index of that link, 0 where the node would send there by another one. What
 * IPv6 says about neighbours passes.
 * NFTA_FIB_DREG, …RESULT (NFT_FIB_RESULT_OIF), …FLAGS (NFTA_FIB_F_SADDR and …IIF).
 */
export const wayBack: Attribute = expression('fib', [be32(1, REGISTER.VALUE), be32(2, 1), be32(3, 0x1 | 0x8)]);

/** NFTA_BITWISE_SREG, …DREG, …LEN, …MASK, …XOR. @param mask as long as the value in the register */
export const masked = (mask: Uint8Array): Attribute =>
  expression('bitwise', [
    be32(1, REGISTER.VALUE),
    be32(2, REGISTER.VALUE),
    be32(3, mask.length),
    nested(4, [bytes(DATA.VALUE, mask)]),
    nested(5, [bytes(DATA.VALUE, new Uint8Array(mask.length))]),
  ]);

/** By an address of the link that the packet leaves by, from any free port. NFTA_MASQ_FLAGS (NF_NAT_RANGE_PROTO_RANDOM_FULLY). */
export const masquerade: Attribute = expression('masq', [be32(1, 0x10)]);
