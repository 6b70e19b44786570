import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { convert, convertSlices } from '../../../domain/reflect/convert.ts';
import { REFLECT_KINDS } from '../../../domain/reflect/kinds.ts';
import { serviceOfSlice } from '../../../domain/reflect/mapping/slices.ts';
import { ARBITRARY } from './arbitrary-objects.ts';

describe('convert', () => {
  it('never throws, whatever it gets', () => {
    const hostile = new Proxy(
      {},
      {
        get: () => {
          throw new Error('no');
        },
        getOwnPropertyDescriptor: () => {
          throw new Error('no');
        },
      },
    );
    let deep: object = {};
    for (let depth = 0; depth < 100_000; depth += 1) deep = { metadata: deep, spec: deep };
    for (const kind of REFLECT_KINDS) {
      for (const object of [hostile, deep, undefined, null, 7, 'x', [], () => 1, Symbol('x'), new Date(), new Map()]) {
        assert.equal(convert(kind, object).ok, false);
        assert.equal(convertSlices([object]).ok, false);
        assert.equal(serviceOfSlice(object), undefined);
      }
      fc.assert(
        fc.property(fc.anything({ withNullPrototype: true, withMap: true }), (object) => void convert(kind, object)),
      );
    }
    assert.equal(convertSlices([]).ok, false);
  });

  it('never throws when one part of a good object is anything', () => {
    for (const kind of REFLECT_KINDS) {
      fc.assert(
        fc.property(ARBITRARY[kind], fc.anything(), fc.nat(), (object, odd, place) => {
          const made = convert(kind, withOddPart(object, odd, place));
          assert.ok(made.ok || made.reason !== '');
        }),
        { numRuns: 150 },
      );
    }
  });

  it('does not depend on the order of labels in the object', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string(), { maxLength: 6 }), (keys) => {
        const pod = (order: readonly string[]): object => ({
          metadata: { name: 'p', namespace: 'n', labels: Object.fromEntries(order.map((key) => [key, key])) },
        });
        assert.equal(
          JSON.stringify(convert('pod', pod(keys))),
          JSON.stringify(convert('pod', pod([...keys].reverse()))),
        );
      }),
    );
  });

  it('tells what is left out by rule from what is wrong', () => {
    const plain = convert('sfcPod', { metadata: { name: 'p', namespace: 'n' } });
    const leader = convert('endpoints', { metadata: { name: 'kube-controller-manager', namespace: 'anywhere' } });
    const wrong = convert('sfcPod', { metadata: { name: 'p', namespace: 'n', labels: 'sfc' } });
    assert.deepEqual(
      [plain, leader, wrong].map((made) => !made.ok && made.byRule),
      [true, true, false],
    );
  });
});

/** The object with one of its parts, at any depth, exchanged. */
function withOddPart(object: object, odd: unknown, place: number): object {
  const copy = structuredClone(object) as Record<string, unknown>;
  const places: [Record<string, unknown>, string][] = [];
  const visit = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return;
    for (const key of Object.keys(node)) {
      places.push([node as Record<string, unknown>, key]);
      visit((node as Record<string, unknown>)[key]);
    }
  };
  visit(copy);
  const [node, key] = places[place % places.length] ?? [copy, 'metadata'];
  node[key] = odd;
  return copy;
}
