import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  FLOOD_MAC,
  fdbDifference,
  fdbKey,
  unknownDestinations,
  desiredEntries,
  type FdbEntry,
} from '../../../domain/forwarding/fdb.ts';
import { neighbourDifference, desiredNeighbours } from '../../../domain/forwarding/neighbours.ts';

const octet = fc.integer({ min: 1, max: 6 });
const entries = fc.array(
  fc.record({
    mac: fc.constantFrom(FLOOD_MAC, '02:00:00:00:00:01'),
    destination: octet.map((last): string | undefined => `10.0.0.${last}`),
  }),
);
const member = (podUid: string, vtep: string, mac = '', addresses: readonly string[] = []) => ({
  ...{ podUid, vtep, mac, addresses },
});
const keys = (list: readonly FdbEntry[]): string[] => [...new Set(list.map(fdbKey))].sort();

test('applying the difference gives exactly what was wished', () => {
  fc.assert(
    fc.property(entries, entries, (present, desired) => {
      const { add, remove } = fdbDifference(present, desired);
      const removed = new Set(keys(remove));
      const left = present.filter((entry) => !removed.has(fdbKey(entry)));
      assert.deepEqual(keys([...left, ...add]), keys(desired));
    }),
  );
});

test('nothing is both added and removed, and a second difference is empty', () => {
  fc.assert(
    fc.property(entries, entries, (present, desired) => {
      const { add, remove } = fdbDifference(present, desired);
      const added = new Set(keys(add));
      assert.ok(remove.every((entry) => !added.has(fdbKey(entry))));
      assert.deepEqual(fdbDifference(desired, desired), { add: [], remove: [] });
    }),
  );
});

test('on an adopted link only what podwire wished there before is ever removed', () => {
  fc.assert(
    fc.property(entries, entries, entries, (present, desired, ours) => {
      assert.deepEqual(fdbDifference(present, desired, []).remove, []);
      const before = new Set(keys(ours));
      assert.ok(fdbDifference(present, desired, ours).remove.every((entry) => before.has(fdbKey(entry))));
    }),
  );
});

test('a member floods to every other member and peer of its own address family, once each, never to itself', () => {
  const desired = desiredEntries({
    flood: true,
    members: [
      member('me', '10.0.0.1'),
      member('b', '10.0.0.2'),
      member('c', '10.0.0.2'),
      member('d', 'fd00::4'),
      member('e', '10.0.0.1'),
    ],
    podUid: 'me',
    vtep: '10.0.0.1',
    peers: ['10.0.0.9', 'fd00::9', '10.0.0.2'],
  });
  assert.deepEqual(desired, [
    { mac: FLOOD_MAC, destination: '10.0.0.9' },
    { mac: FLOOD_MAC, destination: '10.0.0.2' },
  ]);
});

test('an entry without a destination is of another kind and stays', () => {
  const stranger: FdbEntry = { mac: FLOOD_MAC, destination: undefined };
  assert.deepEqual(fdbDifference([stranger], []), { add: [], remove: [] });
});

test('without flooding each other member has an entry for its MAC, and only declared peers are flooded to', () => {
  const spec = {
    flood: false,
    members: [
      member('me', '10.0.0.1', '02:00:00:00:00:01', ['192.168.1.1/24']),
      member('b', '10.0.0.2', '02:00:00:00:00:02', ['192.168.1.2/24', 'fd00::2/64']),
      member('c', '10.0.0.3', '02:00:00:00:00:03'),
      member('other family', 'fd00::4', '02:00:00:00:00:04', ['192.168.1.4/24']),
      member('without a MAC', '10.0.0.5', '', ['192.168.1.5/24']),
      member('all-zero', '10.0.0.6', FLOOD_MAC, ['192.168.1.6/24']),
    ],
    podUid: 'me',
    vtep: '10.0.0.1',
    peers: ['10.0.0.9'],
  };
  assert.deepEqual(desiredEntries(spec), [
    { mac: '02:00:00:00:00:02', destination: '10.0.0.2' },
    { mac: '02:00:00:00:00:03', destination: '10.0.0.3' },
    { mac: FLOOD_MAC, destination: '10.0.0.9' },
  ]);
  assert.deepEqual(desiredNeighbours(spec), [
    { address: '192.168.1.2', mac: '02:00:00:00:00:02' },
    { address: 'fd00::2', mac: '02:00:00:00:00:02' },
  ]);
  assert.deepEqual(desiredNeighbours({ ...spec, flood: true }), []);
});

test('a neighbour whose MAC changed is set again, one that nobody is any more is removed', () => {
  const [a, b] = [
    { address: '10.0.0.1', mac: '02:00:00:00:00:01' },
    { address: '10.0.0.2', mac: '02:00:00:00:00:02' },
  ];
  const moved = { ...a, mac: '02:00:00:00:00:09' };
  assert.deepEqual(neighbourDifference([a, b], [moved]), { set: [moved], remove: [b] });
  assert.deepEqual(neighbourDifference([a, b], [b, a]), { set: [], remove: [] });
});

test('a pod sends neither to a second record of its own nor to a peer that it is itself', () => {
  const spec = { flood: true, podUid: 'me', vtep: '10.0.0.1', peers: ['10.0.0.1'] };
  assert.deepEqual(desiredEntries({ ...spec, members: [member('me', '10.0.0.8')] }), []);
});

test('strangers are destinations that nobody wishes, sorted and each once', () => {
  const entry = (destination: string | undefined, mac = FLOOD_MAC): FdbEntry => ({ mac, destination });
  const present = [entry('10.0.0.9'), entry('10.0.0.3'), entry('10.0.0.9', '02:00:00:00:00:01'), entry(undefined)];
  assert.deepEqual(unknownDestinations([...present, entry('10.0.0.2')], [entry('10.0.0.2')]), ['10.0.0.3', '10.0.0.9']);
});

test('entries are equal without a port, VNI or link of their own, and differ by each of them', () => {
  const entry: FdbEntry = { mac: FLOOD_MAC, destination: '10.0.0.2' };
  const differing: FdbEntry[] = [
    { ...entry, port: 1 },
    { ...entry, vni: 1 },
    { ...entry, via: '1' },
  ];
  assert.equal(new Set([entry, ...differing].map(fdbKey)).size, 4);
  assert.equal(fdbKey({ ...entry }), fdbKey(entry));
  assert.notEqual(
    fdbKey({ mac: FLOOD_MAC, destination: undefined }),
    fdbKey({ mac: FLOOD_MAC, destination: 'undefined' }),
  );
});
