import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { withNetwork, withoutNetwork, type ListDialect } from '../../domain/annotation-edit.ts';

const of = (name: string, namespace = '', interfaceName = '') => ({ name, namespace, interfaceName });

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
    ['kaloom', '[{"name":"a"}]', of('a'), undefined],
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
});

describe('taking a network out of an annotation', () => {
  const rows: [ListDialect, string | undefined, ReturnType<typeof of>, string | null | undefined][] = [
    ['npwg', 'a,b@x', of('a'), 'b@x'],
    ['npwg', 'here/a@x,a@y', of('a', '', 'x'), 'a@y'],
    ['npwg', 'a', of('a'), null],
    ['npwg', '[{"name":"a","namespace":"other"}]', of('a'), undefined],
    ['npwg', undefined, of('a'), undefined],
    ['kaloom', '[{"name":"a"},{"name":"b","isPrimary":true}]', of('a'), '[{"name":"b","isPrimary":true}]'],
  ];
  for (const [dialect, text, network, value] of rows) {
    test(`${dialect}: ${network.name} from ${JSON.stringify(text)}`, () => {
      const expected = value === undefined ? { kind: 'unchanged' } : { kind: 'changed', value: value ?? undefined };
      assert.deepEqual(withoutNetwork(dialect, text, network, 'here'), expected);
    });
  }
});
