/** Texts that people wrote, as messages and events quote them: shortened and made printable. */
import type { JsonValue } from '../cni/attachment.ts';

const SHOWN_LENGTH = 64;

/** Quotes what a user wrote: printable ASCII only, at most 64 characters of it. */
export function shown(text: string): string {
  const short = text.length > SHOWN_LENGTH ? `${text.slice(0, SHOWN_LENGTH)}…` : text;
  return `"${printable(short).replaceAll('"', '\\"')}"`;
}

/** A value of JSON as a user wrote it: a text as `shown` quotes it, anything else as JSON of the same length at most. */
export function shownJson(value: JsonValue): string {
  if (typeof value === 'string') return shown(value);
  const text = JSON.stringify(value);
  return printable(text.length > SHOWN_LENGTH ? `${text.slice(0, SHOWN_LENGTH)}…` : text);
}

/** As `shown`, without quotes and without a sign that something was left out. */
export const bounded = (text: string): string => printable(text.slice(0, SHOWN_LENGTH));

/** Replaces everything but printable ASCII (and the ellipsis of `shown`) by `\uXXXX`: control and direction characters fool readers. */
const printable = (text: string): string =>
  text.replace(/[^\x20-\x7e\u2026]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
