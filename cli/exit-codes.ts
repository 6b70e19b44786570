/** How commands end: one meaning for each code, whichever the command. */

/** Code and meaning, as `podwire --help` and docs/operations.md have them. */
export const EXIT_CODES: readonly (readonly [code: number, meaning: string])[] = [
  [0, 'done; nothing is missing'],
  [
    1,
    'not done, or not whole: a wrong argument, no such pod, somebody did not answer; doctor, nodes: something is wrong',
  ],
  [2, 'what was to be checked or converted has mistakes: lint, reflect convert; ksr: the configuration is refused'],
  [3, 'something remains, or differs: sweep, teardown, reflect diff'],
];

/** For `--help`. */
export const exitCodesText = (): string =>
  ['Exit codes:', ...EXIT_CODES.map(([code, meaning]) => `  ${code}  ${meaning}`)].join('\n');
