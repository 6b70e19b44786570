/** Columns padded to their widest cell; the last one is left as it is. */
export function textTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head.map((title) => title.toUpperCase()), ...rows.map((row) => row.map((cell) => cell || '-'))];
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all
    .map((row) => row.map((cell, column) => (column === head.length - 1 ? cell : cell.padEnd(widths[column] ?? 0))))
    .map((row) => `${row.join('  ').trimEnd()}\n`)
    .join('');
}

/** `12 s`, `5 min`, `3 h`, `2 d`. */
export function ageText(since: Date, now: number): string {
  const seconds = Math.max(0, Math.round((now - since.getTime()) / 1_000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3_600)} h` : `${Math.round(seconds / 86_400)} d`;
}
