/** The page for newcomers names what is there. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const page = readFileSync(join(ROOT, 'docs/concepts.md'), 'utf8');
/** The last two cells of a row: the word's type, and the file that declares it. */
const ROW = /\| `(\w+)` +\| `([\w./-]+\.ts)` +\|$/gm;
/** A stop of the way through the code: a file, and what to read of it. */
const STOP = /^\| `([\w./-]+\.ts)` +\| ((?:`\w+`(?:, )?)+) +\|/gm;
const rows = [...page.matchAll(ROW)].map(([, type = '', file = '']) => ({ type, file }));

describe('docs/concepts.md', () => {
  it('has a row for each word, with type and file', () => {
    const [words = ''] = page.split('## An hour');
    const all = words.split('\n').filter((line) => line.startsWith('|') && !/^\| (word|-)/.test(line));
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

  it('names functions to read in an hour: all there, and not more than 800 lines', () => {
    const missing: string[] = [];
    let lines = 0;
    const stops = [...page.matchAll(STOP)];
    for (const [, file = '', names = ''] of stops) {
      const lengths = lengthsIn(join(ROOT, file));
      for (const [, name = ''] of names.matchAll(/`(\w+)`/g)) {
        const length = lengths.get(name);
        if (length === undefined) missing.push(`${name} in ${file}`);
        else lines += length;
      }
    }
    assert.deepEqual(missing, []);
    assert.ok(stops.length >= 10, `${stops.length} files`);
    assert.ok(lines <= 800, `${lines} lines`);
  });

  it('names files that are there', () => {
    const files = [...page.matchAll(/`((?:[\w-]+\/)+[\w.-]+\.ts)`/g)].map(([, file = '']) => file);
    assert.deepEqual(
      files.filter((file) => !existsSync(join(ROOT, file))),
      [],
    );
  });
});

/** Lines of what a file declares, by name; of two with the same name those of the longer one. */
function lengthsIn(path: string): Map<string, number> {
  const source = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest);
  const lengths = new Map<string, number>();
  const visit = (node: ts.Node): void => {
    const isDeclared =
      ts.isFunctionDeclaration(node) ||
      ts.isMethodDeclaration(node) ||
      ts.isInterfaceDeclaration(node) ||
      ts.isTypeAliasDeclaration(node);
    if (isDeclared && node.name !== undefined && ts.isIdentifier(node.name)) {
      const lineOf = (at: number): number => source.getLineAndCharacterOfPosition(at).line;
      const length = lineOf(node.getEnd()) - lineOf(node.getStart(source)) + 1;
      lengths.set(node.name.text, Math.max(length, lengths.get(node.name.text) ?? 0));
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return lengths;
}
