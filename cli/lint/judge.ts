/** What podwire makes of an annotation or of a pod that nobody has created yet: the same parser as the controllers'. */
import { md5 } from '../../adapters/hash/md5.ts';
import { ipCodec } from '../../adapters/ip/ip-codec.ts';
import type { DefinitionLookup } from '../../domain/cni/network-definition.ts';
import { dialectProblem } from '../../domain/cni/problems.ts';
import { parseKaloomSelections } from '../../domain/kaloom/selections.ts';
import {
  nameIn,
  type CniSelection,
  type Dialect,
  type NetworkSelection,
  type ParsedSelections,
  type SelectionProblem,
  type VxlanSelection,
} from '../../domain/network-selection.ts';
import { parseNpwgSelections } from '../../domain/npwg/selections.ts';
import { parseConfigMap, type DeclaredNetworks } from '../../domain/openvnf/config-map.ts';
import { GATEWAY_NOT_ON_LINK } from '../../domain/openvnf/link.ts';
import { parseSelections } from '../../domain/openvnf/selections.ts';
import { definitionIn } from '../../domain/plan/keep.ts';
import { askedAs } from '../../domain/plan/observation.ts';
import { secondBecause, secondToNetwork } from '../../domain/plan/one-network.ts';
import type { PodView } from '../../domain/pod/pod-view.ts';
import type { DialectSettings } from '../../domain/settings.ts';
import { readConfigMapFile } from '../config-map-file.ts';
import { readDefinitions } from '../definition-files.ts';

export interface LintOptions {
  readonly dialect: Dialect;
  readonly configmap?: string;
  readonly definitions?: string;
  readonly namespace: string;
  readonly inlineScope?: DialectSettings['inlineScope'];
}

/** What decides beside the annotation, as far as it was given. */
export interface Surroundings {
  readonly declared: DeclaredNetworks | 'absent';
  /** Undefined: only the annotation is judged. */
  readonly lookup: DefinitionLookup | undefined;
}

/** @throws UsageError when a file cannot be read */
export async function readSurroundings(options: LintOptions, settings: DialectSettings): Promise<Surroundings> {
  const { configmap, definitions, namespace } = options;
  return {
    declared:
      configmap === undefined
        ? 'absent'
        : parseConfigMap(await readConfigMapFile(configmap), ipCodec, settings.compatibility),
    lookup:
      definitions === undefined
        ? undefined
        : await readDefinitions(definitions, {
            ...{ nad: namespace, network: namespace, 'cluster-network': '' },
            kaloom: settings.kaloom.namespace,
          }),
  };
}

/** The pod whose annotation is judged. */
export interface LintedPod {
  readonly namespace: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
}

/** Judges what a pod asks for in one dialect. */
export function judge(
  dialect: Dialect,
  linted: LintedPod,
  { declared, lookup }: Surroundings,
  settings: DialectSettings,
): ParsedSelections {
  const pod = podView(linted);
  if (dialect === 'npwg') return eachNetworkOnce(parseNpwgSelections({ pod, lookup, settings, declared, ip: ipCodec }));
  if (dialect === 'kaloom') return parseKaloomSelections({ pod, lookup, settings, md5 });
  const parsed = parseSelections({ pod, declared, settings, ip: ipCodec });
  return {
    ...parsed,
    warnings: [...parsed.warnings, ...(declared === 'absent' ? [] : brokenElsewhere(declared, parsed))],
  };
}

/** Of a pod that is not attached yet, the first entry that leads to a network object has it. */
function eachNetworkOnce(parsed: ParsedSelections): ParsedSelections {
  const entries = parsed.selections.map((selection) => ({ selection, interfaceName: nameIn(selection) }));
  const seconds = secondToNetwork(entries, [], ['npwg']);
  const problems = [...seconds].map(([{ selection }, first]) => {
    const network = definitionIn(askedAs(selection));
    return dialectProblem('npwg', 'DuplicateNetwork', { network }, secondBecause(selection, first.selection));
  });
  const selections = entries.flatMap((entry) => (seconds.has(entry) ? [] : [entry.selection]));
  return { ...parsed, selections, problems: [...parsed.problems, ...problems] };
}

const podView = (linted: LintedPod): PodView => ({
  uid: '',
  name: '',
  nodeName: '',
  hostNetwork: false,
  phaseClass: 'waiting',
  deleting: false,
  podIPs: [],
  publishedStatus: undefined,
  ...linted,
});

/** Broken entries that this annotation does not name: no mistake of the pod's, yet worth knowing. */
function brokenElsewhere(declared: DeclaredNetworks, parsed: ParsedSelections): SelectionProblem[] {
  return [...declared.broken]
    .filter(([network]) => !parsed.keep.includes(network))
    .flatMap(([, problems]) => problems)
    .map((found) => ({ ...found, message: `ConfigMap entry: ${found.message}` }));
}

/** One finding as compilers write them. */
export const line = (place: string, kind: 'error' | 'warning', found: SelectionProblem): string =>
  `${place}:${found.line === undefined ? '' : `${found.line}:`} ${kind}: ${found.message} [${found.code}]`;

/** A network as the commands print it. */
export const described = (selection: NetworkSelection) =>
  selection.kind === 'vxlan' ? describedLink(selection) : describedAttachment(selection);

/** As `describedAttachment`: without an interface where podwire chooses it. */
function describedLink({ network, link }: VxlanSelection) {
  return {
    network: network.name,
    scope: network.scope,
    ...(link.interfaceName === '' ? {} : { interface: link.interfaceName }),
    id: link.vni,
    dstport: link.dstPort,
    ...(link.srcPorts === undefined ? {} : { srcport: `${link.srcPorts.first}-${link.srcPorts.last}` }),
    dev: link.parent,
    ...(link.mtu === undefined ? {} : { mtu: link.mtu }),
    up: link.up,
    ips: link.addresses,
    routes: link.routes.map((route) => ({ dst: route.destination, gw: route.gateway })),
    peers: link.peers,
    ...(link.flood === undefined ? {} : { flood: link.flood }),
  };
}

/** Without an interface podwire chooses a free `netN`. */
function describedAttachment({ network, cni, config }: CniSelection) {
  return {
    network: network.name,
    scope: network.scope,
    ...(cni.interfaceName === '' ? {} : { interface: cni.interfaceName }),
    runtimeConfig: cni.capabilityArgs,
    ...(cni.args.length === 0 ? {} : { args: Object.fromEntries(cni.args) }),
    ...(cni.configArgs === undefined ? {} : { cniArgs: cni.configArgs }),
    ...(cni.defaultRoute.length === 0 && cni.noDefaultRoute !== true ? {} : { defaultRoute: cni.defaultRoute }),
    ...(config.text === '' ? {} : { config: config.text }),
  };
}

/** Of the warnings, what is never meant: the network is attached without it. */
export const isMistake = ({ code }: SelectionProblem): boolean => code === GATEWAY_NOT_ON_LINK;
