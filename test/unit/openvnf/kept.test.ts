/** What an edited annotation keeps attached, although it does not ask for it rightly any more (ADR 5). */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { keepAll } from '../../../domain/plan/keep.ts';
import type { ParsedSelections } from '../../../domain/network-selection.ts';
import { parse, settings } from './parsing.ts';

const DECLARED = { vxeth1: 'id=101 up', vxeth2: 'id=102 up' };

/** Of `names`, those that are detached where they were attached before. */
const lost = ({ selections, keep }: ParsedSelections, names: readonly string[]): string[] =>
  names.filter(
    (name) =>
      !selections.some(({ network }) => network.name === name) &&
      !keep.includes(name) &&
      !keep.includes(keepAll('openvnf')),
  );

const MISTAKES: Readonly<Record<string, string>> = {
  'a block that is indented as a whole': '  vxeth1\n  vxeth2',
  'a comma forgotten': 'vxeth1 ip=10.9.0.1/24 vxeth2',
  'a comma and a space forgotten': 'vxeth1 ip=10.9.0.1/24vxeth2',
  'a line end forgotten': 'vxeth1 up=truevxeth2 ip=10.9.0.1/24',
  'a semicolon for the comma': 'vxeth1;vxeth2',
  'a semicolon for the comma behind an option': 'vxeth1 ip=10.9.0.1/24;vxeth2',
  'a full stop for the comma behind an option': 'vxeth1 mtu=1400.vxeth2',
  'an equals sign for the comma': 'vxeth1 up=vxeth2',
  'an equals sign too many': 'vxeth1,vxeth2=',
  'a value given to a network': 'vxeth1 vxeth2=true',
  'a colon behind the name': 'vxeth1: ip=10.9.0.1/24\nvxeth2',
  'a capital in a name': 'vxeth1, Vxeth2',
  'the list of another dialect': '[{"name":"vxeth1"}, {"name":"vxeth2"}]',
  'a list in YAML': '- vxeth1\n- vxeth2',
  'the options first': 'up vxeth1\nup vxeth2',
  'an option of its own line': 'vxeth1\nup vxeth2',
  'a name twice for two names': 'vxeth1, vxeth1',
  'an option with a wrong value': 'vxeth1 up=no, vxeth2',
  'too much text': `vxeth1, vxeth2${' '.repeat(8192)}`,
};

describe('a mistake in an edit detaches no network:', () => {
  for (const [says, annotation] of Object.entries(MISTAKES)) {
    it(says, () => {
      const parsed = parse(annotation, DECLARED);
      assert.notEqual(parsed.problems.length, 0);
      assert.deepEqual(lost(parsed, Object.keys(DECLARED)), []);
    });
  }

  it('more networks than are allowed, of which the event says how many and which', () => {
    const all = Array.from({ length: 27 }, (_, index) => `n${index}`);
    const parsed = parse(all.map((name, index) => `${name} id=${index + 1}`).join('\n'));
    assert.equal(parsed.selections.length, 16);
    assert.deepEqual(lost(parsed, all), []);
    assert.deepEqual(lost(parsed, ['gone']), ['gone']);
    assert.deepEqual(
      parsed.problems.map(({ code, line }) => [code, line]),
      [['TooManyNetworks', 17]],
    );
    assert.match(parsed.problems[0]?.message ?? '', /at most 16.*n16, n17, n18, n19, n20, n21, n22, n23 and 3 more$/);
  });

  it('nor an option that only the rules of the original ignore', () => {
    const original = { ...settings, compatibility: 'kube-vxlan-controller' } as const;
    const parsed = parse('vxeth1 vxeth2', DECLARED, { settings: original });
    assert.deepEqual(parsed.problems, []);
    assert.deepEqual(lost(parsed, ['vxeth1', 'vxeth2', 'gone']), ['gone']);
  });
});

describe('a network that is named no longer is detached', () => {
  for (const [says, annotation] of Object.entries({
    'from an annotation that is right': 'vxeth1',
    'beside one with a wrong value': 'vxeth1 up=no',
    'beside one with an unknown option': 'vxeth1 colour=red',
    'beside one whose id is that of another network': 'vxeth1 id=102',
    'beside one that nobody declared': 'vxeth1, vxeth3',
  })) {
    it(says, () => assert.deepEqual(lost(parse(annotation, DECLARED), ['vxeth1', 'vxeth2']), ['vxeth2']));
  }

  it('and one that is right follows the annotation, whatever is wrong beside it', () => {
    assert.deepEqual(parse('vxeth1 id=102\nvxeth2 mtu=vxeth2', DECLARED).keep, ['vxeth1', 'vxeth2']);
    assert.deepEqual(parse('vxeth1 mtu=vxeth2\nvxeth2', DECLARED).keep, ['vxeth1']);
  });
});

describe('for any slip in an annotation that was right', () => {
  const network = fc.record({
    name: fc.stringMatching(/^[a-z]{2}[a-z0-9]{1,5}$/),
    options: fc.subarray(['up', 'mtu=1400', 'ip=10.9.0.1/24', 'peer=10.1.1.1', 'dstport=4789', 'flood=false']),
    indented: fc.boolean(),
  });
  const annotations = fc
    .uniqueArray(network, { minLength: 1, maxLength: 5, selector: ({ name }) => name })
    .chain((networks) =>
      fc.constantFrom('\n', ', ', ',').map((separator) => ({
        names: networks.map(({ name }) => name),
        text: networks
          .map(({ name, options, indented }, index) => {
            const between = indented && separator === '\n' ? '\n  ' : ' ';
            return [name, `id=${index + 1}`, ...options].join(between);
          })
          .join(separator),
      })),
    );
  const character = fc.constantFrom(...' \n\t,;:=.-_/|"{[aZ09\u00e9\u0000');
  const slip = fc.oneof(
    fc.record({ kind: fc.constant('delete' as const), at: fc.nat() }),
    fc.record({ kind: fc.constantFrom('insert' as const, 'replace' as const), at: fc.nat(), by: character }),
    fc.record({ kind: fc.constantFrom('drop word' as const, 'swap words' as const, 'twice' as const), at: fc.nat() }),
  );

  type Slip = typeof slip extends fc.Arbitrary<infer S> ? S : never;

  function slipped(text: string, change: Slip): string {
    const at = change.at % text.length;
    switch (change.kind) {
      case 'delete':
        return text.slice(0, at) + text.slice(at + 1);
      case 'insert':
        return text.slice(0, at) + change.by + text.slice(at);
      case 'replace':
        return text.slice(0, at) + change.by + text.slice(at + 1);
    }
    // Words and what is between them, in turn.
    const parts = text.split(/([\s,]+)/);
    const index = 2 * (change.at % ((parts.length + 1) / 2));
    const word = parts[index] ?? '';
    const next = parts[index + 2] ?? '';
    if (change.kind === 'drop word') parts[index] = '';
    else if (change.kind === 'twice') parts[index] = `${word} ${word}`;
    else if (index + 2 < parts.length) parts.splice(index, 3, next, parts[index + 1] ?? '', word);
    return parts.join('');
  }

  /** The text does not hold the name, or only as a part of what is another network's name by all rules. */
  const isTakenOut = (name: string, text: string): boolean =>
    text
      .split(/[\s,]+/)
      .filter((word) => word.includes(name))
      .every((word) => word !== name && /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(word));

  it('each network is asked for, kept, or not named any more', () => {
    let mistakes = 0;
    fc.assert(
      fc.property(annotations, slip, ({ names, text }, change) => {
        // A name may be a word of the ip command.
        fc.pre(parse(text).problems.length === 0);
        const edited = slipped(text, change);
        const parsed = parse(edited);
        if (parsed.problems.length === 0) return;
        mistakes += 1;
        for (const name of lost(parsed, names)) assert.ok(isTakenOut(name, edited), JSON.stringify([name, edited]));
      }),
      { numRuns: 3000 },
    );
    assert.ok(mistakes > 500, `${mistakes} slips were mistakes`);
  });
});
