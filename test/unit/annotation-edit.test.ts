import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { withNetwork, withoutNetwork, type ListDialect } from '../../domain/pod/annotation-edit.ts';
import { npwgElements } from '../../domain/npwg/elements.ts';

const of = (name: string, namespace = '', interfaceName = '') => ({ name, namespace, interfaceName });

/** How many entries an annotation has, right or wrong. */
const piecesOf = (text: string): number =>
  text.trimStart().startsWith('[') ? (JSON.parse(text) as unknown[]).length : text.split(',').length;

describe('adding a network to an annotation', () => {
  const rows: [ListDialect, string | undefined, ReturnType<typeof of>, string | undefined][] = [
    ['npwg', undefined, of('a'), '[{"name":"a"}]'],
    ['npwg', '', of('a', 'other', 'net9'), '[{"name":"a","namespace":"other","interface":"net9"}]'],
    ['npwg', 'a,b@x', of('c'), 'a,b@x,c'],
    ['npwg', 'a', of('a', 'here'), undefined],
    ['npwg', 'a', of('a', '', 'x'), 'a,a@x'],
    ['npwg', '[{"name":"a","ips":["10.0.0.1/24"]}]', of('b'), '[{"name":"a","ips":["10.0.0.1/24"]},{"name":"b"}]'],
    [
      'kaloom',
      '[{"name":"a","ifMac":"02:00:00:00:00:01"}]',
      of('b'),
      '[{"name":"a","ifMac":"02:00:00:00:00:01"},{"name":"b"}]',
    ],
    ['npwg', 'a@x@y', of('c'), 'a@x@y,c'],
    ['npwg', ' a,\n/b ,c/d/e,Bad,', of('c', 'other', 'x'), ' a,\n/b ,c/d/e,Bad,,other/c@x'],
    ['npwg', ' here / a @ x ', of('a', '', 'x'), undefined],
    ['npwg', 'a@', of('a'), 'a@,a'],
    ['npwg', '\u00a0', of('a'), '\u00a0,a'],
    ['npwg', 'null', of('a'), 'null,a'],
    ['npwg', ' [ ] ', of('a'), '[{"name":"a"}]'],
    [
      'npwg',
      '[\n  { "name": "\\u0061", "cni-args": {"]": 1.50, "b": [1, "},"]} },\n  null\n]\n',
      of('b'),
      '[\n  { "name": "\\u0061", "cni-args": {"]": 1.50, "b": [1, "},"]} },\n  null,{"name":"b"}\n]\n',
    ],
    ['npwg', '[{"name":"a","namespace":1}]', of('a'), '[{"name":"a","namespace":1},{"name":"a"}]'],
    ['npwg', '[{"name":"a","namespace":null,"interface":null}]', of('a'), undefined],
    ['kaloom', '[{"name":"a"}]', of('a'), undefined],
    ['kaloom', '[{"name":"a","namespace":"red"}]', of('a'), undefined],
    ['kaloom', 'null', of('a'), '[{"name":"a"}]'],
  ];
  for (const [dialect, text, network, value] of rows) {
    test(`${dialect}: ${network.name} to ${JSON.stringify(text)}`, () => {
      const expected = value === undefined ? { kind: 'unchanged' } : { kind: 'changed', value };
      assert.deepEqual(withNetwork(dialect, text, network, 'here'), expected);
    });
  }

  test('an annotation that cannot be read is left alone', () => {
    for (const text of ['[{"name":"a"}', '{"name":"a"}', '[{"name":"a","name":"b"}]']) {
      assert.equal(withNetwork('npwg', text, of('c'), 'here').kind, 'unreadable');
    }
  });

  test('an annotation that would be too large for any of its networks to be read is left alone', () => {
    const full = Array.from({ length: 64 }, (_, index) => `n${index}`).join(',');
    const long = `[{"name":"a","x.y":"${'x'.repeat(32_740)}"}]`;
    for (const [text, limit] of [
      [full, '64'],
      [long, '32768'],
    ] as const) {
      const edited = withNetwork('npwg', text, of('c'), 'here');
      assert.ok(edited.kind === 'unreadable' && edited.why.includes(limit), JSON.stringify(edited));
    }
  });

  test('every other entry means what it meant before', () => {
    const piece = fc.constantFrom('a', 'b@x', 'c/d', 'a@x@y', '', ' ', '/', 'Bad', '@', 'null', '\n');
    const entry = fc.oneof(
      fc.record({ name: fc.constantFrom<unknown>('a', 'B', 1, null), interface: fc.constantFrom('x', '', 'lo') }),
      fc.constantFrom<unknown>(null, 1, [[]], ['],['], 'a,b'),
    );
    const text = fc.oneof(
      fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join(',')),
      fc.array(entry, { maxLength: 4 }).map((list) => JSON.stringify(list, undefined, list.length % 3)),
    );
    fc.assert(
      fc.property(text, (before) => {
        const edited = withNetwork('npwg', before, of('new', '', 'y'), 'here');
        assert.ok(edited.kind === 'changed' && edited.value !== undefined);
        const [old, now] = [before, edited.value].map((each) => npwgElements(each, 'here'));
        assert.ok(old !== undefined && now !== undefined);
        assert.deepEqual(now.elements.slice(0, -1), old.elements);
        assert.deepEqual(now.elements.at(-1), {
          position: before.trim() === '' ? 1 : piecesOf(before) + 1,
          namespace: 'here',
          name: 'new',
          fields: { name: 'new', interface: 'y' },
        });
        assert.deepEqual(now.problems, old.problems);
        const back = withoutNetwork('npwg', edited.value, of('new'), 'here');
        assert.ok(back.kind === 'changed');
        assert.deepEqual(npwgElements(back.value ?? '', 'here').elements, old.elements);
      }),
    );
  });
});

describe('taking a network out of an annotation', () => {
  const rows: [ListDialect, string | undefined, ReturnType<typeof of>, string | null | undefined][] = [
    ['npwg', 'a,b@x', of('a'), 'b@x'],
    ['npwg', 'here/a@x,a@y', of('a', '', 'x'), 'a@y'],
    ['npwg', 'a', of('a'), null],
    ['npwg', '[{"name":"a","namespace":"other"}]', of('a'), undefined],
    ['npwg', 'b@x@y, a ,/c', of('a'), 'b@x@y,/c'],
    ['npwg', 'a@x@y', of('a'), undefined],
    ['npwg', 'a,', of('a'), null],
    ['npwg', '[ {"name":"a"}, {"name":"b","x.y":1.0}, null ]', of('a'), '[ {"name":"b","x.y":1.0}, null ]'],
    ['npwg', '[{"name":"a","namespace":1}]', of('a'), undefined],
    ['npwg', '[{"name":"a"}]', of('a'), null],
    ['npwg', undefined, of('a'), undefined],
    ['kaloom', '[{"name":"a","namespace":"red"},{"name":"b"}]', of('a'), '[{"name":"b"}]'],
    ['kaloom', '[{"name":"a"},{"name":"b","isPrimary":true}]', of('a'), '[{"name":"b","isPrimary":true}]'],
  ];
  for (const [dialect, text, network, value] of rows) {
    test(`${dialect}: ${network.name} from ${JSON.stringify(text)}`, () => {
      const expected = value === undefined ? { kind: 'unchanged' } : { kind: 'changed', value: value ?? undefined };
      assert.deepEqual(withoutNetwork(dialect, text, network, 'here'), expected);
    });
  }

  test('is refused, with the entry, where the rest would come to mean something else', () => {
    const edited = withoutNetwork('npwg', 'a,[{"name":"b"}]', of('a'), 'here');
    assert.ok(edited.kind === 'unreadable' && edited.why.includes('[{'), JSON.stringify(edited));
  });
});
