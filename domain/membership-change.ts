/** What led from one reading of a network's membership to a later one, as far as forwarding is concerned. Pure. */
import type { Member } from './records.ts';

export type ForwardingMember = Pick<Member, 'podUid' | 'interfaceName' | 'vtep' | 'mac' | 'addresses'>;

export interface MembershipChange<M extends ForwardingMember = ForwardingMember> {
  readonly joined: readonly M[];
  readonly left: readonly M[];
}

/**
 * Who came and who went. A member that is reached in another way now is in both lists.
 * @returns undefined when the entries of who came or went are also those of somebody else, in either reading: then what is to be
 * written does not follow from these few alone
 */
export function membershipChange<M extends ForwardingMember>(
  before: readonly M[],
  after: readonly M[],
): MembershipChange<M> | undefined {
  const had = new Map(before.map((member) => [wayTo(member), member]));
  const has = new Map(after.map((member) => [wayTo(member), member]));
  const joined = [...has].flatMap(([way, member]) => (had.has(way) ? [] : [member]));
  const left = [...had].flatMap(([way, member]) => (has.has(way) ? [] : [member]));
  if (joined.length + left.length === 0) return { joined, left };
  const users = new Map<string, number>();
  const stayed = before.filter((member) => has.has(wayTo(member)));
  for (const member of [...stayed, ...joined, ...left])
    for (const name of namesOf(member)) users.set(name, (users.get(name) ?? 0) + 1);
  const shared = [...joined, ...left].some((member) => namesOf(member).some((name) => (users.get(name) ?? 0) > 1));
  return shared ? undefined : { joined, left };
}

/** Equal texts: reached in the same way. */
const wayTo = ({ podUid, interfaceName, vtep, mac, addresses }: ForwardingMember): string =>
  [podUid, interfaceName, vtep, mac, ...addresses].join(' ');

/** What its entries and neighbours are known by. */
const namesOf = ({ vtep, mac, addresses }: ForwardingMember): string[] => [
  vtep,
  ...(mac === '' ? [] : [mac]),
  ...addresses.map((cidr) => cidr.split('/')[0] ?? ''),
];
