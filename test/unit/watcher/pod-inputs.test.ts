/** Which pods' changes the watcher tells of, where another runtime attaches what they ask for. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ipCodec } from '../../../adapters/ip/ip-codec.ts';
import { DEFAULT_DIALECT_SETTINGS } from '../../../domain/settings.ts';
import { PodInputsReader } from '../../../watcher/pod-inputs.ts';
import { podWith } from '../npwg/parsing.ts';

const byMultus = JSON.stringify([{ name: 'blue/a', interface: 'net1' }]);
const noted = JSON.stringify([{ name: 'blue/a', interface: 'net1', state: 'Foreign' }]);

function wanting(adoptForeign: boolean, annotation: string | undefined, publishedStatus?: string): boolean {
  const npwg = { ...DEFAULT_DIALECT_SETTINGS.npwg, adoptForeign };
  const reader = new PodInputsReader({ ...DEFAULT_DIALECT_SETTINGS, npwg }, ipCodec, () => 'absent');
  reader.declare(undefined);
  return reader.read(podWith(annotation, { npwgStatus: byMultus, publishedStatus })).wanting;
}

test('a pod for which Multus attached everything is of interest where podwire is to detach it later, and only there', () => {
  assert.equal(wanting(false, 'a'), false);
  assert.equal(wanting(true, 'a'), true);
});

test('a pod that gave up what Multus attached is of interest, and one that never asked for it is not', () => {
  assert.equal(wanting(true, undefined, noted), true);
  assert.equal(wanting(true, undefined), false);
  assert.equal(wanting(false, undefined, noted), false);
});
