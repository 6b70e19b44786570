import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DirtyNames } from '../../../workflows/reflect/dirty-names.ts';

describe('names that wait to be reflected', () => {
  it('are taken oldest first, each once', () => {
    const names = new DirtyNames(['b', 'a']);
    names.add(['b', 'c']);
    assert.deepEqual(names.take(2), ['b', 'a']);
    assert.deepEqual(names.take(2), ['c']);
    assert.equal(names.count, 0);
  });

  it('come before all others again when they could not be reflected', () => {
    const names = new DirtyNames(['a', 'b', 'c']);
    names.putBack(names.take(2));
    assert.deepEqual(names.all(), ['a', 'b', 'c']);
  });

  it('are looked at once more after a resync that may have read them before they changed', () => {
    assert.deepEqual(againAfter(true), ['during']);
  });

  it('are not looked at again after a resync that failed: another one follows', () => {
    assert.deepEqual(againAfter(false), []);
  });
});

function againAfter(compared: boolean): string[] {
  const names = new DirtyNames(['before', 'during']);
  names.take(1);
  names.resyncBegins();
  names.take(1);
  names.resyncEnds(compared);
  return names.all();
}
