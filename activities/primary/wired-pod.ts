/** A lease and the wiring that follows from it. */
import { PodwireError } from '../../domain/failures.ts';
import type { Failpoints } from '../../domain/ports/failpoints.ts';
import type { IpNumbers } from '../../domain/ports/ip-numbers.ts';
import type { LeaseStore } from '../../domain/ports/lease-store.ts';
import type { PodWiringKernel } from '../../domain/ports/pod-wiring-kernel.ts';
import { gatewayOf } from '../../domain/primary/addressing.ts';
import type { Lease, LeaseHolder } from '../../domain/primary/lease.ts';
import type { LeaseRange } from '../../domain/primary/leases.ts';
import { podWiring, type PodWiring } from '../../domain/primary/pod-wiring.ts';
import { containsAddress } from '../../domain/primary/subnet.ts';

export interface WiredPodDeps {
  readonly leases: LeaseStore;
  readonly wiring: PodWiringKernel;
  readonly ip: IpNumbers;
  readonly failpoints: Failpoints;
}

/** @throws PodwireError AddressingInvalid: the lease is of a time when the node had other subnets */
export function wiringOf(lease: Lease, ranges: readonly LeaseRange[], mtu: number, ip: IpNumbers): PodWiring {
  const addresses = lease.addresses.map((address) => {
    const range = ranges.find(({ subnet }) => containsAddress(subnet, address));
    if (range === undefined)
      throw new PodwireError('AddressingInvalid', `${ip.text(address)} is in no pod subnet of this node any more`);
    return { address, gateway: gatewayOf(range.subnet) };
  });
  return podWiring(lease, addresses, mtu, ip);
}

/**
 * Removes both ends, then lets the addresses rest; a lease that cannot be read, too. Nothing of it is there: nothing is done.
 *
 * @throws PodwireError as `unwire` does, the disk's error: then the lease stays
 */
export async function letGo(
  { leases, wiring, ip, failpoints }: WiredPodDeps,
  holder: LeaseHolder,
  signal: AbortSignal,
): Promise<void> {
  const isOf = (each: LeaseHolder): boolean => each.sandboxId === holder.sandboxId && each.ifName === holder.ifName;
  const known = leases.leases().find(isOf) ?? leases.damaged().find(isOf);
  if (known === undefined) return;
  // Which gateway the pod had does not matter for what is removed.
  const addresses = known.addresses.map((address) => ({ address, gateway: address }));
  await wiring.unwire(podWiring(holder, addresses, 0, ip), signal);
  await failpoints.hit('primary:unwired');
  await leases.release(holder);
}
