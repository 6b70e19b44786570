/** Shortens the tests of the openvnf dialect: parse a text as the annotation of some pod, and write results as one line each. */
import assert from 'node:assert/strict';
import { md5 } from '../../../adapters/hash/md5.ts';
import { ipCodec } from '../../../adapters/ip/ip-codec.ts';
import type { Surroundings } from '../../../domain/desired-inputs.ts';
import type { NetworkSelection, ParsedSelections, VxlanSelection } from '../../../domain/network-selection.ts';
import { parseConfigMap } from '../../../domain/openvnf/config-map.ts';
import { parseSelections } from '../../../domain/openvnf/selections.ts';
import type { PodView } from '../../../domain/pod/pod-view.ts';
import { DEFAULT_DIALECT_SETTINGS, type Compatibility, type DialectSettings } from '../../../domain/settings.ts';

export type ConfigMapData = Readonly<Record<string, string>> | 'absent' | 'unreadable';

export const settings = DEFAULT_DIALECT_SETTINGS;

export function podWith(annotation: string | undefined, change: Partial<PodView> = {}): PodView {
  return {
    uid: '11111111-2222-3333-4444-555555555555',
    namespace: 'red',
    name: 'a',
    nodeName: 'node-1',
    hostNetwork: false,
    phaseClass: 'counts',
    deleting: false,
    podIPs: ['10.244.1.2'],
    labels: { [settings.selector]: 'true' },
    annotations: annotation === undefined ? {} : { [settings.annotation]: annotation },
    publishedStatus: undefined,
    ...change,
  };
}

function declaredBy(data: ConfigMapData, compatibility: Compatibility = 'podwire') {
  if (data === 'absent') return data;
  return data === 'unreadable' ? undefined : parseConfigMap(data, ipCodec, compatibility);
}

/** What an annotation of this dialect can refer to; there are no objects of the others. */
export const around = (data: ConfigMapData): Surroundings => ({
  declared: declaredBy(data),
  definitions: () => 'absent',
  md5,
});

/** This dialect's selections are VXLAN links. */
export function vxlan(selection: NetworkSelection): VxlanSelection {
  assert.equal(selection.kind, 'vxlan');
  return selection;
}

export function parse(
  annotation: string,
  data: ConfigMapData = {},
  change: { readonly settings?: DialectSettings; readonly pod?: Partial<PodView> } = {},
): ParsedSelections {
  return parseSelections({
    pod: podWith(annotation, change.pod),
    declared: declaredBy(data, change.settings?.compatibility),
    settings: change.settings ?? settings,
    ip: ipCodec,
  });
}

/** `red/net ifc 5/8472@eth0 up mtu=1400 ip=… route=dst>gw peer=…`, in this order. */
export function line(selection: NetworkSelection): string {
  const { network, link } = vxlan(selection);
  return [
    `${network.scope}/${network.name}`,
    link.interfaceName,
    `${link.vni}/${link.dstPort}@${link.parent}`,
    link.up ? 'up' : 'down',
    ...(link.mtu === undefined ? [] : [`mtu=${link.mtu}`]),
    ...(link.srcPorts === undefined ? [] : [`srcport=${link.srcPorts.first}-${link.srcPorts.last}`]),
    ...link.addresses.map((address) => `ip=${address}`),
    ...link.routes.map((route) => `route=${route.destination}>${route.gateway}`),
    ...link.peers.map((peer) => `peer=${peer}`),
  ].join(' ');
}

/** A selection as an annotation that means the same. */
export function asAnnotation(selection: NetworkSelection): string {
  const { network, link } = vxlan(selection);
  return [
    network.name,
    `  id=${link.vni} dstport=${link.dstPort} dev=${link.parent}`,
    `  name=${link.interfaceName} up=${String(link.up)}`,
    ...(link.mtu === undefined ? [] : [`  mtu=${link.mtu}`]),
    ...(link.srcPorts === undefined ? [] : [`  srcport=${link.srcPorts.first}-${link.srcPorts.last}`]),
    ...link.addresses.map((address) => `  ip=${address}`),
    ...link.routes.map((route) => `  route=[${route.destination}]:[${route.gateway}]`),
    ...(link.peers.length === 0 ? [] : [`  peers=${link.peers.join(';')}`]),
  ].join('\n');
}
