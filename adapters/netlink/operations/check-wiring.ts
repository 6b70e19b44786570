/** Whether a pod is still connected to its node as it was (CNI's CHECK). */
import { linkName } from '../../links/link-values.ts';
import type { PodWiring, WiredAddress } from '../../../domain/primary/pod-wiring.ts';
import { decodeAddress, encodeAddressDump, RTM_ADDRESS } from '../codec/address.ts';
import type { LinkMessage } from '../codec/link.ts';
import type { NetlinkSocket } from '../socket.ts';
import { readNeighbours } from './forwarding.ts';
import { linkNamed } from './links.ts';
import { routesOf } from './observe.ts';
import { areOnePair } from './pod-wiring.ts';

/** One end: what is expected on it, besides its being there. */
interface ExpectedEnd {
  readonly of: string;
  readonly socket: NetlinkSocket;
  readonly link: LinkMessage;
  readonly addresses: readonly string[];
  /** Destination, and the gateway where there is one. */
  readonly routes: readonly (readonly [string, string | undefined])[];
  readonly neighbours: readonly (readonly [string, string])[];
}

/** @returns what is not there any more, for people; nothing: all of it is. @throws NetlinkRefused, PodwireError KernelBusy */
export function lackingOf(pod: NetlinkSocket, host: NetlinkSocket, wiring: PodWiring): string[] {
  const podEnd = linkNamed(pod, linkName(wiring.podName));
  const hostEnd = linkNamed(host, linkName(wiring.hostName));
  if (podEnd === undefined || hostEnd === undefined || !areOnePair(podEnd, hostEnd, wiring))
    return [`the pair of ${wiring.podName} and ${wiring.hostName}`];
  const { addresses, podMac, hostMac } = wiring;
  const ends: ExpectedEnd[] = [
    {
      ...{ of: `${wiring.podName} of the pod`, socket: pod, link: podEnd },
      addresses: addresses.map(({ address }) => address),
      routes: addresses.flatMap(({ family, gateway }) => [
        [single(family, gateway), undefined] as const,
        [family === 4 ? '0.0.0.0/0' : '::/0', gateway] as const,
      ]),
      neighbours: addresses.map(({ gateway }) => [gateway, hostMac]),
    },
    {
      ...{ of: `${wiring.hostName} of the node`, socket: host, link: hostEnd },
      addresses: addresses.map(({ gateway }) => gateway),
      routes: addresses.map(({ family, address }) => [single(family, address), undefined]),
      neighbours: addresses.map(({ address }) => [address, podMac]),
    },
  ];
  return ends.flatMap((end) => lackingAt(end, wiring));
}

const single = (family: WiredAddress['family'], address: string): string => `${address}/${family === 4 ? 32 : 128}`;

function lackingAt({ of, socket, link, ...expected }: ExpectedEnd, { mtu }: PodWiring): string[] {
  const addresses = socket
    .dump(RTM_ADDRESS.GET, encodeAddressDump({ index: link.index }))
    .map(decodeAddress)
    .map(({ address }) => address);
  const routes = ([4, 6] as const).flatMap((family) => routesOf(socket, family, link.index));
  const neighbours = readNeighbours(socket, link.name) ?? [];
  const lacks = (what: string, isThere: boolean): string[] => (isThere ? [] : [`${what} on ${of}`]);
  return [
    ...(link.up ? [] : [`${of} is down`]),
    ...(link.mtu === mtu ? [] : [`${of} has MTU ${link.mtu} instead of ${mtu}`]),
    ...expected.addresses.flatMap((address) => lacks(`address ${address}`, addresses.includes(address))),
    ...expected.routes.flatMap(([destination, gateway]) =>
      lacks(
        `the route to ${destination}`,
        routes.some((route) => route.destination === destination && route.gateway === gateway),
      ),
    ),
    ...expected.neighbours.flatMap(([address, mac]) =>
      lacks(
        `the neighbour ${address}`,
        neighbours.some((neighbour) => neighbour.address === address && neighbour.mac === mac),
      ),
    ),
  ];
}
