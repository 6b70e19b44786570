/**
 * The golden table: Kubernetes objects, their keys in both layouts, their values in the three encodings. When it was made, Go's
 * own `encoding/json`, gogo's strict `jsonpb` 1.1.1 and its `proto`, with KSR's message types, read every value; they wrote
 * the same bytes again, but for podwire's additions in `json` and `protobuf`, which they left out.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { createReflectCodec } from '../../../adapters/reflect/codec.ts';
import { convert } from '../../../domain/reflect/convert.ts';
import { equalRecords } from '../../../domain/reflect/equal.ts';
import { REFLECT_KINDS } from '../../../domain/reflect/kinds.ts';
import { GOLDEN_OBJECTS } from './golden-objects.ts';
import { GOLDEN_FILE, rowOf, type GoldenRow } from './golden-table.ts';
import { wireFields } from './wire.ts';

const golden = JSON.parse(readFileSync(GOLDEN_FILE, 'utf8')) as GoldenRow[];
const rowNamed = (title: string) => {
  const row = golden.find((one) => one.title === title);
  assert.ok(row !== undefined && 'key' in row, `no row ${title}`);
  return row;
};

describe('the golden table of reflected objects', () => {
  it('has at least 40 objects with keys and values, of every kind, and some that are refused', () => {
    const reflected = golden.filter((row) => 'key' in row);
    assert.ok(reflected.length >= 40, `only ${reflected.length}`);
    assert.deepEqual(new Set(reflected.map(({ kind }) => kind)), new Set(REFLECT_KINDS));
    assert.ok(golden.length > reflected.length);
    assert.equal(golden.length, GOLDEN_OBJECTS.length);
  });

  for (const [index, object] of GOLDEN_OBJECTS.entries()) {
    it(`${object.kind}: ${object.title}`, () => assert.deepEqual(rowOf(object), golden[index]));
  }

  it('is read back as the same records, whatever the encoding of the reader', () => {
    const codec = createReflectCodec('jsonpb');
    for (const [index, { kind, object }] of GOLDEN_OBJECTS.entries()) {
      const row = golden[index];
      const made = convert(kind, object);
      if (row === undefined || !('key' in row) || !made.ok) continue;
      for (const bytes of [Buffer.from(row.json), Buffer.from(row.jsonpb), Buffer.from(row.protobufHex, 'hex')]) {
        const read = codec.decode(kind, bytes);
        assert.deepEqual(read, made.record);
        assert.ok(read !== undefined && equalRecords(read, made.record));
      }
    }
  });

  it("has KSR's field numbers on the wire, and podwire's own from 100 on", () => {
    const rule = (title: string) =>
      wireFields(wireFields(Buffer.from(rowNamed(title).protobufHex, 'hex')).find(([number]) => number === 6)?.[1]);
    const [sctp, range] = rule('an SCTP port and a range of ports').map(([, port]) => wireFields(port));
    assert.deepEqual(sctp, [
      [1, Buffer.from('109c1e', 'hex')],
      [3, 2n],
    ]);
    assert.deepEqual(range?.at(-1), [100, 32_768n]);
    const peers = rule('pods of selected namespaces').map(([number, peer]) => [
      number,
      wireFields(peer).map(([n]) => n),
    ]);
    assert.deepEqual(peers, [
      [2, [3]],
      [2, [1, 100]],
    ]);
    const dual = wireFields(Buffer.from(rowNamed('addresses of both families').protobufHex, 'hex'));
    assert.deepEqual(
      dual.map(([number]) => number),
      [1, 2, 3, 4, 8, 100, 100],
    );
    const node = wireFields(Buffer.from(rowNamed('a node').protobufHex, 'hex'));
    assert.deepEqual(
      node.map(([number]) => number),
      [1, 2, 3, 4, 4, 4, 4, 4, 5],
    );
    assert.deepEqual(
      wireFields(node.at(-1)?.[1]).map(([number]) => number),
      [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
    );
  });
});
