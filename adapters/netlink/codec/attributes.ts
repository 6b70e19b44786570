/**
 * Attributes of netlink messages (`struct nlattr`, linux/netlink.h): length and type of 16 bits each in the machine's byte order, the value,
 * and zeros up to a multiple of four bytes. Every machine that podwire has a library for is little-endian.
 */
import { MalformedNetlink } from './malformed.ts';

export interface Attribute {
  readonly type: number;
  readonly value: Uint8Array | readonly Attribute[];
}

const HEADER = 4;
/** NLA_F_NESTED. */
const NESTED = 0x8000;
/** NLA_TYPE_MASK: without NLA_F_NESTED and NLA_F_NET_BYTEORDER. */
const TYPE_MASK = 0x3fff;
const MAX_LENGTH = 0xffff;

/** NLMSG_ALIGN and NLA_ALIGN. */
export const align = (length: number): number => (length + 3) & ~3;

const sized = (size: number, write: (buffer: Buffer) => unknown): Buffer => {
  const buffer = Buffer.alloc(size);
  write(buffer);
  return buffer;
};

export const u8 = (type: number, value: number): Attribute => ({
  type,
  value: sized(1, (buffer) => buffer.writeUInt8(value)),
});
export const u16 = (type: number, value: number): Attribute => ({
  type,
  value: sized(2, (buffer) => buffer.writeUInt16LE(value)),
});
/** In network byte order. */
export const be16 = (type: number, value: number): Attribute => ({
  type,
  value: sized(2, (buffer) => buffer.writeUInt16BE(value)),
});
export const u32 = (type: number, value: number): Attribute => ({
  type,
  value: sized(4, (buffer) => buffer.writeUInt32LE(value)),
});
/** In network byte order. */
export const be32 = (type: number, value: number): Attribute => ({
  type,
  value: sized(4, (buffer) => buffer.writeUInt32BE(value)),
});
/** With the zero at its end that NLA_NUL_STRING asks for. */
export const text = (type: number, value: string): Attribute => ({ type, value: Buffer.from(`${value}\0`, 'utf8') });
export const bytes = (type: number, value: Uint8Array): Attribute => ({ type, value });
export const nested = (type: number, value: readonly Attribute[]): Attribute => ({ type, value });
/** Of attributes that are encoded already. */
export const nestedBytes = (type: number, value: Uint8Array): Attribute => ({ type: type | NESTED, value });
/** An attribute that says something by being there. */
export const flag = (type: number): Attribute => ({ type, value: new Uint8Array(0) });

/** @throws RangeError for a value that no attribute holds: a fault of the caller, never of what the kernel said */
export function encodeAttributes(attributes: readonly Attribute[]): Buffer {
  return Buffer.concat(attributes.map(encodeOne));
}

function encodeOne({ type, value }: Attribute): Buffer {
  const isNested = !(value instanceof Uint8Array);
  const content = isNested ? encodeAttributes(value) : value;
  const length = HEADER + content.length;
  if (length > MAX_LENGTH) throw new RangeError(`netlink attribute ${type} of ${content.length} bytes is too long`);
  const buffer = Buffer.alloc(align(length));
  buffer.writeUInt16LE(length, 0);
  buffer.writeUInt16LE(isNested ? type | NESTED : type, 2);
  buffer.set(content, HEADER);
  return buffer;
}

export interface DecodedAttribute {
  readonly type: number;
  readonly value: Buffer;
}

/**
 * In the order of the message; values are views of `buffer`.
 * @throws MalformedNetlink
 */
export function listAttributes(buffer: Buffer): DecodedAttribute[] {
  const list: DecodedAttribute[] = [];
  let at = 0;
  // The last one may end without its padding.
  while (at < buffer.length) {
    if (buffer.length - at < HEADER)
      throw new MalformedNetlink(`${buffer.length - at} bytes behind the last attribute`);
    const length = buffer.readUInt16LE(at);
    const type = buffer.readUInt16LE(at + 2) & TYPE_MASK;
    if (length < HEADER || at + length > buffer.length)
      throw new MalformedNetlink(`attribute ${type} says it has ${length} bytes, ${buffer.length - at} are left`);
    list.push({ type, value: buffer.subarray(at + HEADER, at + length) });
    at += align(length);
  }
  return list;
}

/** By their types; of two with the same type the later one, as the kernel takes it. */
export const decodeAttributes = (buffer: Buffer): Map<number, Buffer> =>
  new Map(listAttributes(buffer).map(({ type, value }) => [type, value]));

/** Reads values of known types out of decoded attributes. undefined: absent. @throws MalformedNetlink for another length */
export const read = {
  u8: (of: ReadonlyMap<number, Buffer>, type: number): number | undefined => exactly(of, type, 1)?.readUInt8(0),
  u16: (of: ReadonlyMap<number, Buffer>, type: number): number | undefined => exactly(of, type, 2)?.readUInt16LE(0),
  be16: (of: ReadonlyMap<number, Buffer>, type: number): number | undefined => exactly(of, type, 2)?.readUInt16BE(0),
  u32: (of: ReadonlyMap<number, Buffer>, type: number): number | undefined => exactly(of, type, 4)?.readUInt32LE(0),
  i32: (of: ReadonlyMap<number, Buffer>, type: number): number | undefined => exactly(of, type, 4)?.readInt32LE(0),
  be32: (of: ReadonlyMap<number, Buffer>, type: number): number | undefined => exactly(of, type, 4)?.readUInt32BE(0),
  /** Up to the first zero; what is no UTF-8 becomes U+FFFD. */
  text(of: ReadonlyMap<number, Buffer>, type: number): string | undefined {
    const value = of.get(type);
    if (value === undefined) return undefined;
    const end = value.indexOf(0);
    return value.toString('utf8', 0, end === -1 ? value.length : end);
  },
  /** Of an attribute that holds attributes. */
  nested(of: ReadonlyMap<number, Buffer>, type: number): Map<number, Buffer> | undefined {
    const value = of.get(type);
    return value === undefined ? undefined : decodeAttributes(value);
  },
};

/** A number of one to eight bytes. @throws MalformedNetlink for another length */
export function unsigned(value: Uint8Array): bigint {
  if (value.length === 0 || value.length > 8) throw new MalformedNetlink(`a number of ${value.length} bytes`);
  return value.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

function exactly(of: ReadonlyMap<number, Buffer>, type: number, length: number): Buffer | undefined {
  const value = of.get(type);
  if (value !== undefined && value.length !== length)
    throw new MalformedNetlink(`attribute ${type} has ${value.length} bytes instead of ${length}`);
  return value;
}
