import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FLOOD_MAC, fdbDifference, fdbKey, wishedFlood, type FdbEntry } from '../../../domain/fdb.ts';

const octet = fc.integer({ min: 1, max: 6 });
const entries = fc.array(
  fc.record({
    mac: fc.constantFrom(FLOOD_MAC, '02:00:00:00:00:01'),
    destination: octet.map((last): string | undefined => `10.0.0.${last}`),
  }),
);
const keys = (list: readonly FdbEntry[]): string[] => [...new Set(list.map(fdbKey))].sort();

test('applying the difference gives exactly what was wished', () => {
  fc.assert(
    fc.property(entries, entries, (present, wished) => {
      const { add, remove } = fdbDifference(present, wished);
      const removed = new Set(keys(remove));
      const left = present.filter((entry) => !removed.has(fdbKey(entry)));
      assert.deepEqual(keys([...left, ...add]), keys(wished));
    }),
  );
});

test('nothing is both added and removed, and a second difference is empty', () => {
  fc.assert(
    fc.property(entries, entries, (present, wished) => {
      const { add, remove } = fdbDifference(present, wished);
      const added = new Set(keys(add));
      assert.ok(remove.every((entry) => !added.has(fdbKey(entry))));
      assert.deepEqual(fdbDifference(wished, wished), { add: [], remove: [] });
    }),
  );
});

test('on an adopted link nothing is ever removed', () => {
  fc.assert(
    fc.property(entries, entries, (present, wished) => {
      assert.deepEqual(fdbDifference(present, wished, () => false).remove, []);
    }),
  );
});

test('a member floods to every other member and peer of its own address family, once each, never to itself', () => {
  const wished = wishedFlood({
    members: [
      { podUid: 'me', vtep: '10.0.0.1' },
      { podUid: 'b', vtep: '10.0.0.2' },
      { podUid: 'c', vtep: '10.0.0.2' },
      { podUid: 'd', vtep: 'fd00::4' },
      { podUid: 'e', vtep: '10.0.0.1' },
    ],
    podUid: 'me',
    vtep: '10.0.0.1',
    peers: ['10.0.0.9', 'fd00::9', '10.0.0.2'],
  });
  assert.deepEqual(wished, [
    { mac: FLOOD_MAC, destination: '10.0.0.2' },
    { mac: FLOOD_MAC, destination: '10.0.0.9' },
  ]);
});

test('an entry without a destination is of another kind and stays', () => {
  const stranger: FdbEntry = { mac: FLOOD_MAC, destination: undefined };
  assert.deepEqual(fdbDifference([stranger], []), { add: [], remove: [] });
});
