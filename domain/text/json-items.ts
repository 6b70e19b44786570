/** The entries of a JSON list as they are written, for edits that leave the other entries byte for byte as they are. */

/** @param text a list that `parseStrictJson` has read. @returns what stands between its commas, with the white space around it */
export function listItems(text: string): string[] {
  const inner = text.slice(text.indexOf('[') + 1, text.lastIndexOf(']'));
  const items: string[] = [];
  let begin = 0;
  let depth = 0;
  // A string is one token, so that brackets and commas in it do not count.
  for (const { 0: token, index } of inner.matchAll(/"(?:[^"\\]|\\.)*"|[[\]{},]/g)) {
    if (token === '[' || token === '{') depth += 1;
    else if (token === ']' || token === '}') depth -= 1;
    else if (token === ',' && depth === 0) {
      items.push(inner.slice(begin, index));
      begin = index + 1;
    }
  }
  const last = inner.slice(begin);
  return items.length === 0 && last.trim() === '' ? [] : [...items, last];
}
