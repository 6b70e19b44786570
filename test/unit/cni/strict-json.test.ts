import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseStrictJson, strangeKeys } from '../../../domain/text/strict-json.ts';

const LIMITS = { maxBytes: 4_096 };

/** Text to the fault, or to undefined where it is right. */
const ROWS: Readonly<Record<string, readonly [text: string, fault: string | undefined, why?: string]>> = {
  'an object': [' {"a": [1, -0.5e3, true, null, "x\\u0041\\n"]} ', undefined],
  'the deepest nesting': [`${'['.repeat(32)}${']'.repeat(32)}`, undefined],
  'one level more': [`${'['.repeat(33)}${']'.repeat(33)}`, 'TooDeep', '32 levels'],
  'a key twice': ['{"a":1,\n"a":2}', 'DuplicateKey', '"a" twice in one object; allowed: once (line 2)'],
  'a key twice, once with an escape': ['{"a":1,"\\u0061":2}', 'DuplicateKey'],
  'a key in two objects': ['[{"a":1},{"a":{"a":2}}]', undefined],
  'a prototype': ['{"__proto__":{"x":1}}', 'ForbiddenKey'],
  'other names of objects': ['{"constructor":1,"toString":2}', undefined],
  'nothing at all': ['', 'NotJson', 'the text ends'],
  'a comment': ['{} // x', 'NotJson', 'end of the text'],
  'a comma too many': ['[1,]', 'NotJson'],
  'single quotes': ["{'a':1}", 'NotJson'],
  'a line break in a text': ['"a\nb"', 'NotJson'],
  'a leading zero': ['01', 'NotJson'],
  'a plus sign': ['+1', 'NotJson'],
  'no number': ['NaN', 'NotJson'],
  'a byte order mark': ['\ufeff{}', 'NotJson'],
  'a no-break space': ['\u00a0{}', 'NotJson'],
  'a number beyond doubles': ['1e999', 'NumberTooLarge'],
  'a whole number that would change': ['9007199254740993', 'NumberTooLarge', 'exactly'],
  'the largest whole number that would not': ['9007199254740991', undefined],
  'too long a text': [`"${'x'.repeat(4_096)}"`, 'TooLong', '4096'],
  'too long a text in bytes, not in characters': [`"${'é'.repeat(2_048)}"`, 'TooLong'],
};

describe('strict JSON', () => {
  for (const [name, [text, fault, why = '']] of Object.entries(ROWS)) {
    it(`${fault === undefined ? 'takes' : 'refuses'} ${name}`, () => {
      const read = parseStrictJson(text, LIMITS);
      if (read.ok) {
        assert.equal(undefined, fault);
        assert.deepEqual(read.value, JSON.parse(text));
      } else {
        assert.equal(read.fault, fault);
        assert.ok(read.why.includes(why), read.why);
      }
    });
  }

  it('reads whatever JSON.parse writes, and the same', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 5 }), (text) => {
        const read = parseStrictJson(text, { maxBytes: 1_000_000 });
        if (read.ok) assert.deepEqual(read.value, JSON.parse(text));
        else assert.notEqual(read.fault, 'NotJson', read.why);
      }),
      { numRuns: 1_000 },
    );
  });

  it('takes nothing that JSON.parse refuses, and never throws', () => {
    const piece = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"a"',
      '"',
      '\\',
      '1',
      '-',
      'e5',
      '.',
      'null',
      ' ',
      '\u0000',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const text = pieces.join('');
        if (parseStrictJson(text, LIMITS).ok) JSON.parse(text);
      }),
      { numRuns: 5_000 },
    );
  });

  it('names keys that are unknown and those that only differ in case, as Go compares them', () => {
    const object = { type: 1, Name: 2, other: 3, 'ma\u017fter': 4, IPAM: 5, '\u212aey': 6 };
    assert.deepEqual(strangeKeys(object, ['type', 'name', 'master', 'ipam', 'key']), [
      { key: 'Name', meant: 'name' },
      { key: 'other' },
      { key: 'ma\u017fter', meant: 'master' },
      { key: 'IPAM', meant: 'ipam' },
      { key: '\u212aey', meant: 'key' },
    ]);
  });
});
