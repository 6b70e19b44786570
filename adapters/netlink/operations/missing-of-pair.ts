/** What of a pod's wiring (`pod-wiring.ts`, which makes it) is not there. Looks only. */
import { ROUTE_PROTOCOL, linkName } from '../../links/link-values.ts';
import type { PodWiring } from '../../../domain/primary/pod-wiring.ts';
import { decodeAddress, encodeAddressDump, RTM_ADDRESS } from '../codec/address.ts';
import type { LinkMessage } from '../codec/link.ts';
import type { NetlinkSocket } from '../socket.ts';
import { readNeighbours } from './forwarding.ts';
import { linkNamed } from './links.ts';
import { routesOf } from './observe.ts';

/** One end, and what is to be on it. */
interface End {
  readonly socket: NetlinkSocket;
  readonly name: string;
  readonly mac: string;
  readonly addresses: readonly string[];
  readonly neighbours: readonly string[];
  /** As `routeText` writes them. */
  readonly routes: readonly string[];
}

/** @returns in words for people */
export function missingOfPair(pod: NetlinkSocket, host: NetlinkSocket, wiring: PodWiring): string[] {
  const { podName, hostName, podMac, hostMac, addresses } = wiring;
  const whole = ({ family, ip }: { family: 4 | 6; ip: string }): string => `${ip}/${family === 4 ? 32 : 128}`;
  const own = addresses.map(({ family, address }) => whole({ family, ip: address }));
  const gateways = addresses.map(({ family, gateway }) => whole({ family, ip: gateway }));
  const podEnd = linkNamed(pod, linkName(podName));
  const hostEnd = linkNamed(host, linkName(hostName));
  const isPair = podEnd?.linkIndex === hostEnd?.index && hostEnd?.linkIndex === podEnd?.index;
  return [
    ...missingOfEnd(podEnd, wiring, {
      ...{ socket: pod, name: podName, mac: podMac, addresses: own },
      neighbours: addresses.map(({ gateway }) => `${gateway} ${hostMac}`),
      routes: [
        ...gateways,
        ...addresses.map(({ family, gateway }) => routeText(family === 4 ? '0.0.0.0/0' : '::/0', gateway)),
      ],
    }).map((what) => `in the pod: ${what}`),
    ...missingOfEnd(hostEnd, wiring, {
      ...{ socket: host, name: hostName, mac: hostMac, addresses: gateways },
      neighbours: addresses.map(({ address }) => `${address} ${podMac}`),
      routes: own,
    }).map((what) => `on the node: ${what}`),
    ...(podEnd === undefined || hostEnd === undefined || isPair ? [] : ['the two ends are not of one pair']),
  ];
}

function missingOfEnd(link: LinkMessage | undefined, { mtu }: PodWiring, end: End): string[] {
  const { socket, name, mac } = end;
  if (link === undefined) return [`link ${name}`];
  const { index } = link;
  const addresses = socket
    .dump(RTM_ADDRESS.GET, encodeAddressDump({}))
    .map(decodeAddress)
    .filter((each) => each.index === index)
    .map(({ address, prefix }) => `${address}/${prefix}`);
  const neighbours = (readNeighbours(socket, name) ?? []).map((each) => `${each.address} ${each.mac}`);
  const routes = ([4, 6] as const)
    .flatMap((family) => routesOf(socket, family, index))
    .filter(({ protocol }) => protocol === ROUTE_PROTOCOL)
    .map(({ destination, gateway }) => routeText(destination, gateway));
  const lacks = (what: string, found: readonly string[], wanted: readonly string[]): string[] =>
    wanted.filter((each) => !found.includes(each)).map((each) => `${what} ${each} of ${name}`);
  return [
    ...(link.kind === 'veth' && link.mac === mac ? [] : [`the link ${name} is another one`]),
    ...(link.up ? [] : [`${name} is down`]),
    ...(link.mtu === mtu ? [] : [`${name} has MTU ${link.mtu} instead of ${mtu}`]),
    ...lacks('address', addresses, end.addresses),
    ...lacks('neighbour', neighbours, end.neighbours),
    ...lacks('route', routes, end.routes),
  ];
}

const routeText = (destination: string, gateway: string | undefined): string =>
  gateway === undefined ? destination : `${destination} via ${gateway}`;
