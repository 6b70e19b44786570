/** What a network namespace holds, as iproute2 says it, in an order of its own. */
import type { TestNetns } from './namespace.ts';

const IP = '/usr/sbin/ip';
const QUESTIONS = [
  '-d link',
  'address',
  '-4 route show table all',
  '-6 route show table all',
  'neigh show nud permanent',
];

/** Differs from one device to the next, or grows while it is there. */
const VOLATILE = new Set([
  'ifindex',
  'link_index',
  'link_netnsid',
  'stats64',
  'addr_info',
  'operstate',
  'flags',
  'qdisc',
]);

/** Links, routes and permanent neighbours, without what the kernel makes by itself for each link. */
export async function seenIn(netns: Pick<TestNetns, 'exec'>): Promise<unknown> {
  const answers: unknown[] = [];
  for (const question of QUESTIONS) {
    const said = JSON.parse((await netns.exec([IP, '-j', ...question.split(' ')])) || '[]') as object[];
    answers.push(
      said
        .map((each) => JSON.stringify(each, (key, of: unknown) => (VOLATILE.has(key) ? undefined : of)))
        .filter((each) => !each.includes('"scope":"link","protocol":"kernel_ll"') && !each.includes('fe80:'))
        .sort(),
    );
  }
  return answers;
}
