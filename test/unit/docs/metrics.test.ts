/** The pages about figures name what there is. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { load } from 'js-yaml';
import { partFigures, rowOf } from '../../docs/part-figures.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');
const figures = partFigures();
/** What a histogram is asked by, beside its own name. */
const baseName = (name: string): string => name.replace(/_(bucket|count|sum)$/, '');
const known = new Set(figures.map(({ name }) => name));

/** Rows of the tables of a page, as cells. */
function rowsOf(page: string): string[][] {
  return page
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .map((line) => line.split(/(?<!\\)\|/).slice(1, -1))
    .map((cells) => cells.map((cell) => cell.trim().replaceAll('\\|', '|')));
}

describe('docs/metrics.md', () => {
  it('has a row for each figure of each part, as the code has it, and no other', () => {
    const rows = rowsOf(read('docs/metrics.md')).filter(([name = '']) => name.startsWith('`podwire_'));
    assert.deepEqual(rows, figures.map(rowOf));
  });
});

describe('the figures', () => {
  it("are named by Prometheus' conventions", () => {
    for (const { name, type } of figures) {
      assert.match(name, /^podwire_[a-z0-9]+(_[a-z0-9]+)*$/);
      assert.equal(name.endsWith('_total'), type === 'counter', name);
      if (type === 'histogram') assert.match(name, /_seconds$/);
    }
  });

  it('have no label by which each pod would be a series of its own', () => {
    const labels = new Set(figures.flatMap((figure) => figure.labels));
    for (const label of ['pod', 'uid', 'name', 'namespace', 'interface', 'address', 'sandbox'])
      assert.ok(!labels.has(label), label);
  });
});

describe('docs/operations.md', () => {
  const page = read('docs/operations.md');

  it('tells when to look at figures that there are', () => {
    const named = [...page.matchAll(/`(podwire_\w+)`/g)].map(([, name = '']) => baseName(name));
    assert.deepEqual(
      named.filter((name) => !known.has(name)),
      [],
    );
  });

  it('has a line for each alert, with what to do', () => {
    const { spec } = load(read('deploy/monitoring/rules.yaml')) as {
      spec: { groups: { rules: { alert: string; expr: string }[] }[] };
    };
    const alerts = spec.groups.flatMap(({ rules }) => rules.map(({ alert }) => alert));
    const rows = rowsOf(page).filter(([name = '']) => /^`Podwire\w+`$/.test(name));
    assert.deepEqual(
      rows.map(([name]) => name),
      alerts.map((alert) => `\`${alert}\``),
    );
    for (const [name, means = '', cure = ''] of rows) assert.ok(means.length > 20 && cure.length > 20, name);
  });
});

describe('rules and dashboard', () => {
  it('ask for figures that there are', () => {
    for (const file of ['rules.yaml', 'podwire.json']) {
      const text = read(`deploy/monitoring/${file}`);
      const named = [...text.matchAll(/\bpodwire_[a-z0-9_]+/g)].map(([name]) => baseName(name));
      assert.ok(named.length > 5, file);
      assert.deepEqual(
        [...new Set(named)].filter((name) => !known.has(name)),
        [],
        file,
      );
    }
  });
});
