/** `podwire version`: which build this is. */
import { Option, type Command } from 'commander';
import { buildInfo } from '../../workers/build-info.ts';

interface VersionOptions {
  readonly output: 'text' | 'json';
}

/** Adds the command to the program. */
export function register(program: Command): void {
  program
    .command('version')
    .description('Says which version this is, and of which commit and day where its builder said so.')
    .addOption(new Option('-o, --output <form>', 'form of the answer').choices(['text', 'json']).default('text'))
    .action(({ output }: VersionOptions) => {
      const build = buildInfo(process.env);
      process.stdout.write(`${output === 'json' ? JSON.stringify(build) : textOf(build)}\n`);
    });
}

function textOf({ version, commit, date }: ReturnType<typeof buildInfo>): string {
  const more = [commit === '' ? '' : `commit ${commit}`, date === '' ? '' : `built ${date}`].filter(
    (part) => part !== '',
  );
  return `podwire ${version}${more.length === 0 ? '' : ` (${more.join(', ')})`}`;
}
