/** From an entry of an annotation that leads to a network object to the VXLAN link that it makes, or to why it makes none. Pure. */
import type { CniAttachmentSpec } from '../cni/attachment.ts';
import type { DefinitionLookup, NetworkDefinition } from '../cni/network-definition.ts';
import { dialectProblem } from '../cni/problems.ts';
import type { Dialect, SelectionProblem } from '../network-selection.ts';
import { subnetEdge } from '../openvnf/addresses.ts';
import { identityKey, NOTHING_DECLARED, type DeclaredNetworks } from '../openvnf/config-map.ts';
import { isInterfaceName } from '../openvnf/names.ts';
import { read, refused, type Reading } from '../openvnf/reading.ts';
import type { IpCodec } from '../ports/ip-codec.ts';
import { addressOf } from '../text/cidr.ts';
import { shown } from '../text/shown.ts';
import { DEFAULT_PARENT, type LinkPool, type Route, type VxlanLinkSpec } from '../vxlan/vxlan.ts';
import type { NetworkSpec, NetworkSubnet } from './declaration.ts';
import type { Rejoins } from '../plan/published-claims.ts';
import { admits, admitsStatic, declaredNetwork, objectText } from './network-object.ts';
import { poolNameOf, routesOf } from './network-pool.ts';
import { foundObject, type ObjectReading } from './references.ts';

export interface ObjectInput {
  readonly dialect: Dialect;
  /** As the pod's owner knows the network: `namespace/name` of the definition, openvnf's bare name. */
  readonly network: string;
  /** In which a Network would lie: that of the definition, openvnf: the pod's. */
  readonly namespace: string;
  readonly podNamespace: string;
  /** What the entry asks for beside the network. */
  readonly asked: CniAttachmentSpec;
  readonly lookup: DefinitionLookup;
  /** As `SelectionsInput.declared` of openvnf. */
  readonly declared: DeclaredNetworks | 'absent' | undefined;
  /** Undefined: the pod is to have nothing again. */
  readonly rejoins: Rejoins | undefined;
  readonly ip: IpCodec;
}

export type ObjectVerdict =
  | { readonly object: NetworkDefinition; readonly link: VxlanLinkSpec; readonly problems: readonly [] }
  | { readonly problems: readonly SelectionProblem[] };

const STAYS = 'what is attached stays as it is';

/** How entries of the dialects ask for addresses and for the interface. */
const optionsOf = (dialect: Dialect) =>
  dialect === 'openvnf'
    ? ({ addresses: 'ip', name: 'name' } as const)
    : ({ addresses: 'ips', name: 'interface' } as const);

/** @param reading of the definition's configuration */
export function judgeObject(reading: ObjectReading, input: ObjectInput): ObjectVerdict {
  const { dialect, network, podNamespace } = input;
  const problem = (code: string, why: string, option?: string): SelectionProblem =>
    dialectProblem(dialect, code, { network, option }, why);
  if (!reading.ok) return { problems: [problem('CniConfigInvalid', `its configuration ${reading.why}`)] };
  const object = declaredObject(reading.value, input);
  if ('code' in object) return { problems: [problem(object.code, object.why)] };
  const { definition, spec } = object;
  const name = objectText(definition);
  if (!admits(definition, spec, podNamespace)) {
    const why = `${name} does not admit pods of namespace ${podNamespace}; its owner admits them (spec.allowedNamespaces)`;
    return { problems: [problem('NamespaceNotAdmitted', why)] };
  }
  const { link, refusals } = linkOf(definition, spec, input);
  const { addresses } = optionsOf(dialect);
  const { ips = [], mac } = input.asked.capabilityArgs;
  const chosen = ips.length > 0 ? addresses : 'mac';
  const isStatic = ips.length > 0 || mac !== undefined;
  const problems = [
    ...refusals.map(({ code, option, why }) => problem(code, why, option)),
    ...(isStatic && !admitsStatic(spec, podNamespace)
      ? [
          problem(
            'StaticAddressNotAdmitted',
            `${name} does not let pods of namespace ${podNamespace} choose their addresses; allowed: no "${chosen}", or its owner admits it (spec.staticAddresses)`,
            chosen,
          ),
        ]
      : []),
  ];
  return problems.length > 0 ? { problems } : { object: definition, link, problems: [] };
}

/** With the VNI that the object asks for, or that podwire gave it. */
type ServedSpec = NetworkSpec & { readonly vni: number };

interface Declared {
  readonly definition: NetworkDefinition;
  readonly spec: ServedSpec;
}

function declaredObject(
  named: Extract<ObjectReading, { ok: true }>['value'],
  { dialect, namespace, lookup, declared, rejoins }: ObjectInput,
): Declared | { readonly code: string; readonly why: string } {
  const found = foundObject(named, namespace, lookup);
  const { network, kind } = named;
  const wanted =
    kind === 'ClusterNetwork'
      ? `ClusterNetwork ${network}`
      : `Network ${namespace}/${network}${kind === undefined ? ` and no ClusterNetwork ${network}` : ''}`;
  if (found.kind === 'absent')
    return { code: 'NetworkNotFound', why: `there is no ${wanted}; create it or correct "network"; ${STAYS}` };
  if (found.kind === 'unreadable')
    return { code: 'DefinitionUnreadable', why: `its network object cannot be read; ${STAYS} until it can` };
  if (found.kind === 'ambiguous') {
    const cure = dialect === 'openvnf' ? 'take one of the two away' : 'say which with "kind" in the configuration';
    const why = `there are a Network ${namespace}/${network} and a ClusterNetwork ${network}; ${cure}; ${STAYS}`;
    return { code: 'NetworkAmbiguous', why };
  }
  const { definition } = found;
  const { declares } = definition;
  if (declares?.ok !== true) {
    const why = `${objectText(definition)} is wrong (${declares?.why ?? 'no spec'}); ${STAYS} until it is corrected`;
    return { code: 'NetworkBroken', why };
  }
  return servedObject(definition, declares.spec, { declared, rejoins });
}

/** What a pod is refused with that is no member of an object that somebody deletes. */
export const BEING_DELETED = 'NetworkBeingDeleted';

/** An object that is right, with its VNI. */
function servedObject(
  definition: NetworkDefinition,
  { vni = definition.allocatedVni, ...spec }: NetworkSpec,
  { declared, rejoins }: Pick<ObjectInput, 'declared' | 'rejoins'>,
): Declared | { readonly code: string; readonly why: string } {
  // A member of which nothing is recorded any more records itself again, or its link would be taken for one that nobody owns.
  const isMember = rejoins?.(declaredNetwork(definition), `${spec.port}/${vni ?? 0}`) === true;
  if (definition.deleting === true && !isMember) {
    const why = `${objectText(definition)} is being deleted and takes no new members; ${STAYS}, and keeps it from going`;
    return { code: BEING_DELETED, why };
  }
  if (vni === undefined) {
    const why = `${objectText(definition)} has no VNI yet; podwire gives it one and attaches the pod then (status.conditions of the object say what is in the way)`;
    return { code: 'VniPending', why };
  }
  const served = { ...spec, vni };
  return takenInConfigMap(definition, served, declared) ?? { definition, spec: served };
}

/**
 * What the ConfigMap has already: a ClusterNetwork's name, or the ids of a Network. Who may make objects in one namespace must not reach a network of
 * the ConfigMap under another name, just as an annotation must not. Two networks that are both declared for the cluster are as their owners
 * will have it: the first one in use has the ids.
 */
function takenInConfigMap(
  definition: NetworkDefinition,
  { vni, port }: ServedSpec,
  declared: ObjectInput['declared'],
): { readonly code: string; readonly why: string } | undefined {
  const { networks, broken, identities } =
    declared === undefined || declared === 'absent' ? NOTHING_DECLARED : declared;
  const { kind, name } = definition;
  if (kind === 'cluster-network') {
    if (!networks.has(name) && !broken.has(name)) return undefined;
    const why = `${name} is declared twice, as ClusterNetwork and in the ConfigMap of kube-vxlan-controller's networks, which goes on to serve the pods that name it; take one of the two away; ${STAYS}`;
    return { code: 'DeclaredTwice', why };
  }
  const owner = identities.get(identityKey(port, vni))?.[0];
  if (owner === undefined) return undefined;
  const why = `vni ${vni} (UDP port ${port}) of ${objectText(definition)} belongs to network "${owner}", declared in the ConfigMap of kube-vxlan-controller's networks; make the object anew with any other vni, or select "${owner}" by its name in kube-vxlan-controller's annotation; ${STAYS}`;
  return { code: 'IdTaken', why };
}

interface Refusal {
  readonly code: string;
  readonly option: string;
  readonly why: string;
}

function linkOf(
  definition: NetworkDefinition,
  spec: ServedSpec,
  { dialect, asked, ip }: ObjectInput,
): { readonly link: VxlanLinkSpec; readonly refusals: readonly Refusal[] } {
  const options = optionsOf(dialect);
  const refusals: Refusal[] = notServed(asked);
  const addresses: string[] = [];
  const routes: Route[] = [];
  for (const text of asked.capabilityArgs.ips ?? []) {
    const placed = placedIn(spec, text, ip);
    if (!placed.ok) {
      const why = `value ${shown(text)} ${placed.why}`;
      refusals.push({ code: 'AddressNotOfNetwork', option: options.addresses, why });
    } else {
      const { address, subnet } = placed.value;
      addresses.push(address);
      // Two addresses of one subnet bring its routes once.
      routes.push(
        ...routesOf(subnet).filter(({ destination }) => !routes.some((route) => route.destination === destination)),
      );
    }
  }
  const pool = poolFor(definition, spec, addresses, ip);
  if (pool === 'twice') {
    const why = `value ${shown((asked.capabilityArgs.ips ?? []).join())} has two addresses of one family; allowed: one of each, since the network gives one of each`;
    refusals.push({ code: 'InvalidValue', option: options.addresses, why });
  }
  const { interfaceName } = asked;
  const { mac } = asked.capabilityArgs;
  // The kernel and `ip` are stricter than CNI's rule for names.
  if (interfaceName !== '' && !isInterfaceName(interfaceName, 'kube-vxlan-controller')) {
    const why = `value ${shown(interfaceName)} is no name for a VXLAN link; allowed: a letter, then up to 14 letters, digits, ".", "_" or "-", and no word of the ip command`;
    refusals.push({ code: 'InvalidValue', option: options.name, why });
  }
  const link: VxlanLinkSpec = {
    ...{ kind: 'vxlan', interfaceName, vni: spec.vni, dstPort: spec.port, parent: DEFAULT_PARENT },
    ...(spec.mtu === undefined ? {} : { mtu: spec.mtu }),
    ...{ up: true, addresses, routes, peers: [] },
    ...(mac === undefined ? {} : { mac }),
    ...(pool === undefined || pool === 'twice' ? {} : { pool }),
  };
  return { link, refusals };
}

/**
 * What the link is to get from the network's pool. Addresses that a pod chooses are taken out of the pool; where the pool does not give such an
 * address, nobody else gets it from there, and the family needs no further one.
 *
 * @param own CIDRs that the pod asks for
 */
function poolFor(
  definition: NetworkDefinition,
  { pool, subnets }: NetworkSpec,
  own: readonly string[],
  ip: IpCodec,
): LinkPool | 'twice' | undefined {
  if (pool === undefined) return undefined;
  const familyOf = (cidr: string): 4 | 6 | undefined => ip.cidr(cidr)?.family;
  const families = own.map(familyOf);
  if (new Set(families).size < families.length) return 'twice';
  const wanted = own.filter((cidr) => !subnets.some(({ exclude }) => exclude.some((each) => isIn(cidr, each, ip))));
  const apart = own.filter((cidr) => !wanted.includes(cidr)).map(familyOf);
  const serving = subnets.filter(({ cidr }) => !apart.includes(familyOf(cidr)));
  if (serving.length === 0) return undefined;
  return { ...pool, name: poolNameOf(definition), subnets: serving, wanted: wanted.map(addressOf) };
}

const isIn = (address: string, cidr: string, ip: IpCodec): boolean =>
  ip.network(`${addressOf(address)}/${prefixOf(cidr)}`)?.canonical === cidr;

/** What entries may ask of CNI plugins, and an overlay network of podwire's does not do. */
function notServed({ capabilityArgs, configArgs, defaultRoute }: CniAttachmentSpec): Refusal[] {
  const { infinibandGUID, bandwidth, portMappings } = capabilityArgs;
  const rule = 'allowed for a network object: interface, ips, mac';
  const refusalOf = (option: string, isAsked: boolean, why: string): Refusal[] =>
    isAsked ? [{ code: 'KeyNotServed', option, why: `${why}; ${rule}` }] : [];
  return [
    ...refusalOf('infiniband-guid', infinibandGUID !== undefined, 'is not served: VXLAN carries Ethernet'),
    ...refusalOf('bandwidth', bandwidth !== undefined, 'is not served: the link has no queue'),
    ...refusalOf('portMappings', portMappings !== undefined, 'is not served: the network does not lead to the host'),
    ...refusalOf('cni-args', configArgs !== undefined, 'is not served, nor is a claim: no plugin is executed'),
    ...refusalOf(
      'default-route',
      defaultRoute.length > 0,
      "is not served: the pod's default route stays with its own network, and routes come from spec.subnets",
    ),
  ];
}

interface Placed {
  /** With its subnet's prefix length. */
  readonly address: string;
  readonly subnet: NetworkSubnet;
}

function placedIn({ subnets }: NetworkSpec, text: string, ip: IpCodec): Reading<Placed> {
  const address = addressOf(text);
  const subnet = subnets.find(({ cidr }) => isIn(address, cidr, ip));
  if (subnet === undefined) {
    const allowed = subnets.length === 0 ? 'the network has none' : subnets.map(({ cidr }) => cidr).join(', ');
    return refused(`is in no subnet of the network; allowed: an address of ${allowed}`);
  }
  const prefix = prefixOf(subnet.cidr);
  if (text.includes('/') && prefixOf(text) !== prefix)
    return refused(`has another prefix length than its subnet; allowed: /${prefix}, or none`);
  if (address === subnet.gateway) return refused(`is the gateway of subnet ${subnet.cidr}`);
  const edge = ip.address(address)?.family === 4 && prefix < 31 ? subnetEdge(address, prefix) : undefined;
  if (edge !== undefined) return refused(`is the ${edge} address of subnet ${subnet.cidr}`);
  return read({ address: `${address}/${prefix}`, subnet });
}

const prefixOf = (cidr: string): number => Number(cidr.slice(cidr.indexOf('/') + 1));
