/** A node as the other nodes have to know it, so that their pods reach its pods. */
import type { NetworkRef } from '../network-selection.ts';
import type { Subnet } from './subnet.ts';

export interface NodeMember {
  readonly node: string;
  /** In the network between the nodes: one of each family at most, in canonical text. */
  readonly addresses: readonly string[];
  /** Of its end of the tunnels; lower-case hex with colons. */
  readonly mac: string;
  /** Of its pods: `address/prefix`, one of each family at most. */
  readonly subnets: readonly string[];
}

/** The network whose members are nodes. No namespace has a dot in its name, so no pod's network is called like it. */
export const NODE_MESH: NetworkRef = { scope: 'nodes.podwire', name: 'primary' };

export const isNodeMesh = ({ scope, name }: NetworkRef): boolean =>
  scope === NODE_MESH.scope && name === NODE_MESH.name;

export const sameMember = (one: NodeMember, other: NodeMember): boolean =>
  one.node === other.node &&
  one.mac === other.mac &&
  one.addresses.join() === other.addresses.join() &&
  one.subnets.join() === other.subnets.join();

const WORD = 0xffff_ffffn;

/**
 * MAC of a node's end of the tunnels, by the first of its pod subnets: whoever knows these knows the MAC, also before the node has said anything. Of a
 * subnet of IPv6 the four words are folded into one; subnets of one range, which differ in fewer bits than a word has, stay apart.
 */
export function memberMac({ family, base }: Subnet): string {
  const folded = family === 4 ? base : [0n, 32n, 64n, 96n].reduce((word, at) => word ^ ((base >> at) & WORD), 0n);
  const digits = folded.toString(16).padStart(8, '0');
  return `0e:70:${[0, 2, 4, 6].map((at) => digits.slice(at, at + 2)).join(':')}`;
}

/** Members as the store has them. */
export interface FoundMembers {
  readonly members: readonly NodeMember[];
  /** False: the store was begun anew, and a missing member says nothing. */
  readonly isWhole: boolean;
  /** Names of nodes whose records are there and cannot be read, as those of a newer build. */
  readonly unreadable: readonly string[];
}

/** Whom a node reaches from now on: who is not surely gone stays as this node remembers him. */
export function membersToReach(
  { members, isWhole, unreadable }: FoundMembers,
  remembered: readonly NodeMember[],
): readonly NodeMember[] {
  const known = new Set(members.map(({ node }) => node));
  const isKept = ({ node }: NodeMember): boolean => !known.has(node) && (!isWhole || unreadable.includes(node));
  return [...members, ...remembered.filter(isKept)];
}
