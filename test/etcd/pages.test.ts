/** Listings that are larger than what the client takes in one answer, on a real etcd. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { etcdForTests } from './etcd-for-tests.ts';

const KEYS = 1_500;
/** Together more than 64 MiB. */
const VALUE = 'x'.repeat(50_000);
/** etcd takes requests of at most 1.5 MiB. */
const AT_ONCE = 20;

describe('a long listing', () => {
  const real = etcdForTests();
  const keyOf = (index: number): string => `/long/${String(index).padStart(5, '0')}`;

  it('comes page by page, whole and in order', async () => {
    const expected = Array.from({ length: KEYS }, (_, index) => keyOf(index));
    for (let index = 0; index < KEYS; index += AT_ONCE) {
      const puts = expected.slice(index, index + AT_ONCE).map((put) => ({ put, value: VALUE }));
      await real.etcd.transact([], [...puts, { put: '/longer', value: 'not below the prefix' }]);
    }
    const { entries, revision } = await real.etcd.list('/long/');
    assert.deepEqual(
      entries.map(({ key }) => key),
      expected,
    );
    assert.ok(entries.every(({ value, modRevision }) => value === VALUE && BigInt(modRevision) <= BigInt(revision)));
    assert.deepEqual(await real.etcd.keys('/long/'), expected);
    assert.deepEqual((await real.etcd.list('/nothing/')).entries, []);
    assert.deepEqual(await real.etcd.keys('/nothing/'), []);
  });
});
