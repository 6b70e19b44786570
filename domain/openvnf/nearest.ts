/** "Did you mean": the option nearest to an unknown word. */
import { OPTION_NAMES, type OptionName } from './names.ts';

const LONGEST_WORD = 16;

/** What people write who come from other tools. */
const SYNONYMS: ReadonlyMap<string, OptionName> = new Map([
  ['vni', 'id'],
  ['addr', 'ip'],
  ['address', 'ip'],
  ['gateway', 'route'],
  ['gw', 'route'],
  ['ifname', 'name'],
  ['interface', 'name'],
  ['parent', 'dev'],
  ['device', 'dev'],
  ['port', 'dstport'],
  ['remote', 'peers'],
]);

const KNOWN: readonly (readonly [string, OptionName])[] = [
  ...OPTION_NAMES.map((name) => [name, name] as const),
  ...SYNONYMS,
];

/** The option that was probably meant, or undefined. */
export function nearestOption(word: string): OptionName | undefined {
  if (word.length > LONGEST_WORD) return undefined;
  const lower = word.toLowerCase();
  const allowed = lower.length <= 3 ? 1 : 2;
  let best: { readonly name: OptionName; readonly distance: number } | undefined;
  for (const [known, name] of KNOWN) {
    const distance = editDistance(lower, known);
    if (distance > allowed || distance >= lower.length) continue;
    if (best === undefined || distance < best.distance) best = { name, distance };
  }
  return best?.name;
}

/** Levenshtein distance, two rows at a time. */
export function editDistance(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const swap = (above[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1);
      current.push(Math.min(swap, (above[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    above = current;
  }
  return above[b.length] ?? 0;
}
