/**
 * One line of a page as the words that a shell would make of it, without a shell: quotes and backslashes are understood, and whatever
 * else a shell would act upon is refused, so that a reader's shell and the test run the same.
 */

/** @throws Error for what cannot be run without a shell, or is not finished */
export function wordsOf(line: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  for (let at = 0; at < line.length;) {
    const character = line.charAt(at);
    if (character === ' ' || character === '\t') {
      if (word !== undefined) words.push(word);
      word = undefined;
      at += 1;
    } else if (character === '#' && word === undefined) break;
    else {
      const piece = pieceAt(line, at);
      word = (word ?? '') + piece.text;
      at = piece.end;
    }
  }
  return word === undefined ? words : [...words, word];
}

interface Piece {
  readonly text: string;
  /** Where the rest of the line begins. */
  readonly end: number;
}

/** What a shell acts upon outside of quotes; `=`, `:` and `@` mean nothing to it where pages write them. */
const ACTIVE = /[|&;<>()$`*?[\]{}~!]/;

function pieceAt(line: string, at: number): Piece {
  const character = line.charAt(at);
  if (character === "'") {
    const close = line.indexOf("'", at + 1);
    if (close < 0) throw new Error('a single quote is not closed');
    return { text: line.slice(at + 1, close), end: close + 1 };
  }
  if (character === '"') return doubleQuoted(line, at + 1);
  if (character === '\\') {
    if (at + 1 === line.length) throw new Error('ends with a backslash');
    return { text: line.charAt(at + 1), end: at + 2 };
  }
  if (ACTIVE.test(character)) throw new Error(`has ${character} outside of quotes, which a shell would act upon`);
  return { text: character, end: at + 1 };
}

function doubleQuoted(line: string, start: number): Piece {
  let text = '';
  for (let at = start; at < line.length; at += 1) {
    const character = line.charAt(at);
    if (character === '"') return { text, end: at + 1 };
    if (character === '$' || character === '`')
      throw new Error(`has ${character} in double quotes, which a shell would act upon`);
    const escapes = character === '\\' && /["\\$`]/.test(line.charAt(at + 1));
    if (escapes) at += 1;
    text += line.charAt(at);
  }
  throw new Error('a double quote is not closed');
}
