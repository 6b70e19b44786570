/** The page for newcomers names what is there. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const page = readFileSync(join(ROOT, 'docs/concepts.md'), 'utf8');
/** The last two cells of a row: the word's type, and the file that declares it. */
const ROW = /\| `(\w+)` +\| `([\w./-]+\.ts)` +\|$/gm;
const rows = [...page.matchAll(ROW)].map(([, type = '', file = '']) => ({ type, file }));

describe('docs/concepts.md', () => {
  it('has a row for each word, with type and file', () => {
    const all = page.split('\n').filter((line) => line.startsWith('|') && !/^\| (word|-)/.test(line));
    assert.equal(rows.length, all.length);
    assert.ok(rows.length > 30);
  });

  it('names files that declare the types', () => {
    const wrong = rows.filter(({ type, file }) => {
      const path = join(ROOT, file);
      return !existsSync(path) || !new RegExp(`export .*\\b${type}\\b`).test(readFileSync(path, 'utf8'));
    });
    assert.deepEqual(wrong, []);
  });

  it('names ten files to read, all there', () => {
    const files = [...page.matchAll(/^\d+\. `([\w./-]+)`/gm)].map(([, file = '']) => file);
    assert.equal(files.length, 10);
    assert.deepEqual(
      files.filter((file) => !existsSync(join(ROOT, file))),
      [],
    );
  });
});
