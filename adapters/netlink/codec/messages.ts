/** Messages of netlink (`struct nlmsghdr`, linux/netlink.h): a header of 16 bytes in the machine's byte order, then what the family defines. */
import { align } from './attributes.ts';
import { MalformedNetlink } from './malformed.ts';

/** Types that every family has. */
export const NLMSG = { NOOP: 1, ERROR: 2, DONE: 3, OVERRUN: 4 } as const;

export const FLAG = {
  REQUEST: 0x01,
  MULTI: 0x02,
  ACK: 0x04,
  /** The table changed while it was dumped: the answer may lack something. */
  DUMP_INTERRUPTED: 0x10,
  DUMP: 0x300,
  REPLACE: 0x100,
  EXCLUDE: 0x200,
  CREATE: 0x400,
  APPEND: 0x800,
  /** Of an error: the request's content is left out. */
  CAPPED: 0x100,
  /** Of an error: attributes follow. */
  ACK_ATTRIBUTES: 0x200,
} as const;

export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  /** Port of the socket that asked; 0 for what the kernel says by itself. */
  readonly port: number;
  readonly payload: Buffer;
}

export const HEADER = 16;

/** Padded to four bytes, so that messages can follow one another. */
export function encodeMessage({ type, flags, sequence, payload }: Omit<NetlinkMessage, 'port'>): Buffer {
  const length = HEADER + payload.length;
  const buffer = Buffer.alloc(align(length));
  buffer.writeUInt32LE(length, 0);
  buffer.writeUInt16LE(type, 4);
  buffer.writeUInt16LE(flags, 6);
  buffer.writeUInt32LE(sequence, 8);
  buffer.set(payload, HEADER);
  return buffer;
}

/**
 * All messages of one datagram; payloads are views of `buffer`.
 * @throws MalformedNetlink
 */
export function decodeMessages(buffer: Buffer): NetlinkMessage[] {
  const messages: NetlinkMessage[] = [];
  let at = 0;
  while (at < buffer.length) {
    if (buffer.length - at < HEADER) throw new MalformedNetlink(`${buffer.length - at} bytes behind the last message`);
    const length = buffer.readUInt32LE(at);
    if (length < HEADER || at + length > buffer.length)
      throw new MalformedNetlink(`a message says it has ${length} bytes, ${buffer.length - at} are left`);
    messages.push({
      type: buffer.readUInt16LE(at + 4),
      flags: buffer.readUInt16LE(at + 6),
      sequence: buffer.readUInt32LE(at + 8),
      port: buffer.readUInt32LE(at + 12),
      payload: buffer.subarray(at + HEADER, at + length),
    });
    at += align(length);
  }
  return messages;
}
