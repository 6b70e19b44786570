/** What can be typed after `podwire`, from the commands themselves. */
import type { Command, Option } from 'commander';

export interface CompletedOption {
  /** As they are typed: `--output`, `-o`. */
  readonly names: readonly string[];
  readonly help: string;
  readonly takesValue: boolean;
  /** Empty: any value. */
  readonly choices: readonly string[];
}

export interface CompletedCommand {
  /** The whole name: `podwire reflect diff`. */
  readonly path: string;
  readonly help: string;
  readonly subcommands: readonly string[];
  /** Of the first argument; empty: anything. */
  readonly choices: readonly string[];
  readonly options: readonly CompletedOption[];
}

/** The program and all of its commands, each behind its group. */
export function completedCommands(command: Command, before = ''): CompletedCommand[] {
  const path = before === '' ? command.name() : `${before} ${command.name()}`;
  const shown = command
    .createHelp()
    .visibleCommands(command)
    .filter((each) => each.name() !== 'help');
  return [
    {
      path,
      help: firstSentence(command.description()),
      subcommands: shown.map((each) => each.name()),
      choices: command.registeredArguments[0]?.argChoices ?? [],
      options: command.createHelp().visibleOptions(command).map(completed),
    },
    ...shown.flatMap((each) => completedCommands(each, path)),
  ];
}

const completed = ({ long, short, description, required, optional, argChoices }: Option): CompletedOption => ({
  names: [long, short].filter((name) => name !== undefined && name !== null),
  help: firstSentence(description),
  takesValue: required || optional,
  choices: argChoices ?? [],
});

const firstSentence = (text: string): string => text.split(/[.:;] |\n/, 1)[0]?.replace(/\.$/, '') ?? '';
