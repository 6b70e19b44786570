/**
 * Words of kube-vxlan-controller's annotation (reference: its `kube_vxlan_controller_net` parser). Commas and line ends separate
 * tokens, white space separates words. Line ends may be LF, CRLF or CR; white space is space, tab or no-break space.
 */

export interface Word {
  readonly text: string;
  /** 1-based. */
  readonly line: number;
}

export interface Token {
  /** Never empty. */
  readonly words: readonly [Word, ...Word[]];
  /** Stands at the start of a line and begins with white space: options of the network above. */
  readonly indented: boolean;
  /** Follows a comma on its line; white space there means nothing. */
  readonly afterComma: boolean;
}

const LINE_END = /\r\n|\r|\n/;
const WHITE_SPACE = /[ \t\u00a0]+/;

/** Splits an annotation into tokens; blank ones are dropped. */
export function tokensOf(text: string): Token[] {
  return text.split(LINE_END).flatMap((line, lineIndex) =>
    line.split(',').flatMap((part, partIndex) => {
      const [first, ...rest] = wordsOfLine(part, lineIndex + 1);
      if (first === undefined) return [];
      const afterComma = partIndex > 0;
      return [{ words: [first, ...rest] as const, indented: !afterComma && /^[ \t\u00a0]/.test(part), afterComma }];
    }),
  );
}

/** Splits a ConfigMap value into words; a comma is no separator there. */
export function wordsOf(text: string): Word[] {
  return text.split(LINE_END).flatMap((line, index) => wordsOfLine(line, index + 1));
}

const wordsOfLine = (text: string, line: number): Word[] =>
  text
    .split(WHITE_SPACE)
    .filter((word) => word !== '')
    .map((word) => ({ text: word, line }));
