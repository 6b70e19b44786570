/** Nodes whose pods are on the primary network, in namespaces of the test's own, and the network between them. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { NodeMesh } from '../../activities/primary/node-mesh.ts';
import { createNodeMembers } from '../../adapters/etcd/node-members.ts';
import { ipNumbers } from '../../adapters/ip/ip-numbers.ts';
import { createNetlinkKernel } from '../../adapters/netlink/node-kernel.ts';
import { createNodeMeshKernel } from '../../adapters/netlink/node-mesh-kernel.ts';
import { createPodWiringKernel } from '../../adapters/netlink/pod-wiring-kernel.ts';
import type { NetlinkThread } from '../../adapters/netlink/thread.ts';
import type { IdentifiedNetns } from '../../domain/ports/link-kernel.ts';
import type { NodeMeshDisk, NodeMeshKernel, RememberedMesh } from '../../domain/ports/node-mesh.ts';
import { memberMac } from '../../domain/primary/node-member.ts';
import type { MeshSettings } from '../../domain/primary/node-mesh.ts';
import { HOST_NAME, podMtu, podWiring } from '../../domain/primary/pod-wiring.ts';
import { makeWhole } from '../etcd/whole-store.ts';
import { MemoryEtcd } from '../workflows/memory-etcd.ts';
import { NETNS_ROOT, type TestNetns } from './namespace.ts';
import { NEVER } from './node-under-test.ts';
import { peerOf } from './peer.ts';
import { emptyNetns } from './primary-node.ts';

const IP = '/usr/sbin/ip';

export interface Pod {
  readonly netns: TestNetns;
  /** One of each family. */
  readonly addresses: readonly string[];
}

export interface MeshNode {
  readonly number: number;
  readonly netns: TestNetns;
  readonly open: IdentifiedNetns;
  readonly disk: MemoryDisk;
  readonly kernel: NodeMeshKernel;
  /** In the network between the nodes, one of each family. */
  addresses: readonly string[];
  /** Of its pods. */
  readonly subnets: readonly string[];
  /** What the others have not been reached by, as it was last told. */
  readonly unreached: string[];
  /** As the worker that is started now has it. */
  mesh: NodeMesh;
  /** Another worker, which knows what the disk knows. */
  restart(settings?: Partial<MeshSettings>): NodeMesh;
  pod(last: number): Promise<Pod>;
}

/** What a disk is to the mesh; `remembered` is what is on it. */
class MemoryDisk implements NodeMeshDisk {
  remembered: RememberedMesh | undefined;
  writes = 0;
  async read(): Promise<RememberedMesh | undefined> {
    return this.remembered;
  }
  async write(_node: string, mesh: RememberedMesh): Promise<void> {
    this.remembered = mesh;
    this.writes += 1;
  }
}

export const SETTINGS: MeshSettings = {
  ...{ device: 'podwire0', vni: 10, dstPort: 4789 },
  parent: undefined,
  directRouting: 'never',
};

const subnet = (text: string) => ipNumbers.subnet(text) ?? assert.fail(text);

/** Namespaces that are joined by one bridge each, and everything that a test makes of them. */
export class Underlay {
  readonly etcd = new MemoryEtcd();
  readonly members = createNodeMembers(this.etcd);
  readonly #thread: NetlinkThread;
  readonly #wire: TestNetns;
  readonly #ends: (() => Promise<unknown>)[] = [];
  #told: (() => Promise<void>) | undefined;

  private constructor(thread: NetlinkThread, wire: TestNetns) {
    this.#thread = thread;
    this.#wire = wire;
  }

  static async create(thread: NetlinkThread): Promise<Underlay> {
    const underlay = new Underlay(thread, await emptyNetns());
    underlay.#ends.push(() => underlay.#wire.remove());
    await makeWhole(underlay.etcd);
    await underlay.segment('br0');
    return underlay;
  }

  /** Another subnet. */
  async segment(bridge: string): Promise<void> {
    await this.#wire.exec([IP, 'link', 'add', bridge, 'up', 'type', 'bridge']);
  }

  /** A namespace with these addresses on a link to a subnet. */
  async host(addresses: readonly string[], bridge = 'br0', link = 'eth0', into?: TestNetns): Promise<TestNetns> {
    const netns = into ?? (await emptyNetns());
    if (into === undefined) this.#ends.push(() => netns.remove());
    const name = netns.path.slice(netns.path.lastIndexOf('/') + 1);
    const port = `${link.slice(0, 4)}${name.slice(-8)}`;
    const pair = ['link', 'add', port, 'up', 'master', bridge, 'type', 'veth', 'peer', 'name', link, 'netns', name];
    await this.#wire.exec([IP, ...pair]);
    for (const each of addresses) await netns.exec([IP, 'address', 'add', each, 'dev', link, ...nodad(each)]);
    await netns.exec([IP, 'link', 'set', link, 'up']);
    return netns;
  }

  /** Not a member until its mesh looks. @param settings besides the usual ones */
  async node(number: number, settings: Partial<MeshSettings> = {}, of: Partial<NodePlace> = {}): Promise<MeshNode> {
    const { addresses = [`192.0.2.${number}/24`, `2001:db8:2::${number}/64`], gateways = [], bridge = 'br0' } = of;
    const netns = await this.host(addresses, bridge);
    for (const setting of SYSCTLS) await netns.exec(['/usr/sbin/sysctl', '-qw', setting]);
    for (const gateway of gateways) await netns.exec([IP, 'route', 'add', 'default', 'via', gateway]);
    const open = await createNetlinkKernel({ netnsRoots: [NETNS_ROOT], thread: this.#thread }).open(netns.path, NEVER);
    this.#ends.push(() => open.close());
    const parts = {
      ...{ number, netns, open, disk: new MemoryDisk(), unreached: [] as string[] },
      kernel: createNodeMeshKernel(this.#thread, open),
      addresses: addresses.map((each) => each.split('/', 1)[0] ?? ''),
      subnets: of.subnets ?? [`10.7.${number}.0/24`, `fd00:7:${number}::/64`],
      pod: (last: number) => this.#pod(node, last),
      restart: (changed: Partial<MeshSettings> = {}) => (node.mesh = this.#mesh(node, { ...settings, ...changed })),
    };
    const node: MeshNode = Object.assign(parts, { mesh: undefined as unknown as NodeMesh });
    node.restart();
    return node;
  }

  /** Each node says how it is reached, and hears of the others. */
  async look(...nodes: readonly MeshNode[]): Promise<void> {
    for (const { mesh } of nodes) await mesh.look(NEVER);
    for (const { mesh } of nodes) await mesh.look(NEVER);
  }

  /** What the nodes' word is passed on by. */
  onTold(told: () => Promise<void>): void {
    this.#told = told;
  }

  async remove(): Promise<void> {
    for (const end of this.#ends.splice(0).reverse()) await end();
  }

  #mesh(node: MeshNode, settings: Partial<MeshSettings>): NodeMesh {
    const { number, disk, subnets, unreached } = node;
    const all = { ...SETTINGS, ...settings };
    return new NodeMesh({
      ...{ node: `n${number}`, ip: ipNumbers, settings: all, members: this.members, disk },
      filter: { dstPort: all.dstPort, podLinks: HOST_NAME, masquerade: true, keepSource: [] },
      subnets: () => subnets.map(subnet),
      addresses: { fixed: undefined, ask: async () => node.addresses },
      macOf: memberMac,
      kernel: createNodeMeshKernel(this.#thread, node.open),
      tell: async () => this.#told?.(),
      observer: {
        unreached: (nodes) =>
          unreached.splice(0, unreached.length, ...nodes.map((each) => `${each.node}: ${each.why}`)),
        refused: (refused) => assert.deepEqual(refused, []),
        changed: () => undefined,
        unfiltered: (why) => assert.fail(why as Error),
      },
    });
  }

  async #pod(node: MeshNode, last: number): Promise<Pod> {
    const netns = await emptyNetns();
    this.#ends.push(() => netns.remove());
    const links = createNetlinkKernel({ netnsRoots: [NETNS_ROOT], thread: this.#thread });
    const inside = await links.open(netns.path, NEVER);
    const first = node.subnets.map((text) => subnet(text).base);
    const of = node.subnets.map((text) => subnet(text).family);
    const at = (index: number, by: number) => ({ family: of[index] ?? 4, value: (first[index] ?? 0n) + BigInt(by) });
    const addresses = node.subnets.map((_, index) => ({ address: at(index, last), gateway: at(index, 1) }));
    const wiring = podWiring({ sandboxId: `s-${last}`, ifName: 'eth0' }, addresses, podMtu(1500, 4), ipNumbers);
    assert.deepEqual(await createPodWiringKernel(this.#thread, node.open).wire(inside, wiring), []);
    await inside.close();
    return { netns, addresses: wiring.addresses.map(({ address }) => address) };
  }
}

export const macOf = ({ subnets }: Pick<MeshNode, 'subnets'>): string => memberMac(subnet(subnets[0] ?? ''));

/** By each family, and by its own address. */
export async function reaches(from: Pod, to: Pod): Promise<void> {
  for (const [index, address] of to.addresses.entries())
    assert.equal(await peerOf(from.netns, address), from.addresses[index], `to ${address}`);
}

interface NodePlace {
  /** With prefixes. */
  readonly addresses: readonly string[];
  /** Of default routes. */
  readonly gateways: readonly string[];
  readonly bridge: string;
  readonly subnets: readonly string[];
}

/** As a node worker prepares its node. */
const SYSCTLS = ['net.ipv4.ip_forward=1', 'net.ipv4.conf.all.rp_filter=0', 'net.ipv6.conf.all.forwarding=1'];

const nodad = (address: string): string[] => (address.includes(':') ? ['nodad'] : []);

/** Lines of datagrams that arrive in a place, at port 7100, of both families. */
export function heardIn({ path }: Pick<TestNetns, 'path'>): { readonly lines: string[]; end(): void } {
  const lines: string[] = [];
  const listeners = ['UDP4-RECV:7100', 'UDP6-RECV:7100,ipv6only'].map((socket) => {
    const argv = [`--net=${path}`, '/usr/bin/socat', '-u', socket, '-'];
    const listener = spawn('/usr/bin/nsenter', argv, { stdio: ['ignore', 'pipe', 'ignore'] });
    listener.stdout.on('data', (said: Buffer) => lines.push(...said.toString().trim().split('\n')));
    return listener;
  });
  return { lines, end: () => listeners.forEach((each) => each.kill('SIGKILL')) };
}

/** One datagram to port 7100. @param by the address that it says it comes from */
export async function say(from: Pick<TestNetns, 'exec'>, to: string, line: string, by?: string): Promise<void> {
  const bracketed = (address: string): string => (address.includes(':') ? `[${address}]` : address);
  const bind = by === undefined ? '' : `,bind=${bracketed(by)}`;
  const target = `UDP${to.includes(':') ? 6 : 4}-SENDTO:${bracketed(to)}:7100${bind}`;
  await from.exec(['/usr/bin/socat', '-u', '-', target], { input: `${line}\n`, mayFail: true });
}
