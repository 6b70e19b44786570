/** A pod's sandbox as the primary network knows it: what the node's disk says of it, and what etcd is to hold (ADR 56). */
import type { IpNumbers } from '../ports/ip-numbers.ts';
import { isHeld, type Lease } from './lease.ts';
import { podWiring } from './pod-wiring.ts';

interface SandboxInterface {
  /** In the pod. */
  readonly name: string;
  /** The other end, on the node. */
  readonly hostInterface: string;
  /** Without a prefix length, one of each family. */
  readonly addresses: readonly string[];
}

export interface PrimarySandbox {
  readonly sandboxId: string;
  /** Both names are empty where the lease does not say them any more. */
  readonly pod: { readonly namespace: string; readonly name: string };
  readonly interfaces: readonly SandboxInterface[];
}

/** Post-add hooks of a sandbox, each `queue/activity`. */
export interface HooksOfSandbox {
  /** In the order in which they are called. */
  readonly wanted: readonly string[];
  /** Those that are over. */
  readonly done: readonly string[];
}

/** What etcd holds of a sandbox that has addresses, and of one that has ended until its hooks are over. */
export interface PrimarySandboxRecord extends PrimarySandbox {
  readonly v: 1;
  readonly node: string;
  readonly postAdd: HooksOfSandbox;
}

/** The sandboxes of a node by its leases: of those that have ended, those whose addresses rest still. */
export interface SandboxesOnDisk {
  readonly held: readonly PrimarySandbox[];
  readonly resting: readonly PrimarySandbox[];
}

export function sandboxesOf(leases: readonly Lease[], ip: Pick<IpNumbers, 'text'>): SandboxesOnDisk {
  const held = grouped(leases.filter(isHeld), ip);
  const living = new Set(held.map(({ sandboxId }) => sandboxId));
  const resting = grouped(
    leases.filter((lease) => !isHeld(lease) && !living.has(lease.sandboxId)),
    ip,
  );
  return { held, resting };
}

/** The sandbox as its leases have it, those that are held before those that rest; undefined: there is none of it. */
export function sandboxOf(
  leases: readonly Lease[],
  sandboxId: string,
  ip: Pick<IpNumbers, 'text'>,
): PrimarySandbox | undefined {
  const { held, resting } = sandboxesOf(
    leases.filter((lease) => lease.sandboxId === sandboxId),
    ip,
  );
  return held[0] ?? resting[0];
}

function grouped(leases: readonly Lease[], ip: Pick<IpNumbers, 'text'>): PrimarySandbox[] {
  const bySandbox = new Map<string, PrimarySandbox>();
  for (const lease of leases.toSorted((one, other) => one.sequence - other.sequence)) {
    const { sandboxId, pod, ifName, addresses } = lease;
    // Neither the gateway nor the MTU is in the name of the node's end.
    const { hostName } = podWiring(
      lease,
      addresses.map((address) => ({ address, gateway: address })),
      0,
      ip,
    );
    const found = { name: ifName, hostInterface: hostName, addresses: addresses.map((address) => ip.text(address)) };
    const known = bySandbox.get(sandboxId);
    bySandbox.set(sandboxId, { sandboxId, pod: known?.pod ?? pod, interfaces: [...(known?.interfaces ?? []), found] });
  }
  return [...bySandbox.values()];
}

/** What nobody has been told of, or whose telling was lost. */
export interface UntoldSandboxes {
  readonly added: readonly PrimarySandbox[];
  readonly ended: readonly PrimarySandboxRecord[];
}

/** Pure: the disk stands above etcd. @param held as `sandboxesOf` has them */
export function untoldSandboxes(
  held: readonly PrimarySandbox[],
  records: readonly PrimarySandboxRecord[],
): UntoldSandboxes {
  const bySandbox = new Map(records.map((record) => [record.sandboxId, record]));
  const living = new Set(held.map(({ sandboxId }) => sandboxId));
  return {
    added: held.filter((sandbox) => {
      const record = bySandbox.get(sandbox.sandboxId);
      return record === undefined || !isSame(record, sandbox) || hooksLeft(record.postAdd).length > 0;
    }),
    ended: records.filter(({ sandboxId }) => !living.has(sandboxId)),
  };
}

export const hooksLeft = ({ wanted, done }: HooksOfSandbox): readonly string[] =>
  wanted.filter((hook) => !done.includes(hook));

const isSame = (one: PrimarySandbox, other: PrimarySandbox): boolean => textOf(one) === textOf(other);

const textOf = ({ sandboxId, pod: { namespace, name }, interfaces }: PrimarySandbox): string =>
  JSON.stringify([
    ...[sandboxId, namespace, name],
    interfaces.map((each) => [each.name, each.hostInterface, each.addresses]),
  ]);
