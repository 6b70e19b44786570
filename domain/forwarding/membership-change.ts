/** What led from one reading of a network's membership to a later one, as far as forwarding is concerned. Pure. */
import { addressOf } from '../text/cidr.ts';
import type { Member } from '../records.ts';

export interface MembershipChange {
  readonly joined: readonly Member[];
  readonly left: readonly Member[];
}

/**
 * Who came and who went. A member that is reached in another way now is in both lists.
 * @returns undefined when the entries of who came or went are also those of somebody else, in either reading: then what is to be
 * written does not follow from these few alone
 */
export function membershipChange(before: readonly Member[], after: readonly Member[]): MembershipChange | undefined {
  const had = new Map(before.map((member) => [wayTo(member), member]));
  const has = new Map(after.map((member) => [wayTo(member), member]));
  const joined = [...has].flatMap(([way, member]) => (had.has(way) ? [] : [member]));
  const left = [...had].flatMap(([way, member]) => (has.has(way) ? [] : [member]));
  if (joined.length + left.length === 0) return { joined, left };
  const users = new Map<string, number>();
  for (const member of new Map([...had, ...has]).values())
    for (const name of namesOf(member)) users.set(name, (users.get(name) ?? 0) + 1);
  const shared = [...joined, ...left].some((member) => namesOf(member).some((name) => (users.get(name) ?? 0) > 1));
  return shared ? undefined : { joined, left };
}

/** Members that are not reached any more in the way in which they were. */
export function whoLeft(before: readonly Member[], after: readonly Member[]): Member[] {
  const has = new Set(after.map(wayTo));
  return before.filter((member) => !has.has(wayTo(member)));
}

/** Equal texts: reached in the same way. */
const wayTo = ({ podUid, interfaceName, vtep, sendsFrom = [], mac, addresses }: Member): string =>
  [podUid, interfaceName, vtep, ...sendsFrom, mac, ...addresses].join(' ');

/** What its entries and neighbours are known by. */
const namesOf = ({ vtep, sendsFrom = [], mac, addresses }: Member): string[] => [
  vtep,
  ...sendsFrom,
  ...(mac === '' ? [] : [mac]),
  ...addresses.map(addressOf),
];
