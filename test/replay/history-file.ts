/**
 * A history as a file. Not in the form of `temporal workflow show -o json`: the SDK's reader for it needs one copy of protobufjs for
 * two of its packages, and fails (`type must be a Type`) where the package manager installs two.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { WorkflowHandle } from '@temporalio/client';

const HISTORIES = join(import.meta.dirname, 'histories');

export const historyFile = (scenario: string): string => join(HISTORIES, `${scenario}.json.gz`);

export type History = Awaited<ReturnType<WorkflowHandle['fetchHistory']>>;

/** Writes a history, without the name of the machine and the process that made it. */
export function writeHistory(path: string, history: History): void {
  writeFileSync(path, gzipSync(JSON.stringify(plain(history)), { level: 9 }));
}

export function readHistory(path: string): History {
  return JSON.parse(gunzipSync(readFileSync(path)).toString(), (_key, value: unknown) =>
    isRecord(value) && typeof value['bytes64'] === 'string' ? Buffer.from(value['bytes64'], 'base64') : value,
  ) as History;
}

/** Messages have a `toJSON` of their own that turns 64-bit numbers into text, so they are taken apart by hand. */
function plain(value: unknown, key = ''): unknown {
  // Workers' identities, and the sticky queues that are named after them.
  if (key === 'identity' || (typeof value === 'string' && /^\d+@/.test(value))) return 'test';
  if (value instanceof Uint8Array) return { bytes64: Buffer.from(value).toString('base64') };
  if (Array.isArray(value)) return value.map((item) => plain(item));
  if (!isRecord(value)) return value;
  const entries = Object.entries(value).filter(([, field]) => field !== null && field !== undefined);
  return Object.fromEntries(entries.map(([name, field]) => [name, plain(field, name)]));
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
