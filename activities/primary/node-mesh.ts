/**
 * A node's part of the mesh between nodes (ADR 55): it says in etcd how its pods are reached, and keeps its kernel in line with what the others say. What it
 * knows is on its disk: it reaches the others' pods whoever else is away, since etcd and Temporal may be among these pods.
 */
import { PodwireError } from '../../domain/failures.ts';
import type { IpNumbers } from '../../domain/ports/ip-numbers.ts';
import type { NodeMembers, NodeMeshDisk, NodeMeshKernel, RememberedMesh } from '../../domain/ports/node-mesh.ts';
import { nodeFilter, type FilterSettings, type NodeFilter } from '../../domain/primary/node-filter.ts';
import { membersToReach, sameMember, type FoundMembers, type NodeMember } from '../../domain/primary/node-member.ts';
import { meshPlan, type MeshPlan, type MeshSettings } from '../../domain/primary/node-mesh.ts';
import { subnetText, type Subnet } from '../../domain/primary/subnet.ts';
import { KeyedMutex } from '../concurrency/keyed-mutex.ts';
import { SyncPace } from '../network/forwarding/sync-pace.ts';
import type { SyncFdbResult } from '../network/network-contract.ts';

export interface NodeMeshDeps {
  readonly node: string;
  readonly settings: MeshSettings;
  readonly filter: FilterSettings;
  /** Of the node's pods; undefined: not known yet. */
  readonly subnets: () => readonly Subnet[] | undefined;
  readonly addresses: NodeAddressSource;
  /** Of the node's end of the tunnels. @param subnet the first of its pods' */
  readonly macOf: (subnet: Subnet) => string;
  readonly members: NodeMembers;
  /** Nodes as the API knows them, which etcd may not know yet, since it is itself reached by this mesh; undefined: nobody is asked. Throws ApiUnavailable. */
  readonly known?: (() => Promise<readonly NodeMember[]>) | undefined;
  readonly disk: NodeMeshDisk;
  readonly kernel: NodeMeshKernel;
  /** Makes the mesh's run tell the other nodes. Throws TemporalUnavailable. */
  readonly tell: () => Promise<void>;
  readonly ip: IpNumbers;
  readonly observer: NodeMeshObserver;
}

/** Of the node, in the network between the nodes: one of each family at most. */
interface NodeAddressSource {
  /** As the administrator says; undefined: `ask`. */
  readonly fixed: readonly string[] | undefined;
  /** Throws ApiUnavailable. */
  ask(): Promise<readonly string[]>;
}

interface NodeMeshObserver {
  /** Only what has changed since the last time. */
  unreached(nodes: MeshPlan['unreached']): void;
  /** Settings that the kernel or a mount refused. */
  refused(settings: readonly string[]): void;
  /** @param what `mtu`: of what the tunnels carry */
  changed(what: { readonly nodes: number; readonly written: number; readonly removed: number; mtu: number }): void;
  /** Rules cannot be written; told once for each reason. */
  unfiltered(why: unknown): void;
}

const KEY = 'mesh';
/** The kernel answers in well under a second; its lock may be held by others. */
const WAIT_MS = 30_000;

export class NodeMesh {
  readonly #deps: NodeMeshDeps;
  readonly #lock = new KeyedMutex();
  readonly #pace = new SyncPace();
  #remembered: RememberedMesh = { addresses: [], members: [] };
  /** As the API said last. */
  #known: readonly NodeMember[] = [];
  #hasAsked = false;
  #tunnelMtu: number | undefined;
  #toldUnreached = '';
  #toldUnfiltered = '';

  constructor(deps: NodeMeshDeps) {
    this.#deps = deps;
  }

  /** What a packet of a pod may have on its way to other nodes, in bytes, as the parent link was at the last look; undefined: there was none yet. */
  get tunnelMtu(): number | undefined {
    return this.#tunnelMtu;
  }

  /** What the disk knows is in the kernel again afterwards; needs nobody else. @throws the disk's error; PodwireError RecordInvalid, as `apply` */
  async load(signal: AbortSignal): Promise<void> {
    const { disk, node } = this.#deps;
    this.#remembered = (await disk.read(node)) ?? this.#remembered;
    const own = this.#ownBy(this.#deps.addresses.fixed ?? this.#remembered.addresses);
    if (own !== undefined) await this.#alone(() => this.#apply(own, this.#remembered.members, signal));
  }

  /**
   * Says how the pods of this node are reached, takes what the others say, and has the others told, as long as there is something to tell.
   * @throws PodwireError EtcdUnavailable, ApiUnavailable, TemporalUnavailable (the others look by themselves), ParentMissing, LinkConflict, AddressingInvalid, CommandFailed, CommandTimedOut, KernelBusy
   */
  async look(signal: AbortSignal): Promise<void> {
    const { members, node, tell } = this.#deps;
    const own = await this.#own(signal);
    if (own === undefined) return;
    await this.#askApi();
    let cause: unknown;
    const state = await members.publish(own).catch((error: unknown) => {
      // Then a way to etcd is what it takes first.
      if (this.#known.length === 0) throw error;
      cause = error;
      return 'unsaid' as const;
    });
    await this.#bringInLine(own, signal);
    if (state === 'unsaid')
      throw new PodwireError('EtcdUnavailable', 'nodes are known by their Node objects alone', { cause });
    if (state === 'told') return;
    await tell();
    await members.told(node);
  }

  /** Its silence says nothing. */
  async #askApi(): Promise<void> {
    const { known } = this.#deps;
    if (known !== undefined) this.#known = await known().catch(() => this.#known);
  }

  async #found(): Promise<FoundMembers> {
    const found = await this.#deps.members.read().catch((error: unknown): FoundMembers => {
      if (this.#known.length === 0) throw error;
      return { members: [], isWhole: false, unreadable: [] };
    });
    const names = new Set([...found.members.map((member) => member.node), ...found.unreadable]);
    return { ...found, members: [...found.members, ...this.#known.filter((member) => !names.has(member.node))] };
  }

  /** One activity for a burst of changes: reads all members and writes what differs. Rests first while members keep coming. @throws as `look` */
  async sync(signal: AbortSignal): Promise<SyncFdbResult> {
    await this.#pace.rest(KEY, signal);
    const own = await this.#own(signal);
    // The node has no pods yet that could call or be called.
    if (own === undefined) return { netns: 0, written: 0, removed: 0 };
    const startedAt = performance.now();
    const { written, removed } = await this.#bringInLine(own, signal);
    this.#pace.worked(KEY, performance.now() - startedAt);
    return { netns: 1, written, removed };
  }

  /** Whoever comes later reads later. */
  #bringInLine(own: NodeMember, signal: AbortSignal): Promise<{ written: number; removed: number }> {
    const { disk, node } = this.#deps;
    return this.#alone(async () => {
      const found = membersToReach(await this.#found(), this.#remembered.members);
      const others = found.filter((member) => member.node !== node);
      const changes = await this.#apply(own, others, signal);
      const mesh = { addresses: own.addresses, members: others };
      if (!sameMesh(this.#remembered, mesh)) await disk.write(node, mesh);
      this.#remembered = mesh;
      return changes;
    });
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    return this.#lock.run(
      KEY,
      WAIT_MS,
      () => new PodwireError('KernelBusy', 'the mesh between nodes is being written'),
      work,
    );
  }

  async #own(signal: AbortSignal): Promise<NodeMember | undefined> {
    if (this.#deps.subnets() === undefined) return undefined;
    return this.#ownBy(this.#deps.addresses.fixed ?? (await this.#askedAddresses(signal)));
  }

  /** Asked for once, and again when the node has not the addresses any more that it is known by. */
  async #askedAddresses(signal: AbortSignal): Promise<readonly string[]> {
    const { kernel, addresses } = this.#deps;
    const known = this.#remembered.addresses;
    const links = await kernel.links(signal);
    const present = new Set(links.flatMap((link) => link.addresses.map(({ cidr }) => cidr.split('/', 1)[0])));
    const isHere = known.length > 0 && known.every((address) => present.has(address));
    if (isHere && this.#hasAsked) return known;
    try {
      const found = await addresses.ask();
      this.#hasAsked = true;
      return found;
    } catch (error) {
      if (isHere) return known;
      throw error;
    }
  }

  #ownBy(addresses: readonly string[]): NodeMember | undefined {
    const { node, subnets, macOf, ip } = this.#deps;
    const [first, ...more] = subnets() ?? [];
    if (first === undefined || addresses.length === 0) return undefined;
    return { node, addresses, mac: macOf(first), subnets: [first, ...more].map((subnet) => subnetText(subnet, ip)) };
  }

  async #apply(own: NodeMember, members: readonly NodeMember[], signal: AbortSignal) {
    const { kernel, settings, filter, ip, observer } = this.#deps;
    const plan = meshPlan({ own, members, links: await kernel.links(signal) }, settings, ip);
    this.#tunnelMtu = plan.device.mtu;
    // First the rules: nobody is let in before they hold.
    await this.#filter(nodeFilter(own, members, filter, ip), signal);
    const { written, removed, refused } = await kernel.ensure(plan, signal);
    if (refused.length > 0) observer.refused(refused);
    if (written + removed > 0) observer.changed({ nodes: members.length, written, removed, mtu: plan.device.mtu });
    this.#tellUnreached(plan.unreached);
    return { written, removed };
  }

  /** Where the kernel cannot have the rules, pods reach one another all the same. */
  async #filter(rules: NodeFilter, signal: AbortSignal): Promise<void> {
    try {
      await this.#deps.kernel.filter(rules, signal);
      this.#toldUnfiltered = '';
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      if (text !== this.#toldUnfiltered) this.#deps.observer.unfiltered(error);
      this.#toldUnfiltered = text;
    }
  }

  #tellUnreached(unreached: MeshPlan['unreached']): void {
    const text = JSON.stringify(unreached);
    if (text !== this.#toldUnreached && (unreached.length > 0 || this.#toldUnreached !== ''))
      this.#deps.observer.unreached(unreached);
    this.#toldUnreached = text;
  }
}

function sameMesh(one: RememberedMesh, other: RememberedMesh): boolean {
  return (
    one.addresses.join() === other.addresses.join() &&
    one.members.length === other.members.length &&
    one.members.every((member, index) => {
      const same = other.members[index];
      return same !== undefined && sameMember(member, same);
    })
  );
}
