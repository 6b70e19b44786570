import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { interfaceNames, passedOver, type KnownName, type Unnamed } from '../../../domain/plan/interface-names.ts';

/** `green` is to be named, `green=net1` has a name. */
const parse = (texts: readonly string[]): Unnamed[] =>
  texts.map((text) => {
    const [identity = '', interfaceName = ''] = text.split('=');
    return { identity, interfaceName };
  });
const names = (
  selections: readonly string[],
  recorded: readonly string[] = [],
  foreign: readonly string[] = [],
  reserved: readonly string[] = [],
) => interfaceNames(parse(selections), parse(recorded), { foreign, reserved });
const leaving = (text: string): KnownName[] => parse([text]).map((record) => ({ ...record, leaving: true }));

describe('generated names that are somebody else’s', () => {
  it('are passed over, those with the lowest numbers; what a person named is none of them', () => {
    assert.deepEqual(passedOver(['net10', 'net2', 'data0', 'net2', 'net01']), { names: ['net2', 'net10'], more: true });
  });

  it('are passed over up to the eighth', () => {
    const many = Array.from({ length: 9 }, (_, index) => `net${index + 1}`);
    assert.deepEqual(passedOver(many.slice(0, 7)).more, true);
    assert.deepEqual(passedOver(many), { names: many.slice(0, 8), more: false });
  });
});

describe('interfaces without a name', () => {
  it('are net1, net2, … in the order of the annotation', () => {
    assert.deepEqual(names(['a', 'b', 'c']), ['net1', 'net2', 'net3']);
  });

  it('have the number of their place in the annotation where they have one, whatever the others are called or are refused for', () => {
    const at = (places: readonly (readonly [text: string, position: number])[], recorded: readonly string[] = []) =>
      interfaceNames(
        places.map(([text, position]) => ({ ...(parse([text])[0] as Unnamed), position })),
        parse(recorded),
        { foreign: ['net5'], reserved: ['net6'] },
      );
    assert.deepEqual(at([['a=x', 1], ['b', 2]]), ['x', 'net2']); // prettier-ignore
    assert.deepEqual(at([['b', 2], ['c', 3]]), ['net2', 'net3'], 'the first entry is refused'); // prettier-ignore
    assert.deepEqual(at([['a=net2', 1], ['b', 2], ['c', 3], ['d', 1]]), ['net2', 'net4', 'net3', 'net1']); // prettier-ignore
    assert.deepEqual(at([['b', 5], ['c', 6]]), ['net1', 'net2'], 'somebody else has them'); // prettier-ignore
    assert.deepEqual(at([['new', 1], ['b', 2]], ['b=net1']), ['net2', 'net1'], 'what is attached stays'); // prettier-ignore
  });

  it('keep their names when another network is taken away or put before them', () => {
    const recorded = ['a=net1', 'b=net2', 'c=net3'];
    assert.deepEqual(names(['a', 'c'], recorded), ['net1', 'net3']);
    assert.deepEqual(names(['c', 'a'], recorded), ['net3', 'net1']);
    assert.deepEqual(names(['new', 'a', 'b', 'c'], recorded), ['net4', 'net1', 'net2', 'net3']);
  });

  it('get no name that is still attached, asked for, or somebody else’s', () => {
    assert.deepEqual(names(['new'], ['old=net1']), ['net2']);
    assert.deepEqual(names(['a', 'b=net1']), ['net2', 'net1']);
    assert.deepEqual(names(['a', 'b'], [], ['net1', 'eth0', 'net3']), ['net2', 'net4']);
  });

  it('get no name that a refused entry asks for, and find theirs again when it is accepted', () => {
    assert.deepEqual(names(['b'], [], [], ['net1']), ['net2']);
    assert.deepEqual(names(['a=net1', 'b'], ['b=net2']), ['net1', 'net2']);
    assert.deepEqual(names(['b'], ['b=net1'], [], ['net1']), ['net1'], 'what is attached stays');
  });

  it('keep what is attached when another entry asks for its name, but not what is being taken away', () => {
    assert.deepEqual(names(['a', 'b=net1'], ['a=net1']), ['net1', 'net1']);
    const given = interfaceNames(parse(['a', 'b=net1']), leaving('a=net1'), { foreign: [], reserved: [] });
    assert.deepEqual(given, ['net2', 'net1']);
  });

  it('leave to the entry that names it what is attached of the same network', () => {
    assert.deepEqual(names(['a', 'a=net1'], ['a=net1']), ['net2', 'net1']);
    assert.deepEqual(names(['a', 'b=net1'], ['a=net1', 'a=net2']), ['net2', 'net1'], 'the one nobody else wants');
  });

  it('of the same network with the same parameters are told apart, and both keep their names', () => {
    assert.deepEqual(names(['a', 'a']), ['net1', 'net2']);
    assert.deepEqual(names(['a', 'a'], ['a=net1', 'a=net2']), ['net1', 'net2']);
    assert.deepEqual(names(['a', 'a', 'a'], ['a=net2']), ['net2', 'net1', 'net3']);
  });
});

describe('any naming', () => {
  const identity: fc.Arbitrary<string> = fc.constantFrom('a', 'b', 'c');
  const name: fc.Arbitrary<string> = fc.constantFrom('net1', 'net2', 'net3', 'x');
  const selection = fc.record({ identity, interfaceName: fc.oneof(fc.constant(''), name) });
  const attachments = fc.uniqueArray(fc.record({ identity, interfaceName: name }), {
    selector: ({ interfaceName }) => interfaceName,
  });
  const inputs = [
    fc.array(selection, { maxLength: 5 }),
    attachments,
    fc.uniqueArray(name),
    fc.uniqueArray(name),
  ] as const;

  it('leaves given names alone, and gives nobody a name that another has', () => {
    fc.assert(
      fc.property(...inputs, (selections, recorded, foreign, reserved) => {
        const found = interfaceNames(selections, recorded, { foreign, reserved });
        for (const [index, { interfaceName }] of selections.entries()) {
          const mine = found[index] ?? '';
          if (interfaceName !== '') {
            assert.equal(mine, interfaceName);
            continue;
          }
          assert.notEqual(mine, '');
          assert.equal(found.filter((each, at) => each === mine && selections[at]?.interfaceName === '').length, 1);
          const owner = recorded.find((record) => record.interfaceName === mine);
          if (owner === undefined) {
            assert.ok(![...foreign, ...reserved].includes(mine));
            assert.equal(found.filter((other) => other === mine).length, 1);
          } else assert.equal(owner.identity, selections[index]?.identity);
        }
      }),
    );
  });

  it('is the same again once it was carried out', () => {
    fc.assert(
      fc.property(...inputs, (selections, recorded, foreign, reserved) => {
        const found = interfaceNames(selections, recorded, { foreign, reserved });
        const attached = selections.map(({ identity: of }, index) => ({
          identity: of,
          interfaceName: found[index] ?? '',
        }));
        const distinct = attached.filter(
          (one, index) => attached.findIndex((other) => other.interfaceName === one.interfaceName) === index,
        );
        if (distinct.length < attached.length) return; // Two wish for one name: a conflict, decided elsewhere.
        const again = interfaceNames(selections, attached, { foreign, reserved });
        assert.deepEqual([...again].sort(), [...found].sort());
        assert.deepEqual(
          again.map((each, index) => [selections[index]?.identity, each]).sort(),
          found.map((each, index) => [selections[index]?.identity, each]).sort(),
        );
      }),
    );
  });
});
