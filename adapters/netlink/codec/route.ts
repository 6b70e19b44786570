/** Routes: `struct rtmsg`, `struct rtnexthop`, `struct rtvia` and the attributes (linux/rtnetlink.h). */
import { align, bytes, decodeAttributes, encodeAttributes, read, u32, type Attribute } from './attributes.ts';
import { MalformedNetlink } from './malformed.ts';
import { attributeNames, present } from './present.ts';
import { AF, addressText, checkedPrefix, cidrText, fromKernelFamily, header } from './values.ts';
import { ipBytes, ipBytesOf, maybeAddressText, toKernelFamily } from './values.ts';

export const RTM_ROUTE = { NEW: 24, DELETE: 25, GET: 26 } as const;

/** Bytes of `struct rtmsg`. */
export const ROUTE_HEADER = 12;
/** Bytes of `struct rtnexthop`. */
const NEXTHOP_HEADER = 8;

const RTA = {
  DST: 1,
  SRC: 2,
  IIF: 3,
  OIF: 4,
  GATEWAY: 5,
  PRIORITY: 6,
  PREFSRC: 7,
  METRICS: 8,
  MULTIPATH: 9,
  FLOW: 11,
  TABLE: 15,
  MARK: 16,
  VIA: 18,
  PREF: 20,
  EXPIRES: 23,
  NH_ID: 30,
} as const;

export const ROUTE_ATTRIBUTE_NAMES = attributeNames('RTA', RTA);

export const RT_TABLE = { MAIN: 254, LOCAL: 255 } as const;
export const RT_SCOPE = { UNIVERSE: 0, LINK: 253, HOST: 254, NOWHERE: 255 } as const;
export const RTN = { UNSPEC: 0, UNICAST: 1, LOCAL: 2, BROADCAST: 3, BLACKHOLE: 6, UNREACHABLE: 7 } as const;
export const RTPROT = { UNSPEC: 0, KERNEL: 2, BOOT: 3, STATIC: 4, RA: 9 } as const;

const RTAX = {
  LOCK: 1,
  MTU: 2,
  WINDOW: 3,
  RTT: 4,
  RTTVAR: 5,
  SSTHRESH: 6,
  CWND: 7,
  ADVMSS: 8,
  REORDERING: 9,
  HOPLIMIT: 10,
  INITCWND: 11,
  FEATURES: 12,
  RTO_MIN: 13,
  INITRWND: 14,
  QUICKACK: 15,
  CC_ALGO: 16,
  FASTOPEN_NO_COOKIE: 17,
} as const;

export interface RouteRequest {
  readonly family: 4 | 6;
  /** Absent: the default route. */
  readonly destination?: { readonly address: string; readonly prefix: number };
  readonly gateway?: string;
  /** Own address that packets leave with, unless they have one. */
  readonly preferredSource?: string;
  readonly oif?: number;
  /** Absent: main. */
  readonly table?: number;
  /** Absent: RTPROT_BOOT, as `ip route add` has it. A deletion with RTPROT_UNSPEC takes a route of any. */
  readonly protocol?: number;
  /** Absent: link without a gateway of IPv4, universe otherwise. A deletion with RT_SCOPE_NOWHERE takes a route of any. */
  readonly scope?: number;
  /** Absent: RTN_UNICAST. A deletion with RTN_UNSPEC takes a route of any. */
  readonly type?: number;
  /** The metric. */
  readonly priority?: number;
}

/** @throws RangeError for an address or a prefix that is not of the family */
export function encodeRoute(route: RouteRequest): Buffer {
  const { family, destination, table = RT_TABLE.MAIN, protocol = RTPROT.BOOT, type = RTN.UNICAST } = route;
  const head = Buffer.alloc(ROUTE_HEADER);
  head.writeUInt8(toKernelFamily(family), 0);
  head.writeUInt8(destination === undefined ? 0 : checkedPrefix(family, destination.prefix), 1);
  // A greater one stands in RTA_TABLE only.
  head.writeUInt8(table > 0xff ? 0 : table, 4);
  head.writeUInt8(protocol, 5);
  head.writeUInt8(route.scope ?? (family === 4 && route.gateway === undefined ? RT_SCOPE.LINK : RT_SCOPE.UNIVERSE), 6);
  head.writeUInt8(type, 7);
  return Buffer.concat([head, encodeAttributes(routeAttributes(route, table))]);
}

function routeAttributes(route: RouteRequest, table: number): Attribute[] {
  const { family, destination, gateway, preferredSource, oif, priority } = route;
  const attributes: Attribute[] = [];
  if (destination !== undefined && destination.prefix > 0)
    attributes.push(bytes(RTA.DST, ipBytesOf(family, destination.address)));
  if (gateway !== undefined) attributes.push(gatewayOf(family, ipBytes(gateway)));
  if (preferredSource !== undefined) attributes.push(bytes(RTA.PREFSRC, ipBytesOf(family, preferredSource)));
  if (oif !== undefined) attributes.push(u32(RTA.OIF, oif));
  if (table > 0xff) attributes.push(u32(RTA.TABLE, table));
  if (priority !== undefined) attributes.push(u32(RTA.PRIORITY, priority));
  return attributes;
}

/** RTA_GATEWAY is of the route's family; a gateway of the other one stands in RTA_VIA. */
function gatewayOf(family: 4 | 6, gateway: Buffer): Attribute {
  const ofGateway = gateway.length === 4 ? 4 : 6;
  if (ofGateway === family) return bytes(RTA.GATEWAY, gateway);
  return bytes(RTA.VIA, Buffer.concat([Uint8Array.of(toKernelFamily(ofGateway), 0), gateway]));
}

/**
 * The kernel heeds `oif` and `table` only on a socket with NETLINK_GET_STRICT_CHK; a table that does not exist is then ENOENT.
 * A kernel without the family answers with the routes of all others.
 */
export function encodeRouteDump(asked: {
  readonly family: 4 | 6;
  readonly oif?: number;
  readonly table?: number;
}): Buffer {
  const head = Buffer.alloc(ROUTE_HEADER);
  head.writeUInt8(toKernelFamily(asked.family), 0);
  const attributes: Attribute[] = [];
  if (asked.oif !== undefined) attributes.push(u32(RTA.OIF, asked.oif));
  if (asked.table !== undefined) attributes.push(u32(RTA.TABLE, asked.table));
  return Buffer.concat([head, encodeAttributes(attributes)]);
}

/** A gateway of another family than the route's. */
interface Via {
  readonly family: number;
  readonly address: string;
}

interface Nexthop {
  readonly oif: number;
  readonly gateway?: string;
  readonly via?: Via;
  /** 1 to 256. */
  readonly weight: number;
}

export interface RouteMetrics {
  /** One bit for each metric (by its RTAX number) that path discovery must not change. */
  readonly lock?: number;
  readonly mtu?: number;
  readonly window?: number;
  /** Eighths of a millisecond. */
  readonly rtt?: number;
  /** Quarters of a millisecond. */
  readonly rttvar?: number;
  readonly ssthresh?: number;
  readonly cwnd?: number;
  readonly advmss?: number;
  readonly reordering?: number;
  readonly hoplimit?: number;
  readonly initcwnd?: number;
  /** RTAX_FEATURE_… */
  readonly features?: number;
  /** Milliseconds. */
  readonly rtoMin?: number;
  readonly initrwnd?: number;
  readonly quickack?: number;
  /** Name of an algorithm of congestion control. */
  readonly congctl?: string;
  readonly fastopenNoCookie?: number;
}

export interface RouteMessage {
  /** 4, 6, or the number of a family that is not IP, whose addresses mean what their lengths tell. */
  readonly family: number;
  /** address/prefix; that of all addresses where the message has none, '' in a family that is not IP. */
  readonly destination: string;
  readonly gateway?: string;
  readonly oif?: number;
  readonly table: number;
  readonly protocol: number;
  readonly scope: number;
  readonly type: number;
  readonly priority?: number;
  /** Absent: any. */
  readonly tos?: number;
  /** The realm of the sources in the upper half, that of the destinations in the lower one. */
  readonly realms?: number;
  /** address/prefix that packets must come from. */
  readonly source?: string;
  readonly preferredSource?: string;
  readonly metrics?: RouteMetrics;
  readonly flags: number;
  readonly nexthops: readonly Nexthop[];
  readonly via?: Via;
  readonly nexthopId?: number;
}

/** The payload of RTM_NEWROUTE or RTM_DELROUTE. @throws MalformedNetlink */
export function decodeRoute(payload: Buffer): RouteMessage {
  const head = header(payload, ROUTE_HEADER, 'struct rtmsg');
  const attributes = decodeAttributes(payload.subarray(ROUTE_HEADER));
  const family = head.readUInt8(0);
  return present({
    family: fromKernelFamily(family),
    destination: rangeOf(family, attributes.get(RTA.DST), head.readUInt8(1)) ?? everything(family),
    oif: read.u32(attributes, RTA.OIF),
    table: read.u32(attributes, RTA.TABLE) ?? head.readUInt8(4),
    protocol: head.readUInt8(5),
    scope: head.readUInt8(6),
    type: head.readUInt8(7),
    priority: read.u32(attributes, RTA.PRIORITY),
    tos: head.readUInt8(3) || undefined,
    realms: read.u32(attributes, RTA.FLOW),
    source: rangeOf(family, attributes.get(RTA.SRC), head.readUInt8(2)),
    preferredSource: maybeAddressText(family, attributes.get(RTA.PREFSRC)),
    metrics: metrics(read.nested(attributes, RTA.METRICS)),
    flags: head.readUInt32LE(8),
    nexthops: nexthops(family, attributes.get(RTA.MULTIPATH)),
    nexthopId: read.u32(attributes, RTA.NH_ID),
    ...nextOf(family, attributes),
  });
}

const everything = (family: number): string => (family === AF.INET ? '0.0.0.0/0' : family === AF.INET6 ? '::/0' : '');

function rangeOf(family: number, value: Buffer | undefined, prefix: number): string | undefined {
  if (value !== undefined) return cidrText(family, value, prefix);
  if (prefix > 0) throw new MalformedNetlink(`a prefix of ${prefix} without an address`);
  return undefined;
}

function nextOf(family: number, attributes: ReadonlyMap<number, Buffer>) {
  return {
    gateway: maybeAddressText(family, attributes.get(RTA.GATEWAY)),
    via: viaOf(attributes.get(RTA.VIA)),
  };
}

/** `struct rtvia`: the family in 16 bits, then its address. */
function viaOf(value: Buffer | undefined): Via | undefined {
  if (value === undefined) return undefined;
  if (value.length < 2) throw new MalformedNetlink(`RTA_VIA of ${value.length} bytes`);
  const family = value.readUInt16LE(0);
  return { family: fromKernelFamily(family), address: addressText(family, value.subarray(2)) };
}

function nexthops(family: number, value: Buffer | undefined): Nexthop[] {
  const list: Nexthop[] = [];
  for (let at = 0; value !== undefined && at < value.length;) {
    const left = value.length - at;
    const length = left < NEXTHOP_HEADER ? 0 : value.readUInt16LE(at);
    if (length < NEXTHOP_HEADER || length > left)
      throw new MalformedNetlink(`a next hop says it has ${length} bytes, ${left} are left`);
    const attributes = decodeAttributes(value.subarray(at + NEXTHOP_HEADER, at + length));
    list.push(
      present({
        oif: value.readInt32LE(at + 4),
        // The kernel counts from 0.
        weight: value.readUInt8(at + 3) + 1,
        ...nextOf(family, attributes),
      }),
    );
    at += align(length);
  }
  return list;
}

const metrics = (values: Map<number, Buffer> | undefined): RouteMetrics | undefined =>
  values &&
  present({
    lock: read.u32(values, RTAX.LOCK),
    mtu: read.u32(values, RTAX.MTU),
    window: read.u32(values, RTAX.WINDOW),
    rtt: read.u32(values, RTAX.RTT),
    rttvar: read.u32(values, RTAX.RTTVAR),
    ssthresh: read.u32(values, RTAX.SSTHRESH),
    cwnd: read.u32(values, RTAX.CWND),
    advmss: read.u32(values, RTAX.ADVMSS),
    reordering: read.u32(values, RTAX.REORDERING),
    hoplimit: read.u32(values, RTAX.HOPLIMIT),
    initcwnd: read.u32(values, RTAX.INITCWND),
    features: read.u32(values, RTAX.FEATURES),
    rtoMin: read.u32(values, RTAX.RTO_MIN),
    initrwnd: read.u32(values, RTAX.INITRWND),
    quickack: read.u32(values, RTAX.QUICKACK),
    congctl: read.text(values, RTAX.CC_ALGO),
    fastopenNoCookie: read.u32(values, RTAX.FASTOPEN_NO_COOKIE),
  });
