/** What `ip -d -j` and `bridge -j` print (iproute2 6.1), parsed into the domain's views. Unknown fields are ignored. */
import { ROUTE_PROTOCOL } from '../links/link-values.ts';
import { z } from 'zod';
import { PodwireError } from '../../domain/failures.ts';
import type { FdbEntry } from '../../domain/forwarding/fdb.ts';
import type { Neighbour } from '../../domain/forwarding/neighbours.ts';
import type { HostEnd, LinkView, NetnsView, RouteView, VxlanView } from '../../domain/vxlan/link-observation.ts';

/** Printed only when they are set. */
const flagsSchema = z.object({
  l2miss: z.boolean().optional(),
  l3miss: z.boolean().optional(),
  proxy: z.boolean().optional(),
  rsc: z.boolean().optional(),
  gbp: z.boolean().optional(),
  remcsum_tx: z.boolean().optional(),
  remcsum_rx: z.boolean().optional(),
});
const FLAGS = flagsSchema.keyof().options;

const linkSchema = z.object({
  ifindex: z.number(),
  ifname: z.string(),
  flags: z.array(z.string()),
  mtu: z.number(),
  address: z.string().optional(),
  ifalias: z.string().optional(),
  link_index: z.number().optional(),
  /** Printed where `link_index` is one of another namespace. */
  link_netnsid: z.number().optional(),
  linkinfo: z
    .object({
      info_kind: z.string().optional(),
      info_data: z
        .object({
          id: z.number().optional(),
          /** It takes its VNI from metadata. */
          external: z.boolean().optional(),
          port: z.number().optional(),
          port_range: z.object({ low: z.number(), high: z.number() }).optional(),
          link: z.string().optional(),
          learning: z.boolean().optional(),
          local: z.string().optional(),
          local6: z.string().optional(),
          group: z.string().optional(),
          group6: z.string().optional(),
          remote: z.string().optional(),
          remote6: z.string().optional(),
          ...flagsSchema.shape,
        })
        .optional(),
    })
    .optional(),
  addr_info: z
    .array(z.object({ family: z.string(), local: z.string(), prefixlen: z.number(), scope: z.string().optional() }))
    .default([]),
});
const linksSchema = z.array(linkSchema);
const hostEndsSchema = z.array(
  linkSchema
    .pick({ ifindex: true, ifname: true, link_index: true, link_netnsid: true })
    .extend({ master: z.string().optional() }),
);
const routesSchema = z.array(
  z.object({
    dst: z.string(),
    gateway: z.string().optional(),
    dev: z.string().optional(),
    protocol: z.string().optional(),
    /** In the place of gateway and dev: IPv6 puts routes of one metric together. */
    nexthops: z.array(z.object({ gateway: z.string().optional(), dev: z.string().optional() })).optional(),
    /** Absent: unicast. */
    type: z.string().optional(),
  }),
);
const fdbSchema = z.array(
  z.object({
    mac: z.string(),
    dst: z.string().optional(),
    port: z.number().optional(),
    vni: z.number().optional(),
    viaIf: z.string().optional(),
    flags: z.array(z.string()).default([]),
    state: z.string().optional(),
  }),
);

const neighboursSchema = z.array(z.object({ dst: z.string(), lladdr: z.string().optional() }));

/**
 * Parses the output of a batch that ends with `address show` and `route show table all`: one JSON document a line.
 * Throws CommandFailed when it is cut off or of another form.
 */
export function parseNetns(stdout: string): NetnsView {
  const [links, routes] = stdout
    .split('\n')
    .filter((line) => line.startsWith('['))
    .slice(-2)
    .map(parseJson);
  return {
    links: checked(linksSchema, links).map(linkView),
    routes: checked(routesSchema, routes).flatMap(routeView),
  };
}

/** What `ip -j link show type veth` prints: those whose other end is in another namespace. */
export function parseHostEnds(stdout: string): HostEnd[] {
  return checked(hostEndsSchema, parseJson(stdout.trim() === '' ? '[]' : stdout)).flatMap(
    ({ ifindex, ifname, master, link_index, link_netnsid }): HostEnd[] =>
      link_index === undefined || link_netnsid === undefined
        ? []
        : [{ ifindex, name: ifname, peerIfindex: link_index, ...(master === undefined ? {} : { bridge: master }) }],
  );
}

/** What `ip -j neigh show` prints. */
export function parseNeighbours(stdout: string): Neighbour[] {
  return checked(neighboursSchema, parseJson(stdout.trim() === '' ? '[]' : stdout)).flatMap(({ dst, lladdr }) =>
    lladdr === undefined ? [] : [{ address: dst, mac: lladdr }],
  );
}

/** The permanent entries that `bridge -j fdb show dev LINK` prints for a VXLAN device itself. */
export function parseFdb(stdout: string): FdbEntry[] {
  return checked(fdbSchema, parseJson(stdout.trim() === '' ? '[]' : stdout))
    .filter((entry) => entry.flags.includes('self') && entry.state === 'permanent')
    .map((entry) => ({
      mac: entry.mac,
      destination: entry.dst,
      ...(entry.port === undefined ? {} : { port: entry.port }),
      ...(entry.vni === undefined ? {} : { vni: entry.vni }),
      ...(entry.viaIf === undefined ? {} : { via: entry.viaIf }),
    }));
}

function linkView(link: z.infer<typeof linkSchema>): LinkView {
  return {
    ifindex: link.ifindex,
    name: link.ifname,
    mac: link.address ?? '',
    mtu: link.mtu,
    up: link.flags.includes('UP'),
    alias: link.ifalias,
    kind: link.linkinfo?.info_kind,
    ...peerOf(link),
    vxlan: vxlanView(link),
    addresses: link.addr_info.map((address) => ({
      cidr: `${address.local}/${address.prefixlen}`,
      family: address.family === 'inet6' ? 6 : 4,
      linkLocal: address.family === 'inet6' && address.scope === 'link',
    })),
  };
}

function peerOf({ linkinfo, link_index, link_netnsid }: z.infer<typeof linkSchema>): Pick<LinkView, 'peerIfindex'> {
  const isElsewhere = linkinfo?.info_kind === 'veth' && link_netnsid !== undefined;
  return isElsewhere && link_index !== undefined ? { peerIfindex: link_index } : {};
}

function vxlanView(link: z.infer<typeof linkSchema>): VxlanView | undefined {
  const data = link.linkinfo?.info_data;
  // A device that takes its VNI from metadata has none of its own.
  if (link.linkinfo?.info_kind !== 'vxlan' || data?.id === undefined || data.external === true) return undefined;
  return {
    vni: data.id,
    dstPort: data.port ?? 0,
    ...sourcePorts(data.port_range),
    parent: data.link,
    learning: data.learning !== false,
    ...tunnelEnds(data),
  };
}

type InfoData = NonNullable<NonNullable<z.infer<typeof linkSchema>['linkinfo']>['info_data']>;

function tunnelEnds(data: InfoData): Pick<VxlanView, 'family' | 'local' | 'remote' | 'flags'> {
  const remote6 = data.group6 ?? data.remote6;
  const local = data.local6 ?? data.local;
  const remote = remote6 ?? data.group ?? data.remote;
  const flags = FLAGS.filter((flag) => data[flag] === true);
  return {
    family: (data.local6 ?? remote6) === undefined ? 4 : 6,
    ...(local === undefined ? {} : { local }),
    ...(remote === undefined ? {} : { remote }),
    ...(flags.length === 0 ? {} : { flags }),
  };
}

/** 0 and 0 is the kernel's way to say that it chooses. */
function sourcePorts(range: { low: number; high: number } | undefined): Pick<VxlanView, 'srcPorts'> {
  return range === undefined || range.high === 0 ? {} : { srcPorts: { first: range.low, last: range.high } };
}

/** Canonical CIDRs that `ip -j route show` prints without a gateway, but for the widest ones: those of a default route reach everybody. */
export function parseDirectRoutes(stdout: string): string[] {
  return checked(routesSchema, parseJson(stdout.trim() === '' ? '[]' : stdout))
    .filter(({ dst, gateway, type }) => gateway === undefined && type === undefined && dst !== 'default')
    .map(({ dst }) => (dst.includes('/') ? dst : `${dst}/${dst.includes(':') ? 128 : 32}`));
}

/** iproute2 leaves out the prefix of host routes and calls the widest one `default`. */
function routeView({ nexthops, ...route }: z.infer<typeof routesSchema>[number]): RouteView[] {
  if (nexthops !== undefined) return nexthops.flatMap((hop) => routeView({ ...route, ...hop }));
  const { gateway, dev, protocol } = route;
  if (gateway === undefined || dev === undefined) return [];
  const six = gateway.includes(':');
  let destination = route.dst;
  if (destination === 'default') destination = six ? '::/0' : '0.0.0.0/0';
  else if (!destination.includes('/')) destination = `${destination}/${six ? 128 : 32}`;
  // Without a protocol in the output it is the one that was asked for.
  const ours = protocol === undefined || protocol === String(ROUTE_PROTOCOL);
  return [{ destination, gateway, link: dev, ...(ours ? {} : { foreign: true as const }) }];
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw unreadable(`is not JSON (${text.length} characters)`);
  }
}

function checked<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw unreadable(`has ${issue?.path.join('.') ?? 'a field'} of another form: ${issue?.message ?? ''}`);
}

const unreadable = (what: string): PodwireError =>
  new PodwireError('CommandFailed', `output of iproute2 ${what}; iproute2 6.1 or newer is needed`);
