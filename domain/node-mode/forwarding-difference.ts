/** What to write so that a node's part of a network forwards as its plan says; what is right already is left alone. Pure. */
import { fdbDifference, FLOOD_MAC, type FdbEntry } from '../forwarding/fdb.ts';
import { neighbourDifference, type Neighbour, type NeighbourChange } from '../forwarding/neighbours.ts';
import type { PortEntry, SegmentPlan } from './segment.ts';

/** As the kernel has it. */
export interface SeenForwarding {
  /** Static entries of the VXLAN device. */
  readonly tunnels: readonly FdbEntry[];
  /** Static entries of the bridge, those of the VXLAN device's port too. */
  readonly behind: readonly PortEntry[];
  /** Those of the bridge that podwire made. */
  readonly neighbours: readonly Neighbour[];
}

export interface ForwardingDifference {
  /** One request each: a MAC is put behind the VXLAN device and that end of its tunnels at once. */
  readonly tunnels: readonly FdbEntry[];
  readonly behind: readonly PortEntry[];
  readonly neighbours: NeighbourChange;
  readonly remove: { readonly tunnels: readonly FdbEntry[]; readonly behind: readonly PortEntry[] };
  /** Addresses whose MAC is another one from now on: pods that have asked for it know the one before. */
  readonly moved: readonly string[];
}

/**
 * Entries of members' ports are removed with their ports, and by nobody else: the membership may not have them yet.
 * @param ports those that there are; an entry for another one cannot be written
 */
export function forwardingDifference(
  seen: SeenForwarding,
  plan: Pick<SegmentPlan, 'device' | 'tunnels' | 'neighbours' | 'behind'>,
  ports: ReadonlySet<string>,
): ForwardingDifference {
  const { device } = plan;
  const portOf = new Map(seen.behind.map(({ mac, port }) => [mac, port]));
  const tunnels = fdbDifference(seen.tunnels, [...plan.tunnels]);
  const missing = new Set(tunnels.add);
  const remote = new Set(plan.tunnels.map(({ mac }) => mac));
  const had = new Map(seen.neighbours.map(({ address, mac }) => [address, mac]));
  const neighbours = neighbourDifference(seen.neighbours, plan.neighbours);
  return {
    tunnels: plan.tunnels.filter(
      (entry) => missing.has(entry) || (entry.mac !== FLOOD_MAC && portOf.get(entry.mac) !== device),
    ),
    behind: plan.behind.filter(({ mac, port }) => ports.has(port) && portOf.get(mac) !== port),
    neighbours,
    remove: {
      // A MAC that is behind another node now has been given its new destination already.
      tunnels: tunnels.remove.filter(({ mac }) => mac === FLOOD_MAC || !remote.has(mac)),
      behind: seen.behind.filter(({ mac, port }) => port === device && !remote.has(mac)),
    },
    moved: neighbours.set.filter(({ address }) => had.has(address)).map(({ address }) => address),
  };
}

/** Requests to the kernel. */
export const costOf = ({ tunnels, behind, neighbours, remove }: ForwardingDifference): number =>
  tunnels.length +
  behind.length +
  neighbours.set.length +
  neighbours.remove.length +
  remove.tunnels.length +
  remove.behind.length;
