/** MAC and IP addresses between text and bytes. Families are those of linux/socket.h: AF_INET, AF_INET6, AF_BRIDGE. */
import { isIPv4, isIPv6 } from 'node:net';
import ipaddr from 'ipaddr.js';
import { MalformedNetlink } from './malformed.ts';

export const AF = { UNSPEC: 0, INET: 2, BRIDGE: 7, INET6: 10 } as const;

const MAC = /^(?:[0-9a-f]{2}:){5}[0-9a-f]{2}$/i;
const BITS = { 4: 32, 6: 128 } as const;

/** @throws RangeError for what is no MAC of six bytes */
export function macBytes(text: string): Buffer {
  if (!MAC.test(text)) throw new RangeError(`${JSON.stringify(text)} is no MAC`);
  return Buffer.from(text.replaceAll(':', ''), 'hex');
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** Lower-case hex with colons, of as many bytes as there are (a tunnel's link address has 4 or 16, InfiniBand's 20); '' for none. */
export function macText(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += text === '' ? HEX[byte] : `:${HEX[byte]}`;
  return text;
}

/** @throws RangeError for what is no address, and for one with a zone */
export function ipBytes(text: string): Buffer {
  if (isIPv4(text)) return Buffer.from(text.split('.').map(Number));
  if (isIPv6(text) && !text.includes('%')) return Buffer.from(ipaddr.IPv6.parse(text).toByteArray());
  throw new RangeError(`${JSON.stringify(text)} is no IP address`);
}

/** @throws RangeError for what is no address of the family */
export function ipBytesOf(family: 4 | 6, text: string): Buffer {
  const bytes = ipBytes(text);
  if (bytes.length * 8 !== BITS[family]) throw new RangeError(`${JSON.stringify(text)} is no IPv${family} address`);
  return bytes;
}

/** Canonical text of 4 or 16 bytes; RFC 5952 for IPv6. @throws MalformedNetlink for another length */
export function ipText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  if (bytes.length === 16) return new ipaddr.IPv6([...bytes]).toRFC5952String();
  throw new MalformedNetlink(`an address of ${bytes.length} bytes`);
}

/**
 * An address in a message of a family: of another than IP's whatever its length tells, hex with colons where it tells nothing.
 * @throws MalformedNetlink for another length than the family's
 */
export function addressText(family: number, bytes: Uint8Array): string {
  if ((family === AF.INET && bytes.length !== 4) || (family === AF.INET6 && bytes.length !== 16))
    throw new MalformedNetlink(`an address of ${bytes.length} bytes in a message of family ${family}`);
  return bytes.length === 4 || bytes.length === 16 ? ipText(bytes) : macText(bytes);
}

/** An absent attribute stays absent. @throws MalformedNetlink as addressText */
export const maybeAddressText = (family: number, bytes: Uint8Array | undefined): string | undefined =>
  bytes === undefined ? undefined : addressText(family, bytes);

/**
 * An address with the prefix length of the message's header.
 * @throws MalformedNetlink for a prefix longer than the address
 */
export function cidrText(family: number, bytes: Uint8Array, prefix: number): string {
  if (prefix > bytes.length * 8) throw new MalformedNetlink(`a prefix of ${prefix} of ${bytes.length} bytes`);
  return `${addressText(family, bytes)}/${prefix}`;
}

/** @throws RangeError for a prefix that the family does not have */
export function checkedPrefix(family: 4 | 6, prefix: number): number {
  if (Number.isInteger(prefix) && prefix >= 0 && prefix <= BITS[family]) return prefix;
  throw new RangeError(`/${prefix} is no prefix of IPv${family}`);
}

/** 4 and 6 as the kernel numbers them. */
export const toKernelFamily = (family: 4 | 6): number => (family === 4 ? AF.INET : AF.INET6);

/** The kernel's number as 4 or 6; another family keeps its number. */
export const fromKernelFamily = (family: number): number => (family === AF.INET ? 4 : family === AF.INET6 ? 6 : family);

/** The header of a family's message. @throws MalformedNetlink for a payload that has not even that */
export function header(payload: Buffer, length: number, struct: string): Buffer {
  if (payload.length >= length) return payload;
  throw new MalformedNetlink(`${payload.length} bytes instead of ${struct}`);
}
