/** Annotation over ConfigMap over defaults: the link that one network makes, and what does not fit together in it. */
import type { SelectionProblem } from '../network-selection.ts';
import type { IpCodec } from '../ports/ip-codec.ts';
import type { Compatibility } from '../settings.ts';
import { DEFAULT_DST_PORT, DEFAULT_PARENT, type Route, type VxlanLinkSpec } from '../vxlan/vxlan.ts';
import { INTERFACE_NAME_RULE, isInterfaceName } from './names.ts';
import type { NetworkOptions } from './options.ts';
import { problem } from './problems.ts';

const MIN_IPV6_MTU = 1280;

/** Code of the warning about a route that no pod can have as it is written. */
export const GATEWAY_NOT_ON_LINK = 'GatewayNotOnLink';

export interface JudgedLink {
  readonly link: VxlanLinkSpec;
  readonly problems: readonly SelectionProblem[];
  readonly warnings: readonly SelectionProblem[];
}

/** Merges the two sources of a network whose id is known. */
export function judgeLink(
  place: { readonly network: string; readonly line: number },
  options: { readonly declared: NetworkOptions; readonly own: NetworkOptions; readonly id: number },
  ip: IpCodec,
  compatibility: Compatibility,
): JudgedLink {
  const merged: NetworkOptions = { ...options.declared, ...options.own };
  const wanted: VxlanLinkSpec = {
    kind: 'vxlan',
    interfaceName: merged.name ?? place.network,
    vni: options.id,
    dstPort: merged.dstPort ?? DEFAULT_DST_PORT,
    ...(merged.srcPorts === undefined ? {} : { srcPorts: merged.srcPorts }),
    parent: merged.dev ?? DEFAULT_PARENT,
    ...(merged.mtu === undefined ? {} : { mtu: merged.mtu }),
    up: merged.up ?? false,
    addresses: merged.addresses ?? [],
    routes: merged.routes ?? [],
    peers: merged.peers ?? [],
    ...(merged.flood === false ? { flood: false } : {}),
  };
  const { routes, warnings } = possibleRoutes(wanted, place, ip);
  return { link: { ...wanted, routes }, problems: linkProblems(wanted, place, ip, compatibility), warnings };
}

function linkProblems(
  link: VxlanLinkSpec,
  place: { readonly network: string; readonly line: number },
  ip: IpCodec,
  compatibility: Compatibility,
): SelectionProblem[] {
  const problems: SelectionProblem[] = [];
  if (!isInterfaceName(link.interfaceName, compatibility)) {
    const why = `its name cannot be that of the interface; give another one with name=…; ${INTERFACE_NAME_RULE}`;
    problems.push(problem('InvalidInterfaceName', place, why));
  } else if (link.interfaceName === link.parent) {
    const why = `the interface cannot be its own parent; allowed: a name= that differs from dev=${link.parent}`;
    problems.push(problem('InvalidInterfaceName', { ...place, option: 'name', value: link.interfaceName }, why));
  }
  const cidrs = [...link.addresses, ...link.routes.map((route) => route.destination)];
  if (link.mtu !== undefined && link.mtu < MIN_IPV6_MTU && cidrs.some((cidr) => ip.cidr(cidr)?.family === 6)) {
    const why = `value "${link.mtu}" is too small for IPv6; allowed: at least ${MIN_IPV6_MTU} with IPv6 addresses or routes`;
    problems.push(problem('MtuTooSmall', { ...place, option: 'mtu', value: String(link.mtu) }, why));
  }
  return problems;
}

/**
 * Routes the kernel can hold. It has none over an interface that is down, none whose gateway is the pod itself (the gateway pod of
 * a network whose ConfigMap entry has the route), and none whose gateway is behind no address of the link; the original's commands failed
 * there without a word, here they are left out with one.
 */
function possibleRoutes(
  link: VxlanLinkSpec,
  place: { readonly network: string; readonly line: number },
  ip: IpCodec,
): { routes: readonly Route[]; warnings: SelectionProblem[] } {
  if (link.routes.length > 0 && !link.up) {
    const why = 'has no effect while the interface is down; add up to bring it up';
    return { routes: [], warnings: [problem('RouteWhileDown', { ...place, option: 'route' }, why)] };
  }
  const own = link.addresses.map((address) => ip.cidr(address)?.address);
  const warnings: SelectionProblem[] = [];
  const routes = link.routes.filter((route) => {
    const text = `${route.destination}:${route.gateway}`;
    const routePlace = { ...place, option: 'route', value: text };
    if (own.includes(route.gateway)) {
      warnings.push(
        problem('GatewayIsOwnAddress', routePlace, `"${text}" is left out: the gateway is this pod itself`),
      );
      return false;
    }
    if (!isOnLink(route.gateway, link, ip)) {
      const why = `"${text}" is left out: the gateway is in no subnet of this network's addresses, and the kernel refuses such a route; give a gateway within one of them, or add an ip= whose subnet has it`;
      warnings.push(problem(GATEWAY_NOT_ON_LINK, routePlace, why));
      return false;
    }
    return true;
  });
  return { routes, warnings };
}

function isOnLink(gateway: string, link: VxlanLinkSpec, ip: IpCodec): boolean {
  const family = ip.address(gateway)?.family;
  if (family === 6 && ip.range(gateway) === 'linkLocal') return true;
  return link.addresses.some((text) => {
    const address = ip.cidr(text);
    if (address === undefined || address.family !== family) return false;
    return ip.network(text)?.canonical === ip.network(`${gateway}/${address.prefix}`)?.canonical;
  });
}
