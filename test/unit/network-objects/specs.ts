/** Specs of network objects: what podwire takes and the API server admits, and what both refuse. */

const subnets = (...list: readonly object[]): object => ({ vni: 5, subnets: list });

export const ACCEPTED_SPECS: Readonly<Record<string, object>> = {
  nothing: {},
  'a VNI alone': { vni: 1 },
  'the highest VNI, port and MTU': { vni: 16_777_215, port: 65_535, mtu: 65_535, mode: 'pod' },
  'subnets of both families': subnets({ cidr: '10.20.0.0/16' }, { cidr: 'fd00:20::/64' }),
  'a gateway and routes': subnets({
    cidr: '10.20.0.0/16',
    gateway: '10.20.0.1',
    routes: ['10.0.0.0/8', '192.0.2.1/32'],
  }),
  'a gateway and routes of IPv6': subnets({ cidr: 'fd00:20::/64', gateway: 'fd00:20::1', routes: ['2001:db8::/32'] }),
  'a gateway that is the first of a point-to-point subnet': subnets(
    { cidr: '10.20.0.0/31', gateway: '10.20.0.0' },
    { cidr: 'fd00:20::/127', gateway: 'fd00:20::' },
  ),
  'a gateway that is a subnet': subnets({ cidr: '10.20.0.7/32', gateway: '10.20.0.7' }),
  'neighbouring subnets': subnets({ cidr: '10.20.0.0/24' }, { cidr: '10.20.1.0/24' }),
  'as many subnets as there may be': subnets(
    ...Array.from({ length: 8 }, (_, at) => ({
      cidr: `10.${at}.0.0/16`,
      gateway: `10.${at}.0.1`,
      routes: Array.from({ length: 16 }, (_none, index) => `172.${16 + at}.${index}.0/24`),
    })),
  ),
  'a pool, and what it does not give': {
    ...{ vni: 5, pool: {} },
    subnets: [{ cidr: '10.20.0.0/16', exclude: ['10.20.0.0/28', '10.20.7.7/32'] }, { cidr: 'fd00:20::/64' }],
  },
  'a pool with everything said': {
    ...{ vni: 5, pool: { order: 'lowest', restSeconds: 0, perNamespace: 1024, sticky: true } },
    subnets: [{ cidr: '10.20.0.0/16', exclude: ['10.20.0.0/16'] }],
  },
  'namespaces by name': {
    ...{ vni: 5, allowedNamespaces: { names: ['a', 'team-1'] } },
    staticAddresses: { allowedNamespaces: { names: [] } },
  },
};

interface Refused {
  readonly spec: object;
  /** How podwire's own word for it begins. */
  readonly at: string;
}

const wrong = (at: string, spec: object): Refused => ({ at, spec });

export const REFUSED_SPECS: Readonly<Record<string, Refused>> = {
  'VNI 0': wrong('spec.vni', { vni: 0 }),
  'a VNI of 25 bits': wrong('spec.vni', { vni: 16_777_216 }),
  'a VNI with a fraction': wrong('spec.vni', { vni: 1.5 }),
  'a VNI that is text': wrong('spec.vni', { vni: '5' }),
  'mode node, which does not exist yet': wrong('spec.mode', { vni: 5, mode: 'node' }),
  'port 0': wrong('spec.port', { vni: 5, port: 0 }),
  'port 65536': wrong('spec.port', { vni: 5, port: 65_536 }),
  'an MTU too small for IPv6': wrong('spec.mtu', { vni: 5, mtu: 1279 }),
  'a subnet that is none': wrong('spec.subnets.0.cidr', subnets({ cidr: '10.20.0.0' })),
  'a subnet with host bits': wrong('spec.subnets.0.cidr', subnets({ cidr: '10.20.0.1/16' })),
  'a subnet in a longer form': wrong('spec.subnets.0.cidr', subnets({ cidr: 'fd00:0020::/64' })),
  'a subnet that is everything': wrong('spec.subnets.0.cidr', subnets({ cidr: '0.0.0.0/0' })),
  'a multicast subnet': wrong('spec.subnets.0.cidr', subnets({ cidr: '224.0.0.0/8' })),
  'a link-local subnet': wrong('spec.subnets.0.cidr', subnets({ cidr: 'fe80::/64' })),
  'a subnet without CIDR': wrong('spec.subnets.0.cidr', subnets({})),
  'a gateway of another subnet': wrong('spec.subnets.0', subnets({ cidr: '10.20.0.0/16', gateway: '10.21.0.1' })),
  'a gateway that is the subnet': wrong('spec.subnets.0', subnets({ cidr: '10.20.0.0/16', gateway: '10.20.0.0' })),
  'a gateway that is none': wrong('spec.subnets.0', subnets({ cidr: '10.20.0.0/16', gateway: 'router' })),
  'a gateway in a longer form': wrong('spec.subnets.0', subnets({ cidr: 'fd00:20::/64', gateway: 'fd00:20:0::1' })),
  'routes without a gateway': wrong('spec.subnets.0', subnets({ cidr: '10.20.0.0/16', routes: ['10.0.0.0/8'] })),
  'a route of the other family': wrong(
    'spec.subnets.0',
    subnets({ cidr: '10.20.0.0/16', gateway: '10.20.0.1', routes: ['fd00::/8'] }),
  ),
  'a default route': wrong(
    'spec.subnets.0.routes.0',
    subnets({ cidr: '10.20.0.0/16', gateway: '10.20.0.1', routes: ['0.0.0.0/0'] }),
  ),
  'subnets in each other': wrong('spec.subnets', subnets({ cidr: '10.20.0.0/16' }, { cidr: '10.20.5.0/24' })),
  'a subnet twice': wrong('spec.subnets', subnets({ cidr: '10.20.0.0/16' }, { cidr: '10.20.0.0/16' })),
  'a destination through two gateways': wrong(
    'spec.subnets',
    subnets(
      { cidr: '10.20.0.0/16', gateway: '10.20.0.1', routes: ['192.0.2.0/24'] },
      { cidr: '10.21.0.0/16', gateway: '10.21.0.1', routes: ['192.0.2.0/24'] },
    ),
  ),
  'a namespace that can be none': wrong('spec.allowedNamespaces.names.0', {
    vni: 5,
    allowedNamespaces: { names: ['A'] },
  }),
  'a pool without a subnet': wrong('spec', { vni: 5, pool: {} }),
  'a pool whose subnets are none': wrong('spec', { vni: 5, pool: {}, subnets: [] }),
  'a pool in another order': wrong('spec.pool.order', {
    ...{ vni: 5, subnets: [{ cidr: '10.20.0.0/16' }] },
    pool: { order: 'random' },
  }),
  'addresses that rest for longer than a day': wrong('spec.pool.restSeconds', {
    ...{ vni: 5, subnets: [{ cidr: '10.20.0.0/16' }] },
    pool: { restSeconds: 86_401 },
  }),
  'an exclusion outside of its subnet': wrong(
    'spec.subnets.0',
    subnets({ cidr: '10.20.0.0/16', exclude: ['10.21.0.0/24'] }),
  ),
  'an exclusion that is larger than its subnet': wrong(
    'spec.subnets.0',
    subnets({ cidr: '10.20.0.0/16', exclude: ['10.0.0.0/8'] }),
  ),
  'an exclusion that is an address': wrong(
    'spec.subnets.0.exclude.0',
    subnets({ cidr: '10.20.0.0/16', exclude: ['10.20.0.1'] }),
  ),
  'static addresses of nobody named': wrong('spec.staticAddresses.allowedNamespaces', { vni: 5, staticAddresses: {} }),
};
