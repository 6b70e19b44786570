/** Shortens the tests of the NPWG dialect: parse a text as the annotation of some pod, and write results as one line each. */
import { ipCodec } from '../../../adapters/ip/ip-codec.ts';
import type { NetworkDefinition } from '../../../domain/cni/network-definition.ts';
import type { CniSelection, NetworkSelection, ParsedSelections } from '../../../domain/network-selection.ts';
import type { OwnLink } from '../../../domain/status/podwire-status.ts';
import { parseNpwgSelections } from '../../../domain/npwg/selections.ts';
import type { PodView } from '../../../domain/pod/pod-view.ts';
import { DEFAULT_DIALECT_SETTINGS, NPWG_NETWORKS_ANNOTATION, type DialectSettings } from '../../../domain/settings.ts';

const settings = DEFAULT_DIALECT_SETTINGS;

/** Declares every capability. */
const RICH = JSON.stringify({
  cniVersion: '1.0.0',
  name: 'rich',
  type: 'macvlan',
  capabilities: { ips: true, mac: true, infinibandGUID: true, bandwidth: true, portMappings: true },
  ipam: { type: 'static', addresses: [{ address: '10.0.0.1/24' }] },
});
/** Declares none. */
export const PLAIN = JSON.stringify({
  cniVersion: '0.3.1',
  type: 'bridge',
  bridge: 'br7',
  ipam: { type: 'host-local' },
});

/** `namespace/name` to its configuration; what is not here is absent, and `unreadable` is what it says. */
export type Definitions = Readonly<Record<string, string>>;

/** Every name exists with every capability. */
const ANY: unique symbol = Symbol('any');

export interface Change {
  readonly definitions?: Definitions | typeof ANY;
  readonly settings?: Partial<DialectSettings>;
  readonly pod?: Partial<PodView>;
  readonly recorded?: readonly OwnLink[];
}

export function podWith(annotation: string | undefined, change: Partial<PodView> = {}): PodView {
  return {
    uid: '11111111-2222-3333-4444-555555555555',
    namespace: 'blue',
    name: 'a',
    nodeName: 'node-1',
    hostNetwork: false,
    phaseClass: 'counts',
    deleting: false,
    podIPs: ['10.244.1.2'],
    labels: {},
    annotations: annotation === undefined ? {} : { [NPWG_NETWORKS_ANNOTATION]: annotation },
    publishedStatus: undefined,
    ...change,
  };
}

export function parse(annotation: string | undefined, change: Change = {}): ParsedSelections {
  const { definitions = ANY } = change;
  return parseNpwgSelections({
    pod: podWith(annotation, change.pod),
    lookup: (reference) => {
      const key = `${reference.namespace}/${reference.name}`;
      const config = definitions === ANY ? RICH : Object.hasOwn(definitions, key) ? definitions[key] : undefined;
      if (config === undefined) return 'absent';
      if (config === 'unreadable') return 'unreadable';
      const found: NetworkDefinition = { ...reference, uid: `uid of ${key}`, config, plugin: '' };
      return found;
    },
    settings: { ...settings, ...change.settings },
    ip: ipCodec,
    recorded: change.recorded,
  });
}

export function asCni(selection: NetworkSelection): CniSelection {
  if (selection.kind !== 'cni') throw new Error(`no CNI selection: ${JSON.stringify(selection)}`);
  return selection;
}

/** `blue/net@ifc {"mac":…} args={…} via=…`, in this order. */
export function line(selection: NetworkSelection): string {
  const { network, cni } = asCni(selection);
  const asked = JSON.stringify(cni.capabilityArgs);
  return [
    `${network.scope}/${network.name}${cni.interfaceName === '' ? '' : `@${cni.interfaceName}`}`,
    ...(asked === '{}' ? [] : [asked]),
    ...(cni.configArgs === undefined ? [] : [`args=${JSON.stringify(cni.configArgs)}`]),
    ...(cni.defaultRoute.length === 0 ? [] : [`via=${cni.defaultRoute.join(',')}`]),
    ...(cni.noDefaultRoute === true ? ['via=none'] : []),
  ].join(' ');
}

/** A selection as an element of an annotation that means the same. */
export function asElement(selection: NetworkSelection): Record<string, unknown> {
  const { network, cni } = asCni(selection);
  const { infinibandGUID, ...rest } = cni.capabilityArgs;
  const { ['ipam-claim-reference']: claim, ...cniArgs } = cni.configArgs ?? {};
  return {
    name: network.name,
    namespace: network.scope,
    ...(cni.interfaceName === '' ? {} : { interface: cni.interfaceName }),
    ...rest,
    ...(infinibandGUID === undefined ? {} : { 'infiniband-guid': infinibandGUID }),
    ...(Object.keys(cniArgs).length === 0 ? {} : { 'cni-args': cniArgs }),
    ...(claim === undefined ? {} : { 'ipam-claim-reference': claim }),
    ...(cni.defaultRoute.length === 0 && cni.noDefaultRoute !== true ? {} : { 'default-route': cni.defaultRoute }),
  };
}
