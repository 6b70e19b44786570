/**
 * Gives back addresses whose owners are gone without having said so. One look is no proof: an owner has to be missed by two, which are some time
 * apart, and is looked for once more right before its release.
 */
import { ownerId } from '../../domain/ipam/owner.ts';
import type { OwnerRecord } from '../../domain/ipam/records.ts';
import type { AddressPools } from '../../domain/ports/address-pools.ts';
import type { SandboxRuntime } from '../../domain/ports/sandbox-runtime.ts';

export interface AddressCollectorDeps {
  readonly node: string;
  readonly pools: Pick<AddressPools, 'ownersOf' | 'held' | 'release'>;
  readonly runtime: Pick<SandboxRuntime, 'describe'>;
  /** Whether anything is at a path of a network namespace; undefined: it cannot be seen from here. */
  readonly isThere: (netns: string) => boolean | undefined;
  /** Interfaces of a pod that have an attachment record on this node, whatever its phase. */
  readonly attachments: (podUid: string) => Promise<readonly string[]>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly observer: AddressObserver;
}

export interface AddressObserver {
  /** How many owners of the node have addresses, and how many of them this look has missed. */
  looked(owners: number, missed: number): void;
  collected(record: OwnerRecord): void;
}

/** Two looks that count are so far apart, in milliseconds. */
const APART_MS = 15_000;
/** The kubelet gives a sandbox two minutes: a younger one may be in the making, and unknown to its runtime. */
const IN_THE_MAKING_MS = 180_000;

export class AddressCollector {
  readonly #deps: AddressCollectorDeps;
  /** By owner and pool, when a look missed it for the first time. */
  #missed = new Map<string, number>();

  constructor(deps: AddressCollectorDeps) {
    this.#deps = deps;
  }

  /**
   * One look.
   * @returns whether the node has no addresses of pools at all
   * @throws PodwireError EtcdUnavailable, CriUnavailable: nothing was given back that is not proven to be gone
   */
  async look(): Promise<boolean> {
    const { node, pools, now, observer } = this.#deps;
    const owners = await pools.ownersOf(node);
    const missed = new Map<string, number>();
    let left = owners.length;
    for (const record of owners) {
      if (await this.#isAlive(record)) continue;
      const key = `${ownerId(record.owner)} ${record.pool} ${record.at}`;
      const first = this.#missed.get(key) ?? now();
      missed.set(key, first);
      if (now() - first < APART_MS) continue;
      missed.delete(key);
      // Whether an owner is there takes a while to find out, and one that came back meanwhile has another record.
      const held = await pools.held(record.owner);
      if (!held.some(({ pool, at }) => pool === record.pool && at === record.at)) continue;
      const released = await pools.release(record.owner, record.pool);
      left -= 1;
      if (released.length > 0) observer.collected(record);
    }
    this.#missed = missed;
    observer.looked(left, missed.size);
    return left === 0;
  }

  async #isAlive({ owner, at }: OwnerRecord): Promise<boolean> {
    const { runtime, isThere, attachments, now } = this.#deps;
    if (owner.kind === 'pod') return (await attachments(owner.id)).includes(owner.interfaceName);
    // Of a container that is no pod's the kubelet's runtime knows nothing; its own runtime says when it is gone (DEL, GC).
    if (owner.pod === undefined) return true;
    // A sandbox in the making has its namespace, and is not in the runtime's list yet. A file that was left behind is no sandbox.
    const hasNetns = owner.netns === undefined ? undefined : isThere(owner.netns);
    if (hasNetns !== false && now() - at < IN_THE_MAKING_MS) return true;
    return (await runtime.describe(owner.id)) !== undefined;
  }
}
