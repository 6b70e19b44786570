/** What a link's message holds for people only: the attributes of linux/if_link.h that podwire itself never decides by. */
import { decodeAttributes, listAttributes, read } from './attributes.ts';
import { IFLA, IFLA_INFO, LINK_HEADER } from './link.ts';
import { present } from './present.ts';
import { header, macText } from './values.ts';

const IFLA_DETAIL = {
  PROMISCUITY: 30,
  NUM_TX_QUEUES: 31,
  NUM_RX_QUEUES: 32,
  PHYS_PORT_ID: 34,
  PHYS_SWITCH_ID: 36,
  PHYS_PORT_NAME: 38,
  PROTO_DOWN: 39,
  GSO_MAX_SEGS: 40,
  GSO_MAX_SIZE: 41,
  MIN_MTU: 50,
  MAX_MTU: 51,
  PROTO_DOWN_REASON: 55,
  PARENT_DEV_NAME: 56,
  PARENT_DEV_BUS_NAME: 57,
  GRO_MAX_SIZE: 58,
  TSO_MAX_SIZE: 59,
  TSO_MAX_SEGS: 60,
  ALLMULTI: 61,
} as const;

const IFLA_INFO_SLAVE = { KIND: 4, DATA: 5 } as const;
const IFLA_PROTO_DOWN_REASON_VALUE = 2;

export interface LinkDetails {
  /** Lower-case hex with colons. */
  readonly broadcast?: string;
  readonly protoDown?: boolean;
  /** One bit for each reason. */
  readonly protoDownReasons?: number;
  readonly promiscuity?: number;
  readonly allmulti?: number;
  readonly minMtu?: number;
  readonly maxMtu?: number;
  readonly txQueues?: number;
  readonly rxQueues?: number;
  readonly gsoMaxSize?: number;
  readonly gsoMaxSegs?: number;
  readonly tsoMaxSize?: number;
  readonly tsoMaxSegs?: number;
  readonly groMaxSize?: number;
  readonly portName?: string;
  /** Hex without colons. */
  readonly portId?: string;
  /** Hex without colons. */
  readonly switchId?: string;
  readonly parentBus?: string;
  readonly parentDevice?: string;
  /** IFLA_INFO_DATA by its types, which every kind numbers for itself. */
  readonly kindData?: ReadonlyMap<number, Buffer>;
  /** Kind of the master, for what the link is as its port. */
  readonly portKind?: string;
  /** IFLA_INFO_SLAVE_DATA by its types, which every kind of master numbers for itself. */
  readonly portData?: ReadonlyMap<number, Buffer>;
}

/** Of the payload that `decodeLink` takes. @throws MalformedNetlink */
export function decodeLinkDetails(payload: Buffer): LinkDetails {
  const attributes = decodeAttributes(header(payload, LINK_HEADER, 'struct ifinfomsg').subarray(LINK_HEADER));
  const broadcast = attributes.get(IFLA.BROADCAST);
  const protoDown = read.u8(attributes, IFLA_DETAIL.PROTO_DOWN);
  return present({
    broadcast: broadcast && macText(broadcast),
    protoDown: protoDown === undefined ? undefined : protoDown !== 0,
    protoDownReasons: protoDownReasons(read.nested(attributes, IFLA_DETAIL.PROTO_DOWN_REASON)),
    promiscuity: read.u32(attributes, IFLA_DETAIL.PROMISCUITY),
    allmulti: read.u32(attributes, IFLA_DETAIL.ALLMULTI),
    minMtu: read.u32(attributes, IFLA_DETAIL.MIN_MTU),
    maxMtu: read.u32(attributes, IFLA_DETAIL.MAX_MTU),
    txQueues: read.u32(attributes, IFLA_DETAIL.NUM_TX_QUEUES),
    rxQueues: read.u32(attributes, IFLA_DETAIL.NUM_RX_QUEUES),
    gsoMaxSize: read.u32(attributes, IFLA_DETAIL.GSO_MAX_SIZE),
    gsoMaxSegs: read.u32(attributes, IFLA_DETAIL.GSO_MAX_SEGS),
    tsoMaxSize: read.u32(attributes, IFLA_DETAIL.TSO_MAX_SIZE),
    tsoMaxSegs: read.u32(attributes, IFLA_DETAIL.TSO_MAX_SEGS),
    groMaxSize: read.u32(attributes, IFLA_DETAIL.GRO_MAX_SIZE),
    portName: read.text(attributes, IFLA_DETAIL.PHYS_PORT_NAME),
    portId: attributes.get(IFLA_DETAIL.PHYS_PORT_ID)?.toString('hex'),
    switchId: attributes.get(IFLA_DETAIL.PHYS_SWITCH_ID)?.toString('hex'),
    parentBus: read.text(attributes, IFLA_DETAIL.PARENT_DEV_BUS_NAME),
    parentDevice: read.text(attributes, IFLA_DETAIL.PARENT_DEV_NAME),
    ...kinds(read.nested(attributes, IFLA.LINKINFO)),
  });
}

const protoDownReasons = (reasons: ReadonlyMap<number, Buffer> | undefined): number | undefined =>
  reasons && read.u32(reasons, IFLA_PROTO_DOWN_REASON_VALUE);

function kinds(info: ReadonlyMap<number, Buffer> | undefined) {
  if (info === undefined) return {};
  return {
    kindData: read.nested(info, IFLA_INFO.DATA),
    portKind: read.text(info, IFLA_INFO_SLAVE.KIND),
    portData: read.nested(info, IFLA_INFO_SLAVE.DATA),
  };
}

/** Attributes of an attribute whose types say nothing but their places in a list. @throws MalformedNetlink */
export const listedValues = (list: Buffer): Buffer[] => listAttributes(list).map(({ value }) => value);
