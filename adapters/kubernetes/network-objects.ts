/**
 * The schema of podwire's Network and ClusterNetwork. It reads the objects, and the CustomResourceDefinitions are made from it (deploy/crds): what
 * the API server admits is what podwire takes. A refinement, which JSON Schema cannot say, stands beside the CEL rule that says the same.
 */
import { z } from 'zod';
import type { NetworkDeclaration, NetworkSpec } from '../../domain/network-objects/declaration.ts';
import { DEFAULT_REST_MS } from '../../domain/ipam/pool.ts';
import { LAST_VNI } from '../../domain/network-objects/vnis.ts';
import { addressOf } from '../../domain/text/cidr.ts';
import { DEFAULT_DST_PORT } from '../../domain/vxlan/vxlan.ts';
import { ipCodec } from '../ip/ip-codec.ts';

export const NETWORK_OBJECTS = { group: 'podwire.io', version: 'v1alpha1' } as const;

/** With it every member's interface can have IPv6 addresses. */
const MIN_MTU = 1280;
const MAX_SUBNETS = 8;
const MAX_ROUTES = 16;
const MAX_NAMESPACES = 256;
const MAX_EXCLUDED = 32;
/** A day: whoever wants an address to be kept says `sticky`. */
const MAX_REST_S = 86_400;
/** As many keys of etcd are read for each allocation. */
const MAX_QUOTA = 1_024;
/** `ffff:…:ffff/128`. */
const LONGEST_CIDR = 43;
const LONGEST_ADDRESS = 39;

interface Rule {
  readonly rule: string;
  readonly message: string;
}

const RULES = 'x-kubernetes-validations';

const described = (description: string, ...rules: readonly Rule[]) => ({
  description,
  ...(rules.length === 0 ? {} : { [RULES]: rules }),
});

const isNetwork = (text: string): boolean => {
  const network = ipCodec.network(text);
  const cidr = ipCodec.cidr(text);
  return network?.canonical === text && cidr !== undefined && cidr.prefix > 0;
};

const NOT_UNICAST: readonly string[] = ['multicast', 'loopback', 'unspecified', 'broadcast', 'linkLocal', 'invalid'];
const isUnicast = (text: string): boolean => !NOT_UNICAST.includes(ipCodec.range(addressOf(text)));

const NETWORK_RULE =
  'must be a CIDR in its shortest form, without host bits and not /0, as 10.20.0.0/16 or fd00:20::/64';
const network = z
  .string()
  .max(LONGEST_CIDR)
  .refine(isNetwork, NETWORK_RULE)
  .refine(isUnicast, 'must be of unicast addresses');

const networkRules: readonly Rule[] = [
  {
    rule: 'isCIDR(self) && string(cidr(self).masked()) == self && cidr(self).prefixLength() > 0',
    message: NETWORK_RULE,
  },
  { rule: '!isCIDR(self) || cidr(self).ip().isGlobalUnicast()', message: 'must be of unicast addresses' },
];

const namespaceName = z
  .string()
  .max(63)
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/);

const namespaces = (description: string) =>
  z
    .strictObject({
      names: z
        .array(namespaceName)
        .max(MAX_NAMESPACES)
        .meta({ description: 'Names of namespaces.', 'x-kubernetes-list-type': 'set' }),
    })
    .meta({ description });

const GATEWAY_RULE = 'gateway must be an address of the subnet in its shortest form, and not the first one';
const ROUTES_NEED = 'routes need a gateway';
const EXCLUDED = 'what is excluded must lie in its subnet';
const ROUTES_FAMILY = 'routes must be of the family of their subnet';

const isInside = (address: string, cidr: string): boolean =>
  ipCodec.network(`${address}/${cidr.slice(cidr.indexOf('/') + 1)}`)?.canonical === cidr;

const subnet = z
  .strictObject({
    cidr: network.meta(described('Addresses of the subnet, as 10.20.0.0/16 or fd00:20::/64.', ...networkRules)),
    gateway: z
      .string()
      .max(LONGEST_ADDRESS)
      .exactOptional()
      .meta(described('An address of the subnet that leads out of it; no pod gets it.')),
    routes: z
      .array(network.meta(described('A destination.', ...networkRules)))
      .max(MAX_ROUTES)
      .default([])
      .meta({
        description: "Destinations that the subnet's pods reach through its gateway.",
        'x-kubernetes-list-type': 'set',
      }),
    exclude: z
      .array(network.meta(described('Addresses, as 10.20.0.0/28 or 10.20.0.7/32.', ...networkRules)))
      .max(MAX_EXCLUDED)
      .default([])
      .meta({
        description: "Addresses that the network's pool does not give; pods may still ask for them.",
        'x-kubernetes-list-type': 'set',
      }),
  })
  .refine(
    ({ cidr, gateway }) =>
      gateway === undefined ||
      (ipCodec.address(gateway)?.canonical === gateway && isInside(gateway, cidr) && !isFirst(gateway, cidr)),
    GATEWAY_RULE,
  )
  .refine(({ gateway, routes }) => gateway !== undefined || routes.length === 0, ROUTES_NEED)
  .refine(
    ({ cidr, routes }) => routes.every((route) => ipCodec.cidr(route)?.family === ipCodec.cidr(cidr)?.family),
    ROUTES_FAMILY,
  )
  .refine(({ cidr, exclude }) => exclude.every((each) => isPartOf(each, cidr)), EXCLUDED)
  .meta(
    described(
      'A subnet of the network.',
      {
        rule: '!has(self.exclude) || !isCIDR(self.cidr) || self.exclude.all(e, !isCIDR(e) || cidr(self.cidr).containsCIDR(e))',
        message: EXCLUDED,
      },
      {
        rule: "!has(self.gateway) || !isCIDR(self.cidr) || (isIP(self.gateway) && ip.isCanonical(self.gateway) && cidr(self.cidr).containsIP(self.gateway) && (cidr(self.cidr).prefixLength() >= (ip(self.gateway).family() == 4 ? 31 : 127) || !self.cidr.startsWith(self.gateway + '/')))",
        message: GATEWAY_RULE,
      },
      { rule: 'has(self.gateway) || !has(self.routes) || self.routes.size() == 0', message: ROUTES_NEED },
      {
        rule: '!has(self.routes) || !isCIDR(self.cidr) || self.routes.all(r, !isCIDR(r) || cidr(r).ip().family() == cidr(self.cidr).ip().family())',
        message: ROUTES_FAMILY,
      },
    ),
  );

const isPartOf = (part: string, cidr: string): boolean =>
  Number(part.slice(part.indexOf('/') + 1)) >= Number(cidr.slice(cidr.indexOf('/') + 1)) &&
  isInside(addressOf(part), cidr);

/** Whether the address is the one that means the subnet itself: a point-to-point subnet has none. */
function isFirst(address: string, cidr: string): boolean {
  const [first = '', prefix] = cidr.split('/');
  return address === first && Number(prefix) < (ipCodec.cidr(cidr)?.family === 6 ? 127 : 31);
}

const APART = 'subnets must not overlap';
const ROUTES_ONCE = 'a destination must be reached through one gateway only';

const POOL_NEEDS = 'pool needs subnets to give addresses of';

const overlap = (one: string, other: string): boolean =>
  isInside(addressOf(one), other) || isInside(addressOf(other), one);

const FIXED = 'cannot be changed: members would be cut off from each other; make another network';

export const vniSchema = z.int().min(1).max(LAST_VNI);

const spec = z
  .strictObject({
    vni: vniSchema
      .meta(
        described(
          'VXLAN network identifier (RFC 7348), which no other network of the same port has. Left out: podwire gives the network one, see status.vni.',
          { rule: 'self == oldSelf', message: FIXED },
        ),
      )
      .exactOptional(),
    mode: z
      .enum(['pod'])
      .default('pod')
      .meta(described('pod: a VXLAN device in the network namespace of each member, over its eth0.')),
    port: z
      .int()
      .min(1)
      .max(65535)
      .default(DEFAULT_DST_PORT)
      .meta(
        described("UDP port of the tunnels. The kernel's default is 8472, IANA's number 4789.", {
          rule: 'self == oldSelf',
          message: FIXED,
        }),
      ),
    mtu: z
      .int()
      .min(MIN_MTU)
      .max(65535)
      .exactOptional()
      .meta(
        described("Largest packet of the network in bytes. Left out: what the pod's eth0 leaves, 50 or 70 bytes less."),
      ),
    subnets: z
      .array(subnet)
      .max(MAX_SUBNETS)
      .default([])
      .refine(
        (all) => all.every((one, at) => all.every((other, index) => index <= at || !overlap(one.cidr, other.cidr))),
        APART,
      )
      .refine((all) => {
        const routes = all.flatMap((each) => each.routes);
        return new Set(routes).size === routes.length;
      }, ROUTES_ONCE)
      .meta(
        described(
          'Where the addresses of the pods lie. Left out: the network carries Ethernet, and podwire gives no addresses.',
          {
            rule: 'self.all(a, !isCIDR(a.cidr) || self.exists_one(b, isCIDR(b.cidr) && (cidr(b.cidr).containsCIDR(a.cidr) || cidr(a.cidr).containsCIDR(b.cidr))))',
            message: APART,
          },
          {
            rule: 'self.all(a, !has(a.routes) || a.routes.all(r, self.exists_one(b, has(b.routes) && r in b.routes)))',
            message: ROUTES_ONCE,
          },
        ),
      ),
    pool: z
      .strictObject({
        order: z
          .enum(['next', 'lowest'])
          .default('next')
          .meta({ description: 'next: behind the address that was given last; lowest: the lowest free one.' }),
        restSeconds: z
          .int()
          .min(0)
          .max(MAX_REST_S)
          .default(DEFAULT_REST_MS / 1_000)
          .meta({
            description:
              "How long a released address is nobody's. The same interface of a pod of the same name gets it at once.",
          }),
        perNamespace: z.int().min(1).max(MAX_QUOTA).exactOptional().meta({
          description: 'How many interfaces of a namespace may have addresses at once. Left out: as many as there are.',
        }),
        sticky: z.boolean().default(false).meta({
          description: "Pods whose names end in a number, as a StatefulSet's, keep their addresses when they are gone.",
        }),
      })
      .exactOptional()
      .meta({
        description:
          'Every pod gets an address of each family that the subnets have, unless it asks for one. Left out: pods have the addresses that they ask for.',
      }),
    allowedNamespaces: namespaces(
      'Namespaces whose pods may be attached. Left out: a Network is for the pods of its own namespace, which always may, a ClusterNetwork for all.',
    ).exactOptional(),
    staticAddresses: z
      .strictObject({
        allowedNamespaces: namespaces('Namespaces whose pods may choose their addresses; an empty list allows nobody.'),
      })
      .exactOptional()
      .meta({ description: 'Who may choose addresses ("ips", "mac"). Left out: whoever may be attached.' }),
  })
  .refine(({ pool, subnets }) => pool === undefined || subnets.length > 0, POOL_NEEDS)
  .meta(
    described(
      'An overlay network that pods are attached to, on new and on running pods.',
      {
        rule: 'has(self.vni) == has(oldSelf.vni)',
        message: `vni ${FIXED}`,
      },
      {
        rule: '!has(self.pool) || (has(self.subnets) && self.subnets.size() > 0)',
        message: POOL_NEEDS,
      },
    ),
  );

export const networkSpecSchema: z.ZodType<NetworkSpec> = spec;

/** Total: an object may have been stored under another definition than this build's. */
export function readNetworkSpec(value: unknown): NetworkDeclaration {
  const found = networkSpecSchema.safeParse(value);
  if (found.success) return { ok: true, spec: found.data };
  const [issue] = found.error.issues;
  return { ok: false, why: `${['spec', ...(issue?.path ?? [])].map(String).join('.')}: ${issue?.message ?? 'wrong'}` };
}

/** The VNI that podwire gave, from an object's status; undefined: none that could be one. */
export function readAllocatedVni(status: unknown): number | undefined {
  const found = vniSchema.safeParse((status as { vni?: unknown } | null | undefined)?.vni);
  return found.success ? found.data : undefined;
}
