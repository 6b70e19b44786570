import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { UidCache, type Identified } from '../../../adapters/kubernetes/uid-cache.ts';

interface Pod extends Identified {
  readonly networks: string;
}

interface Event {
  readonly type: 'put' | 'delete';
  readonly view: Pod;
  readonly version: string;
}

/** A history in which names are reused: what each step does to one of three names. */
const history = fc
  .array(fc.record({ name: fc.constantFrom('a', 'b', 'c'), act: fc.constantFrom('edit', 'recreate', 'delete') }), {
    maxLength: 14,
  })
  .map((steps) => {
    const events: Event[] = [];
    const alive = new Map<string, Pod>();
    let version = 8;
    const say = (type: Event['type'], view: Pod): void => {
      events.push({ type, view, version: String(version) });
      version += 1;
    };
    for (const { name, act } of steps) {
      const known = alive.get(name);
      if (known !== undefined && act !== 'edit') {
        say('delete', known);
        alive.delete(name);
      }
      if (act === 'delete') continue;
      const next = {
        uid: alive.get(name)?.uid ?? `uid-${version}`,
        namespace: 'default',
        name,
        networks: `n${version}`,
      };
      alive.set(name, next);
      say('put', next);
    }
    return { events, alive };
  });

const shuffled = history.chain(({ events, alive }) =>
  fc
    .tuple(fc.shuffledSubarray(events, { minLength: events.length }), fc.subarray(events))
    .map(([once, twice]) => ({ order: [...once, ...twice], alive })),
);

test('events in any order and number end in the same cache', () => {
  fc.assert(
    fc.property(shuffled, ({ order, alive }) => {
      const cache = new UidCache<Pod>();
      const consumer = new Map<string, Pod>();
      for (const { type, view, version } of order) {
        for (const change of type === 'put' ? cache.put(view, version) : cache.delete(view)) {
          if (change.type === 'deleted') consumer.delete(change.view.uid);
          else consumer.set(change.view.uid, change.view);
        }
      }
      const expected = [...alive.values()].sort(byUid);
      assert.deepEqual([...cache.views()].sort(byUid), expected);
      assert.deepEqual([...consumer.values()].sort(byUid), expected, 'who follows the changes knows the same');
    }),
    { numRuns: 2_000 },
  );
});

test('a list replaces what events said, whatever the versions', () => {
  fc.assert(
    fc.property(history, history, (before, after) => {
      const cache = new UidCache<Pod>();
      for (const { type, view, version } of before.events) {
        if (type === 'put') cache.put(view, version);
        else cache.delete(view);
      }
      cache.replace([...after.alive.values()].map((view) => ({ view, version: '1' })));
      assert.deepEqual([...cache.views()].sort(byUid), [...after.alive.values()].sort(byUid));
    }),
  );
});

const byUid = (a: Pod, b: Pod): number => (a.uid < b.uid ? -1 : 1);
