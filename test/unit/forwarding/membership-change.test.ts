import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  changeSince,
  forwardingFor,
  isEmpty,
  membershipOf,
  type Membership,
} from '../../../activities/network/forwarding/desired-forwarding.ts';
import { fdbKey, type FdbChange, type FdbEntry } from '../../../domain/forwarding/fdb.ts';
import { membershipChange } from '../../../domain/forwarding/membership-change.ts';
import type { Neighbour } from '../../../domain/forwarding/neighbours.ts';
import { RECORD_VERSION, type Member } from '../../../domain/records.ts';
import type { Senders, SendersChange } from '../../../domain/forwarding/senders.ts';

const last = fc.integer({ min: 1, max: 9 });
/** Few enough for members to meet each other's addresses now and then. */
const member: fc.Arbitrary<Member> = fc
  .record({
    podUid: last.map(String),
    vtep: fc.oneof(
      last.map((n) => `10.0.0.${n}`),
      last.map((n) => `fd00::${n}`),
    ),
    sendsFrom: fc.array(
      last.map((n) => `10.0.0.${n}`),
      { maxLength: 1 },
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
  tunnel: fc.option(fc.constant({ vni: 7, dstPort: 8472 }), { nil: undefined }),
});

const whole = (ticket: number, all: readonly Member[]): Membership =>
  membershipOf(ticket, { members: all, isWhole: true });

const changed = (present: readonly FdbEntry[], { add, remove }: FdbChange): string[] => {
  const removed = new Set(remove.map(fdbKey));
  return [...present.map(fdbKey).filter((key) => !removed.has(key)), ...add.map(fdbKey)].sort();
};
/** Who may send, by the few that came and went. */
function afterwards(had: Senders | undefined, change: SendersChange | undefined): string[] {
  const { admit = [], refuse = [] } = change?.kind === 'change' ? change : {};
  const from = new Set(had?.from);
  for (const one of refuse) assert.ok(from.delete(one), `${one} is not there to be refused`);
  for (const one of admit) assert.ok(!from.has(one), `${one} is let in already`);
  return [...from, ...admit].sort();
}
const macs = (list: readonly Neighbour[]): string[] => list.map(({ address, mac }) => `${address} ${mac}`).sort();

test('what came and went leads to the same entries and neighbours as a look at all members', () => {
  let short = 0;
  fc.assert(
    fc.property(members, members, device, (was, is, spec) => {
      const [before, after] = [whole(1, was), whole(2, is)];
      const change = changeSince(before, after, spec);
      if (change === undefined) return;
      short += 1;
      const [had, desired] = [forwardingFor(spec, before), forwardingFor(spec, after)];
      assert.deepEqual(changed(had.fdb, change.fdb), desired.fdb.map(fdbKey).sort());
      const { set, remove } = change.neighbours;
      const gone = new Set(remove.map(({ address }) => address));
      const left = had.neighbours.filter(({ address }) => !gone.has(address));
      assert.deepEqual(macs([...left, ...set]), macs(desired.neighbours));
      if (spec.tunnel !== undefined) assert.deepEqual(afterwards(had.senders, change.senders), desired.senders?.from);
    }),
    { numRuns: 3_000 },
  );
  assert.ok(short > 300, `only ${short} of the cases went the short way`);
});

test('a member that comes to many is all there is to write', () => {
  const many = Array.from({ length: 50 }, (_, n) => memberAt(n));
  const [before, after] = [whole(1, many), whole(2, [...many, memberAt(50)])];
  const change = changeSince(before, after, { ...specs('3'), vtep: '10.2.0.3' });
  assert.deepEqual(change?.fdb, { add: [{ mac: '00:00:00:00:00:00', destination: '10.2.0.50' }], remove: [] });
  assert.ok(change.senders?.kind === 'change');
  assert.deepEqual([change.senders.admit, change.senders.refuse], [['10.2.0.50'], []]);
  const own = changeSince(before, after, { ...specs('50'), vtep: '10.2.0.50' });
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

const TUNNEL = { vni: 7, dstPort: 8472 };

const specs = (podUid: string) => ({ podUid, peers: [], flood: true, tunnel: TUNNEL });

function memberAt(n: number): Member {
  const mac = `02:00:00:00:01:${n.toString(16).padStart(2, '0')}`;
  return {
    ...{ v: RECORD_VERSION, node: 'n1', sandboxId: 's', interfaceName: 'red', generation: 1 },
    ...{ podUid: String(n), vtep: `10.2.0.${n}`, mac, addresses: [`10.3.0.${n}/16`] },
  };
}
