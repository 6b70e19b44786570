/** Addresses of links: `struct ifaddrmsg` and its attributes (linux/if_addr.h; RT_SCOPE_… is linux/rtnetlink.h's). */
import { bytes, decodeAttributes, encodeAttributes, read, u32 } from './attributes.ts';
import { MalformedNetlink } from './malformed.ts';
import { attributeNames, present } from './present.ts';
import { addressText, checkedPrefix, fromKernelFamily, header, ipBytesOf, maybeAddressText } from './values.ts';
import { toKernelFamily } from './values.ts';

export const RTM_ADDRESS = { NEW: 20, DELETE: 21, GET: 22 } as const;

/** Bytes of `struct ifaddrmsg`. */
export const ADDRESS_HEADER = 8;

const IFA = {
  ADDRESS: 1,
  LOCAL: 2,
  LABEL: 3,
  BROADCAST: 4,
  CACHEINFO: 6,
  FLAGS: 8,
  RT_PRIORITY: 9,
  PROTO: 11,
} as const;

export const ADDRESS_ATTRIBUTE_NAMES = attributeNames('IFA', IFA);

export const IFA_F = {
  SECONDARY: 0x01,
  /** A new IPv6 address is usable at once: nobody is asked whether it is taken. */
  NODAD: 0x02,
  OPTIMISTIC: 0x04,
  DADFAILED: 0x08,
  HOMEADDRESS: 0x10,
  DEPRECATED: 0x20,
  TENTATIVE: 0x40,
  PERMANENT: 0x80,
  MANAGETEMPADDR: 0x100,
  NOPREFIXROUTE: 0x200,
  MCAUTOJOIN: 0x400,
  STABLE_PRIVACY: 0x800,
} as const;

export interface AddressRequest {
  readonly family: 4 | 6;
  readonly prefix: number;
  readonly index: number;
  /** RT_SCOPE_…; absent: universe. */
  readonly scope?: number;
  /** IFA_F_… */
  readonly flags?: number;
  readonly address: string;
}

/** @throws RangeError for an address or a prefix that is not of the family */
export function encodeAddress({ family, prefix, index, scope = 0, flags, address }: AddressRequest): Buffer {
  const head = Buffer.alloc(ADDRESS_HEADER);
  head.writeUInt8(toKernelFamily(family), 0);
  head.writeUInt8(checkedPrefix(family, prefix), 1);
  head.writeUInt8((flags ?? 0) & 0xff, 2);
  head.writeUInt8(scope, 3);
  head.writeUInt32LE(index, 4);
  const value = ipBytesOf(family, address);
  const attributes = [bytes(IFA.LOCAL, value), bytes(IFA.ADDRESS, value)];
  // The header holds only eight of them.
  if (flags !== undefined) attributes.push(u32(IFA.FLAGS, flags));
  return Buffer.concat([head, encodeAttributes(attributes)]);
}

/** Of both families. The kernel heeds the index only on a socket with NETLINK_GET_STRICT_CHK. */
export function encodeAddressDump({ index = 0 }: { readonly index?: number }): Buffer {
  const head = Buffer.alloc(ADDRESS_HEADER);
  head.writeUInt32LE(index, 4);
  return head;
}

export interface AddressMessage {
  /** 4, 6, or the number of a family that is not IP. */
  readonly family: number;
  readonly index: number;
  readonly prefix: number;
  readonly scope: number;
  readonly flags: number;
  /** The link's own, canonical. */
  readonly address: string;
  /** The other end's, where that is another one. */
  readonly peer?: string;
  readonly label?: string;
  readonly broadcast?: string;
  readonly protocol?: number;
  /** Metric of the route to the subnet, where it is not the kernel's usual one. */
  readonly routePriority?: number;
  /** Seconds; 4294967295 is for ever. */
  readonly cacheInfo?: { readonly preferred: number; readonly valid: number };
}

/** The payload of RTM_NEWADDR or RTM_DELADDR. @throws MalformedNetlink */
export function decodeAddress(payload: Buffer): AddressMessage {
  const head = header(payload, ADDRESS_HEADER, 'struct ifaddrmsg');
  const attributes = decodeAttributes(payload.subarray(ADDRESS_HEADER));
  const family = head.readUInt8(0);
  return present({
    family: fromKernelFamily(family),
    index: head.readUInt32LE(4),
    prefix: head.readUInt8(1),
    scope: head.readUInt8(3),
    flags: read.u32(attributes, IFA.FLAGS) ?? head.readUInt8(2),
    ...ends(family, attributes),
    label: read.text(attributes, IFA.LABEL),
    broadcast: maybeAddressText(family, attributes.get(IFA.BROADCAST)),
    protocol: read.u8(attributes, IFA.PROTO),
    routePriority: read.u32(attributes, IFA.RT_PRIORITY),
    cacheInfo: cacheInfo(attributes.get(IFA.CACHEINFO)),
  });
}

/** IFA_ADDRESS is the other end's where there is one; IPv6 leaves out IFA_LOCAL where there is none. */
function ends(family: number, attributes: ReadonlyMap<number, Buffer>): { address: string; peer: string | undefined } {
  const local = attributes.get(IFA.LOCAL);
  const either = attributes.get(IFA.ADDRESS);
  const own = local ?? either;
  if (own === undefined) throw new MalformedNetlink('neither IFA_LOCAL nor IFA_ADDRESS');
  const address = addressText(family, own);
  const other = maybeAddressText(family, either);
  return { address, peer: other === address ? undefined : other };
}

/** `struct ifa_cacheinfo`. */
function cacheInfo(value: Buffer | undefined): { preferred: number; valid: number } | undefined {
  if (value === undefined) return undefined;
  if (value.length < 16) throw new MalformedNetlink(`IFA_CACHEINFO of ${value.length} bytes`);
  return { preferred: value.readUInt32LE(0), valid: value.readUInt32LE(4) };
}
