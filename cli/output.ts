/** The same answer for people and for programs. */
import { Option, type Command } from 'commander';

const FORMATS = ['text', 'wide', 'json', 'yaml'] as const;
type Format = (typeof FORMATS)[number];

export interface OutputOption {
  readonly output: Format;
}

/** Adds the flag to a command whose options are an `OutputOption`. @param o.wide whether there is more for people than fits a terminal */
export function addOutput(command: Command, { wide = false } = {}): Command {
  const option = new Option('-o, --output <format>', 'for people, or for programs')
    .choices(FORMATS.filter((format) => wide || format !== 'wide'))
    .default('text');
  const { parseArg } = option;
  // So `doctor` called what is text now; people and scripts still do.
  return command.addOption(option.argParser((value, before) => parseArg?.(value === 'table' ? 'text' : value, before)));
}

/** Writes the answer to standard output. @param text for people, made only for them; `wide`: with all columns */
export async function print(
  answer: object,
  { output }: OutputOption,
  text: (wide: boolean) => string | Promise<string>,
): Promise<void> {
  process.stdout.write(await inFormat(answer, output, text));
}

/**
 * Does the work, which puts into the answer what it has done and tells people of it as it goes on. Programs get the answer at the end, also
 * when the work fails in the middle: what was done is done.
 * @throws what the work throws
 */
export async function printDone(answer: object, { output }: OutputOption, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } finally {
    if (output !== 'text') process.stdout.write(await inFormat(answer, output, () => ''));
  }
}

/** The answer as it is written. */
export async function inFormat(
  answer: object,
  output: Format,
  text: (wide: boolean) => string | Promise<string>,
): Promise<string> {
  if (output === 'text' || output === 'wide') return text(output === 'wide');
  if (output === 'json') return `${JSON.stringify(answer, null, 2)}\n`;
  const { dump } = await import('js-yaml');
  return dump(answer);
}
