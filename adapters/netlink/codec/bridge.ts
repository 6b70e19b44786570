/** Bridges and their ports: IFLA_BR_… and IFLA_BRPORT_… of linux/if_link.h, and how a link is kept from giving itself IPv6 addresses. */
import { decodeAttributes, nested, read, text, u32, u8, type Attribute } from './attributes.ts';
import { header } from './values.ts';
import { IFLA, IFLA_INFO, LINK_HEADER } from './link.ts';
import { AF } from './values.ts';

const IFLA_BR = { AGEING_TIME: 4, MCAST_SNOOPING: 23 } as const;
const IFLA_INFO_SLAVE = { KIND: 4, DATA: 5 } as const;
const IFLA_BRPORT = {
  LEARNING: 8,
  UNICAST_FLOOD: 9,
  MCAST_FLOOD: 27,
  BCAST_FLOOD: 30,
  NEIGH_SUPPRESS: 32,
  ISOLATED: 33,
} as const;
/** IFLA_AF_SPEC, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE. */
const AF_SPEC = 26;
const ADDR_GEN_MODE = 8;
const NO_ADDRESSES = 1;

/** IFLA_LINKINFO of a bridge that gives multicast to all its ports, whoever joined. */
export const plainBridgeInfo = (): Attribute =>
  nested(IFLA.LINKINFO, [
    text(IFLA_INFO.KIND, 'bridge'),
    nested(IFLA_INFO.DATA, [u32(IFLA_BR.AGEING_TIME, 0), u8(IFLA_BR.MCAST_SNOOPING, 0)]),
  ]);

/** Of a bridge's port, besides that it learns nothing and gets every broadcast and multicast. */
export interface PortFlags {
  /** Frames to MACs that the bridge does not know leave by it. */
  readonly flood: boolean;
  /** The bridge answers for neighbours behind it. */
  readonly suppress: boolean;
  readonly isolated: boolean;
}

const VALUES: readonly (readonly [type: number, of: (flags: PortFlags) => boolean])[] = [
  [IFLA_BRPORT.LEARNING, () => false],
  [IFLA_BRPORT.UNICAST_FLOOD, ({ flood }) => flood],
  [IFLA_BRPORT.MCAST_FLOOD, () => true],
  [IFLA_BRPORT.BCAST_FLOOD, () => true],
  [IFLA_BRPORT.NEIGH_SUPPRESS, ({ suppress }) => suppress],
  [IFLA_BRPORT.ISOLATED, ({ isolated }) => isolated],
];

/** IFLA_LINKINFO of a link that is a bridge's port already. */
export const portInfo = (flags: PortFlags): Attribute =>
  nested(IFLA.LINKINFO, [
    text(IFLA_INFO_SLAVE.KIND, 'bridge'),
    nested(
      IFLA_INFO_SLAVE.DATA,
      VALUES.map(([type, of]) => u8(type, of(flags) ? 1 : 0)),
    ),
  ]);

/** Whether the link is a bridge's port of this kind. @param payload of RTM_NEWLINK @throws MalformedNetlink */
export function isPortWith(payload: Buffer, flags: PortFlags): boolean {
  const attributes = decodeAttributes(header(payload, LINK_HEADER, 'struct ifinfomsg').subarray(LINK_HEADER));
  const info = read.nested(attributes, IFLA.LINKINFO);
  const data = info && read.nested(info, IFLA_INFO_SLAVE.DATA);
  if (info === undefined || data === undefined || read.text(info, IFLA_INFO_SLAVE.KIND) !== 'bridge') return false;
  return VALUES.every(([type, of]) => read.u8(data, type) === (of(flags) ? 1 : 0));
}

/** The node itself has no address in a network of pods, not even a link-local one. EAFNOSUPPORT where the kernel has no IPv6. */
export const withoutOwnAddresses: Attribute = nested(AF_SPEC, [nested(AF.INET6, [u8(ADDR_GEN_MODE, NO_ADDRESSES)])]);
