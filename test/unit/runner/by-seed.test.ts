import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { chosenBySeed } from '../../runner/by-seed.ts';
import { GROUPS, testFiles } from '../../runner/groups.ts';

const full = GROUPS.find(({ name }) => name === 'full');
const files = full === undefined ? [] : testFiles(full);

describe('the files of test/full that a seed chooses', () => {
  it('are all of them with three seeds that follow each other', () => {
    const chosen = [0, 1, 2].flatMap((seed) => chosenBySeed(files, seed).chosen);
    assert.deepEqual([...new Set(chosen)].sort(), [...files].sort());
    assert.ok(files.length > 20);
  });

  it('are each in one third or in all', () => {
    for (const file of files) {
      const times = [0, 1, 2].filter((seed) => chosenBySeed(files, seed).chosen.includes(file)).length;
      assert.ok(times === 1 || times === 3, `${file}: ${times}`);
    }
  });

  it('are refused when one stands in no list, or a listed one is not there', () => {
    assert.throws(() => chosenBySeed([...files, '/x/new.test.ts'], 0), /in no list: new;/);
    assert.throws(() => chosenBySeed(files.slice(1), 0), /listed and not there: agents/);
  });
});
