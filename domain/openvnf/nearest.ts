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

/** The option that was probably meant, or undefined. */
export function nearestOption(word: string): OptionName | undefined {
  if (word.length > LONGEST_WORD) return undefined;
  const lower = word.toLowerCase();
  const synonym = SYNONYMS.get(lower);
  if (synonym !== undefined) return synonym;
  const allowed = lower.length <= 3 ? 1 : 2;
  const ranked = OPTION_NAMES.map((name) => ({ name, distance: editDistance(lower, name) }));
  ranked.sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  return best !== undefined && best.distance <= allowed && best.distance < lower.length ? best.name : undefined;
}

/** Levenshtein distance, two rows at a time. */
function editDistance(a: string, b: string): number {
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
