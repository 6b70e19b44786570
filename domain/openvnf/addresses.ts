/** Addresses, routes and extra peers as users write them. */
import type { IpCodec } from '../ports/ip-codec.ts';
import type { Route } from '../vxlan/vxlan.ts';
import { read, refused, type Reading } from './reading.ts';

/** Longer than any address pair with prefixes and brackets. */
const LONGEST = 128;

const NOT_UNICAST = ['multicast', 'loopback', 'unspecified', 'broadcast', 'invalid'];
const isUnicast = (address: string, ip: IpCodec): boolean => !NOT_UNICAST.includes(ip.range(address));

export const ADDRESS_RULE =
  'a unicast address with prefix length, as 192.168.11.2/29 or 2001:db8::2/64, or "false" for none';
export const ROUTE_RULE =
  'destination:gateway, as 10.0.0.0/8:192.168.11.1 or 2001:db8:1::/64:2001:db8::1 (brackets allowed: [2001:db8:1::/64]:[2001:db8::1]), or "false" for none';
export const PEERS_RULE = 'unicast addresses with ";" between them, as 10.1.2.3;10.1.2.4, or "false" for none';

/** `address/prefix` for an interface: canonical, host bits kept. */
export function readAddress(text: string, ip: IpCodec): Reading<string> {
  const cidr = text.length > LONGEST ? undefined : ip.cidr(text);
  if (cidr === undefined) {
    return refused(ip.address(text) === undefined ? 'is no address with prefix length' : 'lacks the prefix length');
  }
  if (!isUnicast(cidr.address, ip)) return refused(`is no unicast address (${ip.range(cidr.address)})`);
  if (cidr.prefix === 0) return refused('has prefix length 0');
  if (cidr.family === 4 && cidr.prefix < 31) {
    const edge = subnetEdge(cidr.address, cidr.prefix);
    if (edge !== undefined) return refused(`is the ${edge} address of its subnet, not one of a host`);
  }
  return read(cidr.canonical);
}

/** Which end of its IPv4 subnet an address is, if it is one. */
export function subnetEdge(address: string, prefix: number): 'network' | 'broadcast' | undefined {
  const host = address.split('.').reduce((sum, byte) => sum * 256 + Number(byte), 0) % 2 ** (32 - prefix);
  if (host === 0) return 'network';
  return host === 2 ** (32 - prefix) - 1 ? 'broadcast' : undefined;
}

/** Splits at the one colon with a destination on its left and a gateway on its right; IPv6 is full of other colons. */
export function readRoute(text: string, ip: IpCodec): Reading<Route> {
  if (text.length > LONGEST) return refused('is no route');
  const candidates = [...text.matchAll(/:/g)].flatMap(({ index }) => {
    const destination = destinationOf(unbracketed(text.slice(0, index)), ip);
    const gateway = ip.address(unbracketed(text.slice(index + 1)));
    return destination === undefined || gateway === undefined ? [] : [{ destination, gateway }];
  });
  const [route, ...others] = candidates;
  if (route === undefined) {
    return refused(text.includes(':') ? 'is no destination and gateway' : 'lacks the colon and the gateway');
  }
  if (others.length > 0) return refused('can be read in more than one way; give the prefix length or use brackets');
  return judgedRoute(route.destination, route.gateway, ip);
}

/** A destination without prefix length is one host, as for `ip route`. `default` and /0 come through, to be refused with a reason. */
function destinationOf(text: string, ip: IpCodec): string | undefined {
  if (text === 'default') return 'default';
  const host = ip.address(text);
  if (host !== undefined) return `${host.canonical}/${host.family === 4 ? 32 : 128}`;
  return ip.cidr(text)?.canonical;
}

function judgedRoute(
  destination: string,
  gateway: { readonly family: 4 | 6; readonly canonical: string },
  ip: IpCodec,
): Reading<Route> {
  const cidr = ip.cidr(destination);
  if (cidr === undefined || cidr.prefix === 0) {
    return refused("is a default route, which belongs to the pod's own network; name the subnets instead");
  }
  if (cidr.family !== gateway.family) return refused('mixes IPv4 and IPv6');
  if (!isUnicast(gateway.canonical, ip)) return refused('has a gateway that is no unicast address');
  if (!isUnicast(cidr.address, ip)) return refused('has a destination that is not unicast');
  const network = ip.network(destination)?.canonical;
  if (network !== destination) return refused(`has a destination with host bits; its subnet is ${String(network)}`);
  return read({ destination, gateway: gateway.canonical });
}

const unbracketed = (text: string): string => /^\[([^[\]]*)\]$/.exec(text)?.[1] ?? text;

/** Extra flood destinations. */
export function readPeers(text: string, ip: IpCodec): Reading<readonly string[]> {
  const peers: string[] = [];
  for (const part of text.split(';')) {
    const address = part.length > LONGEST ? undefined : ip.address(part);
    if (address === undefined) return refused('holds something that is no address');
    if (!isUnicast(address.canonical, ip)) return refused('holds an address that is not unicast');
    // A link-local IPv6 destination needs a device that the FDB entry has no place for.
    if (address.family === 6 && ip.range(address.canonical) === 'linkLocal') {
      return refused('holds a link-local IPv6 address');
    }
    peers.push(address.canonical);
  }
  return read(peers);
}
