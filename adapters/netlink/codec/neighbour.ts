/** Neighbours of IP and entries of forwarding databases: `struct ndmsg` and its attributes (linux/neighbour.h). */
import { be16, bytes, decodeAttributes, encodeAttributes, read, u32, u8, type Attribute } from './attributes.ts';
import { MalformedNetlink } from './malformed.ts';
import { attributeNames, present } from './present.ts';
import { AF, header, ipBytes, ipBytesOf, macBytes, macText, maybeAddressText } from './values.ts';

export const RTM_NEIGHBOUR = { NEW: 28, DELETE: 29, GET: 30 } as const;

/** Bytes of `struct ndmsg`. */
export const NEIGHBOUR_HEADER = 12;

export const NDA = {
  DST: 1,
  LLADDR: 2,
  CACHEINFO: 3,
  PROBES: 4,
  VLAN: 5,
  PORT: 6,
  VNI: 7,
  IFINDEX: 8,
  MASTER: 9,
  LINK_NETNSID: 10,
  SRC_VNI: 11,
  PROTOCOL: 12,
  NH_ID: 13,
  FLAGS_EXT: 15,
} as const;

export const NEIGHBOUR_ATTRIBUTE_NAMES = attributeNames('NDA', NDA);

const NUD_NONE = 0x00;
export const NUD_REACHABLE = 0x02;
export const NUD_STALE = 0x04;
export const NUD_FAILED = 0x20;
export const NUD_NOARP = 0x40;
export const NUD_PERMANENT = 0x80;

export const NTF_USE = 0x01;
export const NTF_SELF = 0x02;
export const NTF_MASTER = 0x04;
export const NTF_EXT_LEARNED = 0x10;
export const NTF_OFFLOADED = 0x20;
export const NTF_STICKY = 0x40;
export const NTF_ROUTER = 0x80;

/** AF_INET, AF_INET6, or AF_BRIDGE for forwarding databases, those of VXLAN devices too. */
export type NeighbourFamily = 2 | 10 | 7;

export interface NeighbourRequest {
  readonly family: NeighbourFamily;
  readonly index: number;
  /** NUD_… */
  readonly state?: number;
  /** NTF_… */
  readonly flags?: number;
  /** RTN_… */
  readonly type?: number;
  readonly mac?: string;
  /** The neighbour's address; of a forwarding entry the tunnel's other end. */
  readonly destination?: string;
  readonly port?: number;
  readonly vni?: number;
  /** The link that the tunnel's packets leave by. */
  readonly viaIndex?: number;
  readonly protocol?: number;
  readonly masterIndex?: number;
}

/** @throws RangeError for a MAC or an address that is none, and an address of another family than that of IP that is asked for */
export function encodeNeighbour(entry: NeighbourRequest): Buffer {
  const { family, index, state = NUD_NONE, flags = 0, type = 0 } = entry;
  const head = Buffer.alloc(NEIGHBOUR_HEADER);
  head.writeUInt8(family, 0);
  head.writeInt32LE(index, 4);
  head.writeUInt16LE(state, 8);
  head.writeUInt8(flags, 10);
  head.writeUInt8(type, 11);
  return Buffer.concat([head, encodeAttributes(neighbourAttributes(entry))]);
}

function neighbourAttributes(entry: NeighbourRequest): Attribute[] {
  const { family, mac, destination, port, vni, viaIndex, protocol, masterIndex } = entry;
  const attributes: Attribute[] = [];
  if (mac !== undefined) attributes.push(bytes(NDA.LLADDR, macBytes(mac)));
  if (destination !== undefined) attributes.push(bytes(NDA.DST, destinationBytes(family, destination)));
  if (port !== undefined) attributes.push(be16(NDA.PORT, port));
  if (vni !== undefined) attributes.push(u32(NDA.VNI, vni));
  if (viaIndex !== undefined) attributes.push(u32(NDA.IFINDEX, viaIndex));
  if (protocol !== undefined) attributes.push(u8(NDA.PROTOCOL, protocol));
  if (masterIndex !== undefined) attributes.push(u32(NDA.MASTER, masterIndex));
  return attributes;
}

function destinationBytes(family: NeighbourFamily, text: string): Buffer {
  if (family === AF.BRIDGE) return ipBytes(text);
  return ipBytesOf(family === AF.INET ? 4 : 6, text);
}

/**
 * The kernel heeds the index (of the link whose entries are asked for) only on a socket with NETLINK_GET_STRICT_CHK.
 * @param asked.masterIndex a bridge: its entries for all its ports, and what these have themselves
 */
export function encodeNeighbourDump(asked: {
  readonly family: NeighbourFamily;
  readonly index?: number;
  readonly masterIndex?: number;
}): Buffer {
  const head = Buffer.alloc(NEIGHBOUR_HEADER);
  head.writeUInt8(asked.family, 0);
  // Not in the header: for neighbours of IP the kernel refuses it there.
  return Buffer.concat([
    head,
    encodeAttributes([
      ...(asked.index === undefined ? [] : [u32(NDA.IFINDEX, asked.index)]),
      ...(asked.masterIndex === undefined ? [] : [u32(NDA.MASTER, asked.masterIndex)]),
    ]),
  ]);
}

export interface NeighbourMessage {
  /** AF_… */
  readonly family: number;
  readonly index: number;
  readonly state: number;
  readonly flags: number;
  readonly type: number;
  readonly destination?: string;
  readonly mac?: string;
  readonly port?: number;
  readonly vni?: number;
  /** Of a device that takes its VNI from metadata: which of its networks the entry is of. */
  readonly sourceVni?: number;
  readonly viaIndex?: number;
  readonly masterIndex?: number;
  /** The netns that the tunnel's packets leave by. */
  readonly linkNetnsid?: number;
  readonly protocol?: number;
  readonly nexthopId?: number;
  readonly vlan?: number;
  readonly cacheInfo?: NeighbourCacheInfo;
}

/** Hundredths of seconds since. */
interface NeighbourCacheInfo {
  readonly confirmed: number;
  readonly used: number;
  readonly updated: number;
  readonly references: number;
}

/** The payload of RTM_NEWNEIGH or RTM_DELNEIGH. @throws MalformedNetlink */
export function decodeNeighbour(payload: Buffer): NeighbourMessage {
  const head = header(payload, NEIGHBOUR_HEADER, 'struct ndmsg');
  const attributes = decodeAttributes(payload.subarray(NEIGHBOUR_HEADER));
  const family = head.readUInt8(0);
  const mac = attributes.get(NDA.LLADDR);
  return present({
    family,
    index: head.readInt32LE(4),
    state: head.readUInt16LE(8),
    flags: head.readUInt8(10),
    type: head.readUInt8(11),
    destination: maybeAddressText(family, attributes.get(NDA.DST)),
    mac: mac && macText(mac),
    port: read.be16(attributes, NDA.PORT),
    vni: read.u32(attributes, NDA.VNI),
    sourceVni: read.u32(attributes, NDA.SRC_VNI),
    viaIndex: read.u32(attributes, NDA.IFINDEX),
    masterIndex: read.u32(attributes, NDA.MASTER),
    linkNetnsid: read.i32(attributes, NDA.LINK_NETNSID),
    protocol: read.u8(attributes, NDA.PROTOCOL),
    nexthopId: read.u32(attributes, NDA.NH_ID),
    vlan: read.u16(attributes, NDA.VLAN),
    cacheInfo: cacheInfo(attributes.get(NDA.CACHEINFO)),
  });
}

/** `struct nda_cacheinfo`. */
function cacheInfo(value: Buffer | undefined): NeighbourCacheInfo | undefined {
  if (value === undefined) return undefined;
  if (value.length < 16) throw new MalformedNetlink(`NDA_CACHEINFO of ${value.length} bytes`);
  return {
    confirmed: value.readUInt32LE(0),
    used: value.readUInt32LE(4),
    updated: value.readUInt32LE(8),
    references: value.readUInt32LE(12),
  };
}
