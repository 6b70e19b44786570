import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  changeSince,
  forwardingFor,
  isEmpty,
  membershipOf,
  type Membership,
} from '../../../activities/node/forwarding.ts';
import { fdbKey, type FdbChange, type FdbEntry } from '../../../domain/fdb.ts';
import { membershipChange } from '../../../domain/membership-change.ts';
import type { Neighbour } from '../../../domain/neighbours.ts';
import { RECORD_VERSION, type Member } from '../../../domain/records.ts';

const last = fc.integer({ min: 1, max: 9 });
/** Few enough for members to meet each other's addresses now and then. */
const member: fc.Arbitrary<Member> = fc
  .record({
    podUid: last.map(String),
    vtep: fc.oneof(
      last.map((n) => `10.0.0.${n}`),
      last.map((n) => `fd00::${n}`),
    ),
    mac: fc.oneof(
      fc.constant(''),
      last.map((n) => `02:00:00:00:00:0${n}`),
    ),
    addresses: fc.array(
      last.map((n) => `10.1.0.${n}/24`),
      { maxLength: 2 },
    ),
  })
  .map((parts) => ({
    ...{ v: RECORD_VERSION, node: 'n1', sandboxId: 's', interfaceName: 'red', generation: 1 },
    ...parts,
  }));
const members = fc.uniqueArray(member, { selector: ({ podUid }) => podUid, maxLength: 6 });
const device = fc.record({
  podUid: last.map(String),
  vtep: last.map((n) => `10.0.0.${n}`),
  peers: fc.uniqueArray(
    last.map((n) => `10.0.0.${n}`),
    { maxLength: 2 },
  ),
  flood: fc.boolean(),
});

const whole = (ticket: number, all: readonly Member[]): Membership =>
  membershipOf(ticket, { members: all, isWhole: true });

const changed = (present: readonly FdbEntry[], { add, remove }: FdbChange): string[] => {
  const removed = new Set(remove.map(fdbKey));
  return [...present.map(fdbKey).filter((key) => !removed.has(key)), ...add.map(fdbKey)].sort();
};
const macs = (list: readonly Neighbour[]): string[] => list.map(({ address, mac }) => `${address} ${mac}`).sort();

test('what came and went leads to the same entries and neighbours as a look at all members', () => {
  let short = 0;
  fc.assert(
    fc.property(members, members, device, (was, is, wish) => {
      const [before, after] = [whole(1, was), whole(2, is)];
      const change = changeSince(before, after, wish);
      if (change === undefined) return;
      short += 1;
      const [had, wished] = [forwardingFor(wish, before), forwardingFor(wish, after)];
      assert.deepEqual(changed(had.fdb, change.fdb), wished.fdb.map(fdbKey).sort());
      const { set, remove } = change.neighbours;
      const gone = new Set(remove.map(({ address }) => address));
      const left = had.neighbours.filter(({ address }) => !gone.has(address));
      assert.deepEqual(macs([...left, ...set]), macs(wished.neighbours));
    }),
    { numRuns: 3_000 },
  );
  assert.ok(short > 300, `only ${short} of the cases went the short way`);
});

test('a member that comes to many is all there is to write', () => {
  const many = Array.from({ length: 50 }, (_, n) => memberAt(n));
  const [before, after] = [whole(1, many), whole(2, [...many, memberAt(50)])];
  const change = changeSince(before, after, { podUid: '3', vtep: '10.2.0.3', peers: [], flood: true });
  assert.deepEqual(change?.fdb, { add: [{ mac: '00:00:00:00:00:00', destination: '10.2.0.50' }], remove: [] });
  const own = changeSince(before, after, { podUid: '50', vtep: '10.2.0.50', peers: [], flood: true });
  assert.ok(own !== undefined && isEmpty(own));
});

test('a new generation of the same member changes nothing', () => {
  const anew = { ...memberAt(1), generation: 2, sandboxId: 'other' };
  assert.deepEqual(membershipChange([memberAt(1)], [anew]), { joined: [], left: [] });
});

test('an address that somebody else has too takes a look at all members', () => {
  const [a, b] = [memberAt(1), { ...memberAt(2), vtep: memberAt(1).vtep }];
  assert.equal(membershipChange([a, b], [a]), undefined);
  assert.equal(membershipChange([a], [a, b]), undefined);
  assert.equal(membershipChange([a], [{ ...a, mac: '02:00:00:00:00:ff' }]), undefined);
});

function memberAt(n: number): Member {
  const mac = `02:00:00:00:01:${n.toString(16).padStart(2, '0')}`;
  return {
    ...{ v: RECORD_VERSION, node: 'n1', sandboxId: 's', interfaceName: 'red', generation: 1 },
    ...{ podUid: String(n), vtep: `10.2.0.${n}`, mac, addresses: [`10.3.0.${n}/16`] },
  };
}
