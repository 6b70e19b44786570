/** What a bench found: figures against bars, tables, checks; as text for people or as JSON. */
import type { Sample } from './statistics.ts';

export interface Figure {
  readonly what: string;
  readonly unit: 's' | 'ms' | 'MiB' | 'count';
  readonly sample: Sample;
  /** The same thing without podwire, measured in the same run. */
  readonly floor?: Sample;
  readonly bars?: readonly Bar[];
}

export interface Bar {
  /** For example `p50 ≤ 100 ms`. */
  readonly says: string;
  readonly met: boolean;
}

export interface Table {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export interface Check {
  readonly says: string;
  readonly holds: boolean;
}

export interface BenchResult {
  readonly bench: string;
  /** How it was measured, in a sentence or two. */
  readonly how: string;
  readonly figures: readonly Figure[];
  readonly tables: readonly Table[];
  readonly checks: readonly Check[];
}

export const bar = (says: string, value: number, limit: number): Bar => ({ says, met: value <= limit });
export const ratioOf = ({ sample, floor }: Figure): number | undefined =>
  floor === undefined ? undefined : sample.p50 / floor.p50;

/** One decimal below 100, none above. */
export const number = (value: number): string => value.toFixed(Math.abs(value) < 100 ? 1 : 0);

export function resultLines(result: BenchResult): string[] {
  const figures: Table = {
    title: `${result.bench}: ${result.how}`,
    columns: ['figure', 'unit', 'n', 'p50', 'p95', 'max', 'floor p50', 'ratio', 'bar'],
    rows: result.figures.map((figure) => [
      figure.what,
      figure.unit,
      String(figure.sample.n),
      ...[figure.sample.p50, figure.sample.p95, figure.sample.max].map(number),
      figure.floor === undefined ? '' : number(figure.floor.p50),
      ratioOf(figure)?.toFixed(2) ?? '',
      (figure.bars ?? []).map(({ says, met }) => `${says}: ${met ? 'met' : 'MISSED'}`).join(', '),
    ]),
  };
  const checks = result.checks.map(({ says, holds }) => `${holds ? 'ok  ' : 'FAIL'} ${says}`);
  return [...[figures, ...result.tables].flatMap((table) => ['', ...tableLines(table)]), '', ...checks];
}

function tableLines({ title, columns, rows }: Table): string[] {
  const all = [columns, ...rows];
  const widths = columns.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  const line = (row: readonly string[]): string =>
    widths
      .map((width, column) => (row[column] ?? '').padEnd(width))
      .join('  ')
      .trimEnd();
  return [title, line(columns), widths.map((width) => '-'.repeat(width)).join('  '), ...rows.map(line)];
}
