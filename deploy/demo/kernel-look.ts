/** What the kernel says about a network namespace, read with `ip` and `bridge`: nothing here asks podwire. */
import { inNetns, podNetnsPath, whyFailed, type Lab } from '../lab/lab.ts';

export interface PodRef {
  readonly namespace: string;
  readonly name: string;
}

/** A link as `ip -j -d addr` and `ip -j route` show it. */
export interface SeenLink {
  readonly name: string;
  readonly ifindex: number;
  /** `vxlan`, `veth`, …; undefined for loopback and physical links. */
  readonly kind: string | undefined;
  readonly mac: string;
  readonly mtu: number;
  readonly up: boolean;
  readonly alias: string | undefined;
  readonly vni: number | undefined;
  readonly dstPort: number | undefined;
  readonly parent: string | undefined;
  /** `address/prefix`, without link-local ones, sorted. */
  readonly addresses: readonly string[];
}

export interface SeenRoute {
  readonly destination: string;
  readonly gateway: string | undefined;
  readonly link: string | undefined;
}

interface RawLink {
  ifindex: number;
  ifname: string;
  address?: string;
  mtu: number;
  flags: string[];
  ifalias?: string;
  link?: string;
  linkinfo?: { info_kind?: string; info_data?: { id?: number; port?: number; link?: string } };
  addr_info?: { local?: string; prefixlen?: number; scope?: string }[];
}

/** All links of a namespace. @throws Error when it cannot be read */
export async function linksIn(netns: string): Promise<SeenLink[]> {
  const raw = await readJson<RawLink>(netns, 'ip', ['-j', '-d', 'address', 'show']);
  return raw.filter((link) => link.ifname !== undefined).map(seenLink);
}

function seenLink(link: RawLink): SeenLink {
  const data = link.linkinfo?.info_data;
  return {
    name: link.ifname,
    ifindex: link.ifindex,
    kind: link.linkinfo?.info_kind,
    mac: link.address ?? '',
    mtu: link.mtu,
    up: link.flags.includes('UP'),
    alias: link.ifalias,
    vni: data?.id,
    dstPort: data?.port,
    parent: data?.link,
    addresses: (link.addr_info ?? [])
      .filter((address) => address.scope !== 'link' && address.local !== undefined)
      .map((address) => `${address.local}/${address.prefixlen}`)
      .sort(),
  };
}

export async function routesIn(netns: string): Promise<SeenRoute[]> {
  const [four, six] = await Promise.all([
    readJson<{ dst: string; gateway?: string; dev?: string }>(netns, 'ip', ['-j', 'route', 'show']),
    readJson<{ dst: string; gateway?: string; dev?: string }>(netns, 'ip', ['-6', '-j', 'route', 'show']),
  ]);
  return [...four, ...six].map(({ dst, gateway, dev }) => ({ destination: dst, gateway, link: dev }));
}

/** Where a VXLAN link floods to: the destinations of its forwarding entries, sorted, duplicates kept. */
export async function floodTargets(netns: string, link: string): Promise<string[]> {
  const entries = await readJson<{ mac: string; dst?: string }>(netns, 'bridge', ['-j', 'fdb', 'show', 'dev', link]);
  return entries.flatMap((entry) => (entry.dst === undefined ? [] : [entry.dst])).sort();
}

/** Link of that name in a running pod; undefined when there is none. */
export async function podLink(lab: Lab, pod: PodRef, name: string): Promise<SeenLink | undefined> {
  return (await linksIn(await podNetnsPath(lab, pod))).find((link) => link.name === name);
}

/** Only the pod's VXLAN links. */
export const vxlanOf = (links: readonly SeenLink[]): SeenLink[] => links.filter((link) => link.kind === 'vxlan');

/** One line about a link, for people. */
export function linkText(link: SeenLink): string {
  const tunnel = link.kind === 'vxlan' ? ` vxlan id ${link.vni} over ${link.parent} port ${link.dstPort}` : '';
  return `${link.name}:${tunnel} mtu ${link.mtu} ${link.up ? 'up' : 'down'} ${link.addresses.join(' ')}`.trimEnd();
}

async function readJson<T>(netns: string, program: string, args: string[]): Promise<T[]> {
  const result = await inNetns(netns, program, args);
  if (result.code !== 0) throw new Error(`${program} ${args.join(' ')} in ${netns}: ${whyFailed(result)}`);
  const text = result.stdout.trim();
  return text === '' ? [] : (JSON.parse(text) as T[]);
}
