/** How mistakes are worded: they reach people through events, so what a user wrote is quoted, shortened and made printable. */
import type { JsonValue } from '../cni/attachment.ts';
import type { SelectionProblem } from '../network-selection.ts';

const SHOWN_LENGTH = 64;

/** For mistakes after which a network that was mangled cannot be told from one that was taken out (ADR 5). */
export const UNTIL_RIGHT = 'nothing is detached until the annotation is right again';

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

/** Replaces everything but printable ASCII (and the ellipsis of `shown`) by `\uXXXX`: control and direction characters fool readers. */
const printable = (text: string): string =>
  text.replace(/[^\x20-\x7e\u2026]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);

export interface Place {
  readonly network?: string | undefined;
  readonly option?: string | undefined;
  readonly value?: string | undefined;
  readonly line?: number | undefined;
}

/** A problem whose message begins with its network and option. */
export function problem(code: string, place: Place, why: string): SelectionProblem {
  const subject = [
    ...(place.network === undefined ? [] : [`network ${shown(place.network)}`]),
    ...(place.option === undefined ? [] : [`option ${shown(place.option)}`]),
  ].join(', ');
  return {
    code,
    ...(place.network === undefined ? {} : { network: bounded(place.network) }),
    ...(place.option === undefined ? {} : { option: bounded(place.option) }),
    ...(place.value === undefined ? {} : { value: bounded(place.value) }),
    ...(place.line === undefined ? {} : { line: place.line }),
    message: subject === '' ? why : `${subject}: ${why}`,
  };
}

const bounded = (text: string): string => printable(text.slice(0, SHOWN_LENGTH));
