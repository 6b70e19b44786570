import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { chosenBySeed, everyThird, installedBySeed } from '../../runner/by-seed.ts';
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

describe('the files of other long groups that a seed chooses', () => {
  const filesOf = (name: string): string[] => {
    const group = GROUPS.find((candidate) => candidate.name === name);
    return group === undefined ? [] : testFiles(group);
  };
  const nameOf = (file: string): string => file.replace(/^.*\//, '').replace('.test.ts', '');
  const chosenWith = (choose: typeof everyThird, all: readonly string[]): string[][] =>
    [0, 1, 2].map((seed) => choose(all, seed).chosen);

  it('are all of the installed group with three seeds, one way to bring podwire with each', () => {
    const all = filesOf('installed');
    const chosen = chosenWith(installedBySeed, all);
    assert.deepEqual([...new Set(chosen.flat())].sort(), [...all].sort());
    const inTurns = ['cni-server', 'existing', 'stores'];
    assert.deepEqual(
      chosen.map((files) => files.map(nameOf).filter((name) => inTurns.includes(name))),
      inTurns.map((name) => [name]),
    );
    assert.ok(all.length - inTurns.length === (chosen[0]?.length ?? 0) - 1);
  });

  it('are a third of what has run on one Node already, and all of it with three seeds', () => {
    const all = filesOf('workflows-node24');
    assert.ok(all.length > 20);
    const chosen = chosenWith(everyThird, all);
    assert.deepEqual(chosen.flat().sort(), [...all].sort());
    for (const files of chosen) assert.ok(files.length <= Math.ceil(all.length / 3));
  });

  it('are refused when one that is listed is not there', () => {
    const all = filesOf('installed').filter((file) => nameOf(file) !== 'stores');
    assert.throws(() => installedBySeed(all, 0), /listed and not there: stores/);
  });
});
