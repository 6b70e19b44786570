/** What a node lets through of its pods' packets and of the tunnels (ADR 55). Pure: adapters write it to the kernel. */
import type { IpNumbers } from '../ports/ip-numbers.ts';
import { familyOf } from '../vxlan/link-mtu.ts';
import type { NodeMember } from './node-member.ts';
import { sizeOf, type Subnet } from './subnet.ts';

/** Addresses of one family from the first to the last. */
export interface AddressRange {
  readonly family: 4 | 6;
  readonly first: bigint;
  readonly last: bigint;
}

export interface NodeFilter {
  /** UDP port of the tunnels. */
  readonly dstPort: number;
  /** What the names of the pods' links on the node begin with. */
  readonly podLinks: string;
  /** Of all nodes: who may send to the tunnels, and to whose tunnels no pod may. Sorted, each once. */
  readonly nodes: readonly string[];
  /** Whose packets leave the cluster by the node's address; empty: nobody's. */
  readonly masqueraded: readonly Subnet[];
  /** Where the addresses of pods are known; ranges that do not touch one another, in their order. */
  readonly kept: readonly AddressRange[];
}

export interface FilterSettings {
  readonly dstPort: number;
  readonly podLinks: string;
  readonly masquerade: boolean;
  /** Besides pods: networks that have a way back to the pods' addresses. */
  readonly keepSource: readonly Subnet[];
}

/** Of each family: what is sent to many is for the link alone, and is not answered to one address. */
const MULTICAST: readonly Subnet[] = [
  { family: 4, base: 0xe000_0000n, prefix: 4 },
  { family: 6, base: 0xff00n << 112n, prefix: 8 },
];

/** @param members that can be read; the node's own included */
export function nodeFilter(
  own: NodeMember,
  members: readonly NodeMember[],
  { dstPort, podLinks, masquerade, keepSource }: FilterSettings,
  ip: Pick<IpNumbers, 'subnet'>,
): NodeFilter {
  const all = [own, ...members.filter(({ node }) => node !== own.node)];
  const subnetsOf = ({ subnets }: NodeMember): Subnet[] =>
    subnets.flatMap((text) => {
      const subnet = ip.subnet(text);
      return subnet === undefined ? [] : [subnet];
    });
  return {
    ...{ dstPort, podLinks },
    nodes: [...new Set(all.flatMap(({ addresses }) => addresses))].sort(),
    masqueraded: masquerade ? subnetsOf(own) : [],
    kept: masquerade ? mergedRanges([...all.flatMap(subnetsOf), ...keepSource, ...MULTICAST]) : [],
  };
}

/** The same addresses as ranges that neither overlap nor touch one another: IPv4 first, in their order. */
export function mergedRanges(subnets: readonly Subnet[]): readonly AddressRange[] {
  const ranges = subnets
    .map((subnet) => ({ family: subnet.family, first: subnet.base, last: subnet.base + sizeOf(subnet) - 1n }))
    .sort((a, b) => a.family - b.family || (a.first < b.first ? -1 : a.first > b.first ? 1 : 0));
  const merged: AddressRange[] = [];
  for (const range of ranges) {
    const before = merged.at(-1);
    if (before?.family !== range.family || range.first > before.last + 1n) merged.push(range);
    else if (range.last > before.last) merged[merged.length - 1] = { ...before, last: range.last };
  }
  return merged;
}

export const nodesOf = (nodes: readonly string[], family: 4 | 6): string[] =>
  nodes.filter((address) => familyOf(address) === family);
