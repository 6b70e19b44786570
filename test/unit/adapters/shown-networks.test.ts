import assert from 'node:assert/strict';
import { test } from 'node:test';
import { shownNetworks } from '../../../domain/messages.ts';

test('networks are shown sorted, each once', () => {
  assert.deepEqual(shownNetworks(['b/x', 'a/x', 'b/x']), ['a/x', 'b/x']);
});

test('no more networks are shown than the server takes in an attribute', () => {
  const keys = Array.from({ length: 100 }, (_, index) => `${'n'.repeat(63)}/${String(index).padStart(3, '0')}`);
  const shown = shownNetworks(keys);
  assert.ok(shown.length > 10);
  assert.ok(JSON.stringify(shown).length < 2_048);
  assert.deepEqual(shown, keys.slice(0, shown.length));
});
