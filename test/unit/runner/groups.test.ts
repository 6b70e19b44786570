import assert from 'node:assert/strict';
import { it } from 'node:test';
import { GROUPS, testFiles } from '../../runner/groups.ts';

it('the full suite runs units, replays and workflows once more on the Node of the images', () => {
  const again = GROUPS.filter(({ onNodeOfImages }) => onNodeOfImages);
  assert.deepEqual(
    again.map(({ name, fullOnly }) => [name, fullOnly]),
    [
      ['unit-node24', true],
      ['replay-node24', true],
      ['workflows-node24', true],
    ],
  );
  for (const group of again) {
    const once = GROUPS.find(({ name }) => name === group.folder);
    assert.ok(once !== undefined && once.onNodeOfImages !== true);
    assert.deepEqual(testFiles(group), testFiles(once));
  }
});
