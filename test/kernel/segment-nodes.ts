/** Nodes and pods of one network of mode node, in namespaces of the test's own, and the network between the nodes. */
import { createHash } from 'node:crypto';
import { createNetlinkKernel } from '../../adapters/netlink/node-kernel.ts';
import { createSegmentKernel } from '../../adapters/netlink/segment-kernel.ts';
import type { NetlinkThread } from '../../adapters/netlink/thread.ts';
import {
  portName,
  segmentPlan,
  segmentPort,
  type SegmentMember,
  type SegmentNetwork,
  type SegmentPlan,
  type SegmentPort,
} from '../../domain/node-mode/segment.ts';
import type { IdentifiedNetns, LinkKernel } from '../../domain/ports/link-kernel.ts';
import type { SegmentChanges, SegmentKernel } from '../../domain/ports/segment-kernel.ts';
import { Underlay } from './mesh-nodes.ts';
import { NETNS_ROOT, type TestNetns } from './namespace.ts';
import { NEVER } from './node-under-test.ts';
import { emptyNetns } from './primary-node.ts';

export interface SegmentNode {
  readonly node: string;
  readonly vtep: string;
  readonly netns: TestNetns;
  readonly open: IdentifiedNetns;
  readonly kernel: SegmentKernel;
  /** Of the link with the node's address. */
  parentMtu: number;
}

export interface SegmentPod {
  readonly at: SegmentNode;
  readonly member: SegmentMember;
  readonly port: SegmentPort;
  readonly netns: TestNetns;
  readonly open: IdentifiedNetns;
  /** Without prefixes, one of each family. */
  readonly four: string;
  readonly six: string;
}

export interface PodOptions {
  readonly isolated?: boolean;
  readonly mac?: string;
}

export const LINK = 'blue0';
const SPEC: SegmentNetwork = {
  network: { scope: 'cluster.network', name: 'blue' },
  ...{ vni: 100, dstPort: 4789, floodUnknown: false, guarded: true },
};

export class Segments {
  readonly nodes: SegmentNode[] = [];
  members: SegmentMember[] = [];
  network: SegmentNetwork = SPEC;
  readonly links: LinkKernel;
  readonly underlay: Underlay;
  readonly #thread: NetlinkThread;
  readonly #ends: (() => Promise<unknown>)[] = [];

  private constructor(thread: NetlinkThread, underlay: Underlay) {
    this.#thread = thread;
    this.underlay = underlay;
    this.links = createNetlinkKernel({ netnsRoots: [NETNS_ROOT], thread });
  }

  /** @param count of nodes @param family of their addresses */
  static async create(thread: NetlinkThread, count: number, family: 4 | 6 = 4): Promise<Segments> {
    const segments = new Segments(thread, await Underlay.create(thread));
    for (let number = 1; number <= count; number += 1) await segments.#node(number, family);
    return segments;
  }

  async #node(number: number, family: 4 | 6): Promise<void> {
    const vtep = family === 4 ? `192.0.2.${number}` : `2001:db8:2::${number}`;
    const netns = await this.underlay.host([`${vtep}/${family === 4 ? 24 : 64}`]);
    const open = await this.#open(netns);
    const kernel = createSegmentKernel(this.#thread, open);
    this.nodes.push({ node: `n${number}`, vtep, netns, open, kernel, parentMtu: 1500 });
  }

  plan(at: SegmentNode): SegmentPlan {
    return segmentPlan(this.network, at, this.members, portOf);
  }

  /** The pod of this number: attached, a member, and known to all nodes. */
  async pod(at: SegmentNode, number: number, options: PodOptions = {}): Promise<SegmentPod> {
    const pod = await this.unattached(at, number, options);
    await this.attach(pod);
    return pod;
  }

  async unattached(at: SegmentNode, number: number, options: PodOptions = {}): Promise<SegmentPod> {
    const netns = await emptyNetns();
    this.#ends.push(() => netns.remove());
    const [four, six] = [`10.9.0.${number}`, `fd00:9::${number.toString(16)}`];
    const member: SegmentMember = {
      ...{ podUid: `pod-${number}`, interfaceName: LINK, node: at.node, vtep: at.vtep },
      mac: options.mac ?? `02:00:00:00:09:${number.toString(16).padStart(2, '0')}`,
      addresses: [`${four}/24`, `${six}/64`],
    };
    const { isolated = false } = options;
    const { guarded } = this.network;
    const alias = `podwire:${member.podUid}:1`;
    const port = segmentPort({ member, hostName: portOf(member), alias, isolated, guarded });
    return { at, member, port, netns, open: await this.#open(netns), four, six };
  }

  async attach(pod: SegmentPod): Promise<void> {
    const { refused } = await pod.at.kernel.attach(pod.open, this.plan(pod.at), pod.port);
    if (refused.length > 0) throw new Error(refused.join('; '));
    this.members = [...this.members.filter(({ podUid }) => podUid !== pod.member.podUid), pod.member];
    await this.sync();
  }

  async detach(pod: SegmentPod): Promise<boolean> {
    const was = await pod.at.kernel.detach(this.plan(pod.at), pod.port, NEVER);
    this.members = this.members.filter(({ podUid }) => podUid !== pod.member.podUid);
    await this.sync();
    return was;
  }

  async sync(): Promise<(SegmentChanges | 'absent')[]> {
    const answers: (SegmentChanges | 'absent')[] = [];
    for (const node of this.nodes) answers.push(await node.kernel.sync(this.plan(node), NEVER));
    return answers;
  }

  async remove(): Promise<void> {
    for (const end of this.#ends.splice(0).reverse()) await end();
    await this.underlay.remove();
  }

  async #open(netns: TestNetns): Promise<IdentifiedNetns> {
    const open = await this.links.open(netns.path, NEVER);
    this.#ends.push(() => open.close());
    return open;
  }
}

export const portOf = ({ podUid, interfaceName }: SegmentMember): string =>
  portName(createHash('sha256').update(`${podUid}/${interfaceName}`).digest('hex'));
