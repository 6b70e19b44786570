/** Lines of logs as people read them. */
import { printable } from '../../adapters/cni/printable.ts';
import type { LogLine } from '../../domain/logs/pod-lines.ts';

/** Said before the fields: moment, part, level and message. `pod` is what was asked for. */
const APART = new Set(['time', 'level', 'msg', 'component', 'node', 'pod', 'hostname', 'pid']);

/** A line each: moment, part and node, level, message, fields. */
export const logsText = (lines: readonly LogLine[]): string => lines.map((line) => `${lineText(line)}\n`).join('');

function lineText({ time, part, node, fields }: LogLine): string {
  const { level, msg } = fields;
  const rest = Object.entries(fields).flatMap(([key, value]) => (APART.has(key) ? [] : [`${key}=${valueText(value)}`]));
  const where = node === '' ? part : `${part}@${node}`;
  return [time, where, wordOf(level).toUpperCase().padEnd(5), shown(wordOf(msg)), ...rest].join(' ');
}

/** Stacks are long; -o json has them whole. */
const MAX_SHOWN = 600;
const shown = (text: string): string => printable(text, MAX_SHOWN);

const wordOf = (value: unknown): string => (typeof value === 'string' ? value : '-');

/** Quoted where the end of the value would not be seen. */
function valueText(value: unknown): string {
  if (typeof value !== 'string') return shown(JSON.stringify(value) ?? '-');
  return /^[^\s"=]+$/.test(value) ? shown(value) : shown(JSON.stringify(value));
}
