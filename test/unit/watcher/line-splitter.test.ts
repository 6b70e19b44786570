import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LineSplitter } from '../../../adapters/kubernetes/line-splitter.ts';

test('lines come out whole wherever the stream was cut, also within a character', () => {
  const line = fc.string({ unit: 'grapheme' }).map((text) => text.replaceAll('\n', ''));
  fc.assert(
    fc.property(fc.array(line), fc.array(fc.nat(400)), (lines, cuts) => {
      const stream = Buffer.from(lines.map((text) => `${text}\n`).join(''));
      const splitter = new LineSplitter(10_000);
      const places = [0, ...cuts.map((cut) => Math.min(cut, stream.length)).sort((a, b) => a - b), stream.length];
      const seen = places.slice(1).flatMap((end, i) => splitter.push(stream.subarray(places[i], end)));
      assert.deepEqual(seen, lines);
      assert.equal(splitter.unfinished, false);
    }),
  );
});

test('a line that is too long is refused', () => {
  const splitter = new LineSplitter(10);
  splitter.push(Buffer.from('12345\n678901'));
  assert.throws(() => splitter.push(Buffer.from('2345678')), /longer than 10 bytes/);
});
