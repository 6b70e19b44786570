/** The pool of addresses that a network object declares, and what its addresses make of a link. Pure. */
import type { DefinitionRef } from '../cni/network-definition.ts';
import { poolRange, type AddressPool, type Span } from '../ipam/pool.ts';
import type { IpNumbers } from '../ports/ip-numbers.ts';
import { containsAddress, sizeOf, type Subnet } from '../primary/subnet.ts';
import { addressOf } from '../text/cidr.ts';
import type { GivenToLink, LinkPool, Route, VxlanLinkSpec } from '../vxlan/vxlan.ts';
import type { NetworkSubnet } from './declaration.ts';

type Numbers = Pick<IpNumbers, 'value' | 'subnet'>;

/** A colon is in no name that the configuration of a plugin or `podwire ipam declare` may give a pool. */
export const poolNameOf = ({ kind, namespace, name }: DefinitionRef): string =>
  kind === 'cluster-network' ? `ClusterNetwork:${name}` : `Network:${namespace}:${name}`;

/** @throws RangeError where a subnet of the record is none */
export function addressPoolOf(
  { name, subnets, order, restSeconds, perNamespace, sticky }: LinkPool,
  ip: Numbers,
): AddressPool {
  const ranges = subnets.map((subnet) => rangeOf(subnet, ip));
  const sets = ([4, 6] as const).map((family) => ranges.filter(({ subnet }) => subnet.family === family));
  return {
    ...{ name, order, sticky, perNamespace, restMs: restSeconds * 1_000 },
    sets: sets.filter((set) => set.length > 0),
  };
}

function rangeOf({ cidr, gateway, exclude }: NetworkSubnet, ip: Numbers) {
  return poolRange({
    subnet: subnetOf(cidr, ip),
    ...{ first: undefined, last: undefined, isPointToPoint: false },
    excluded: exclude.map((text) => spanOf(subnetOf(text, ip))),
    gateway: gateway === undefined ? undefined : ip.value(gateway),
  });
}

function subnetOf(cidr: string, ip: Numbers): Subnet {
  const subnet = ip.subnet(cidr);
  if (subnet === undefined) throw new RangeError(`${cidr} is no subnet`);
  return subnet;
}

const spanOf = (subnet: Subnet): Span => ({
  first: subnet.base,
  last: subnet.base + sizeOf(subnet) - 1n,
});

/** What addresses of the pool bring to a link. @param addresses CIDRs, as the pool gave them */
export function givenBy(
  { pool, addresses: own }: VxlanLinkSpec,
  addresses: readonly string[],
  ip: Numbers,
): GivenToLink {
  const further = addresses.filter((cidr) => !own.includes(cidr));
  const routes = further.flatMap((cidr) => routesOf(subnetFor(cidr, pool?.subnets ?? [], ip) ?? { routes: [] }));
  return { addresses: further, routes };
}

/** What whoever has an address of the subnet reaches by its gateway. */
export const routesOf = ({ gateway, routes }: Pick<NetworkSubnet, 'gateway' | 'routes'>): Route[] =>
  gateway === undefined ? [] : routes.map((destination) => ({ destination, gateway }));

/** The one of some subnets that an address, with or without prefix length, is of. */
export function subnetFor(address: string, subnets: readonly NetworkSubnet[], ip: Numbers): NetworkSubnet | undefined {
  const value = ip.value(addressOf(address));
  return value === undefined ? undefined : subnets.find(({ cidr }) => containsAddress(subnetOf(cidr, ip), value));
}

/** The link with what its pool gave; without a pool it is as it was asked for. */
export function linkWith(link: VxlanLinkSpec, given: GivenToLink | undefined): VxlanLinkSpec {
  if (given === undefined) return link;
  const addresses = given.addresses.filter((cidr) => !link.addresses.includes(cidr));
  const routes = given.routes.filter(
    ({ destination }) => !link.routes.some((route) => route.destination === destination),
  );
  return { ...link, addresses: [...link.addresses, ...addresses], routes: [...link.routes, ...routes] };
}
