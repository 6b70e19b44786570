/**
 * Names of networks within a wrong word: where a separator is missing or mistyped, the network behind it is read as a part of the option
 * before it (`ip=10.0.0.1/24;blue`, `up=trueblue`). What is attached under such a name has not been taken out of the annotation.
 */
import type { Compatibility } from '../settings.ts';
import { isNetworkName } from './names.ts';
import { isOriginal } from './rules.ts';

/** A name has at most 63 characters, and something may stand before it. */
const LONGEST_TAIL = 64;

/** @param isRight whether the word would be right if it ended there: what follows is then likely to be something else */
export function swallowedNames(
  word: string,
  compatibility: Compatibility,
  isRight: (head: string) => boolean = () => false,
): string[] {
  const separators = isOriginal(compatibility) ? /[^A-Za-z0-9._-]+/ : /[^a-z0-9-]+/;
  const first = Math.max(1, word.length - LONGEST_TAIL);
  const ends = Array.from({ length: Math.max(0, word.length - first) }, (_, index) => first + index);
  // The separator is missing, or some other character is in its place.
  const tails = ends
    .filter((end) => isRight(word.slice(0, end)))
    .flatMap((end) => [word.slice(end), word.slice(end + 1)]);
  const names = [word, ...tails].flatMap((text) => text.split(separators));
  return [...new Set(names)].filter((name) => isNetworkName(name, compatibility));
}
