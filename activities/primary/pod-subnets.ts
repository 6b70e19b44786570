/** Which addresses the pods of this node may have: what its disk says, and now and then whoever hands out subnets. */
import { PodwireError } from '../../domain/failures.ts';
import type { IpNumbers } from '../../domain/ports/ip-numbers.ts';
import type { LeaseStore } from '../../domain/ports/lease-store.ts';
import type { PodSubnetsDisk } from '../../domain/ports/pod-subnets-disk.ts';
import { podRange } from '../../domain/primary/addressing.ts';
import { podSubnetsOf } from '../../domain/primary/contiv-config.ts';
import { isHeld } from '../../domain/primary/lease.ts';
import type { LeaseRange } from '../../domain/primary/leases.ts';
import { subnetText } from '../../domain/primary/subnet.ts';

export interface PodSubnetsDeps {
  readonly node: string;
  readonly disk: PodSubnetsDisk;
  readonly leases: Pick<LeaseStore, 'leases'>;
  /** `address/prefix`, one of each family at most. */
  readonly source: () => Promise<readonly string[]>;
  readonly ip: IpNumbers;
}

export class PodSubnets {
  readonly #deps: PodSubnetsDeps;
  #ranges: readonly LeaseRange[] | undefined;
  #why = 'nobody has said yet which addresses the pods of this node have';

  constructor(deps: PodSubnetsDeps) {
    this.#deps = deps;
  }

  /** Undefined: they are not known, or not to be used; `why` says more. */
  get ranges(): readonly LeaseRange[] | undefined {
    return this.#ranges;
  }

  get why(): string {
    return this.#why;
  }

  /** Needs nobody but the disk. @throws the disk's error, PodwireError RecordInvalid, AddressingInvalid */
  async load(): Promise<void> {
    const { disk, node, ip } = this.#deps;
    const known = await disk.read(node);
    if (known !== undefined) this.#ranges = rangesOf(known, ip);
  }

  /**
   * Asks the source. Other subnets than before are taken when no pod has an address of the old ones.
   *
   * @throws what the source throws; PodwireError AddressingInvalid: pods have addresses of others. What is known stays, unless this node has no
   * number any more that is its own (NodeIdUnavailable).
   */
  async look(): Promise<void> {
    try {
      await this.#take(await this.#deps.source());
    } catch (error) {
      if (error instanceof PodwireError && error.code === 'NodeIdUnavailable') this.#ranges = undefined;
      this.#why = error instanceof Error ? error.message : String(error);
      throw error;
    }
  }

  async #take(found: readonly string[]): Promise<void> {
    const { disk, node, leases, ip } = this.#deps;
    // Before the disk has them: what cannot be used is not kept.
    const ranges = rangesOf(found, ip);
    const known = await disk.read(node);
    if (known?.join() !== found.join()) {
      if (known !== undefined && leases.leases().some(isHeld))
        throw new PodwireError(
          'AddressingInvalid',
          `the pod subnets of this node are to be ${found.join(', ')}, and pods have addresses of ${known.join(', ')}: drain the node`,
        );
      await disk.write(node, found);
    }
    this.#ranges = ranges;
  }
}

/** @throws PodwireError AddressingInvalid */
function rangesOf(texts: readonly string[], ip: IpNumbers): LeaseRange[] {
  return podSubnetsOf({ podCIDRs: texts }, ip).map((subnet) => ({
    ...podRange(subnet),
    text: subnetText(subnet, ip),
    excluded: [],
  }));
}
