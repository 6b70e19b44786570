/** What plugins say, made fit for messages and logs. */

const UNPRINTABLE = /[^\p{L}\p{M}\p{N}\p{P}\p{S} ]+/gu;

/** On one line, without control characters, at most `limit` characters; what is cut off is shown as `…`. */
export function printable(text: string, limit: number): string {
  const line = text.replace(UNPRINTABLE, ' ').trim();
  return line.length <= limit ? line : `${line.slice(0, limit - 1)}…`;
}

/** As `printable`, but keeps the end: there is where a program says why it gave up. */
export function printableTail(text: string, limit: number): string {
  const line = text
    .slice(-4 * limit)
    .replace(UNPRINTABLE, ' ')
    .trim();
  return line.length <= limit ? line : `…${line.slice(1 - limit)}`;
}
