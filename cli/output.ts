/** The same answer for people and for programs. */
import { Option, type Command } from 'commander';

const FORMATS = ['text', 'json', 'yaml'] as const;

export interface OutputOption {
  readonly output: (typeof FORMATS)[number];
}

/** Adds the flag to a command whose options are an `OutputOption`. */
export const addOutput = (command: Command): Command =>
  command.addOption(
    new Option('-o, --output <format>', 'for people, or for programs').choices(FORMATS).default('text'),
  );

/** Writes the answer to standard output. @param text for people, made only for them */
export async function print(
  answer: object,
  { output }: OutputOption,
  text: () => string | Promise<string>,
): Promise<void> {
  process.stdout.write(await inFormat(answer, output, text));
}

async function inFormat(
  answer: object,
  output: OutputOption['output'],
  text: () => string | Promise<string>,
): Promise<string> {
  if (output === 'text') return text();
  if (output === 'json') return `${JSON.stringify(answer, null, 2)}\n`;
  const { dump } = await import('js-yaml');
  return dump(answer);
}
