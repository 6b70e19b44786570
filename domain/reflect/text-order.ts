/** Order of texts by their bytes in UTF-8, which is how Go compares strings; JavaScript's own is by UTF-16 units. */
export function compareTexts(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index += 1) {
    const left = a.charCodeAt(index);
    const right = b.charCodeAt(index);
    if (left !== right) return weight(left) - weight(right);
  }
  return a.length - b.length;
}

/** Surrogates stand for characters above U+FFFF, so they come after every other unit. */
const weight = (unit: number): number => (unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit);

/** With lone surrogates replaced by U+FFFD, as Go reads them: such a text has no UTF-8. */
export const wellFormed = (text: string): string =>
  // The first look is cheap, and enough for nearly every text.
  /[\ud800-\udfff]/.test(text) ? text.replace(/\p{Surrogate}/gu, '\ufffd') : text;
