/** Short fingerprints: a plan compares with them what is desired with what is recorded. */
import { canonicalJson, type JsonValue } from '../../domain/text/canonical-json.ts';
import type { CniAttachmentSpec } from '../../domain/cni/attachment.ts';
import {
  networkKey,
  type NetworkRef,
  type NetworkSelection,
  type ThroughDefinition,
} from '../../domain/network-selection.ts';
import type { AttachmentRecord } from '../../domain/records.ts';
import type { VxlanLinkSpec } from '../../domain/vxlan/vxlan.ts';

export interface Fingerprints {
  /** Of everything that decides how the link looks. */
  readonly linkHash: string;
  /** Of what cannot be changed in place. */
  readonly tunnelHash: string;
}

type Hash = (text: string) => string;

/** @param vtep the pod's own tunnel address */
export function ofSelection(hash: Hash, selection: NetworkSelection, vtep: string): Fingerprints {
  return selection.kind === 'vxlan'
    ? ofVxlan(hash, selection.link, vtep, selection.through)
    : ofCni(hash, selection.dialect, selection.network, selection.cni);
}

export function ofRecord(hash: Hash, record: AttachmentRecord): Fingerprints {
  return record.kind === 'vxlan'
    ? ofVxlan(hash, record.link, record.vtep, record.through)
    : ofCni(hash, record.dialect, record.network, record.cni);
}

/**
 * VNI, ports, parent and local address of a VXLAN device cannot be changed in place (measured). Where podwire may choose the interface's name,
 * the name tells nothing: the attachment is known by what it was asked for as.
 */
function ofVxlan(hash: Hash, link: VxlanLinkSpec, vtep: string, through: ThroughDefinition | undefined): Fingerprints {
  const { kind, interfaceName, vni, dstPort, srcPorts, parent, mtu, up, addresses, routes, peers, flood, pool, mac } =
    link;
  const ports = srcPorts === undefined ? null : `${srcPorts.first}-${srcPorts.last}`;
  const routeTexts = routes.map((route) => `${route.destination} via ${route.gateway}`);
  return {
    linkHash: short(hash, [
      kind,
      through === undefined ? interfaceName : `${through.dialect} ${networkKey(through.definition)}`,
      vni,
      dstPort,
      parent,
      mtu ?? null,
      up,
      addresses,
      routeTexts,
      peers,
      vtep,
      ports,
      flood !== false,
      ...(pool === undefined ? [] : [pool]),
      ...(mac === undefined ? [] : [mac]),
    ]),
    tunnelHash: short(hash, [kind, vni, dstPort, parent, vtep, ports]),
  };
}

/**
 * What the pod asked for, without the network's configuration: an edited definition holds for later attachments and does not take an
 * interface away from a running program. A plugin changes nothing in place, so both fingerprints are the same.
 */
function ofCni(hash: Hash, dialect: string, network: NetworkRef, cni: CniAttachmentSpec): Fingerprints {
  const { kind, capabilityArgs, args, configArgs, defaultRoute, noDefaultRoute } = cni;
  const whole = short(hash, [
    kind,
    dialect,
    networkKey(network),
    capabilityArgs,
    args,
    configArgs ?? null,
    defaultRoute,
    ...(noDefaultRoute === true ? ['no default route'] : []),
  ]);
  return { linkHash: whole, tunnelHash: whole };
}

const short = (hash: Hash, parts: readonly unknown[]): string => hash(canonicalJson(parts as JsonValue)).slice(0, 16);
