/** `podwire version`: which build this is. */
import type { Command } from 'commander';
import { buildInfo } from '../../workers/build-info.ts';
import { addOutput, print, type OutputOption } from '../output.ts';

/** Adds the command to the program. */
export function register(program: Command): void {
  const command = program
    .command('version')
    .description('Says which version this is, and of which commit and day where its builder said so.');
  addOutput(command).action((output: OutputOption) => {
    const build = buildInfo(process.env);
    return print(build, output, () => `${textOf(build)}\n`);
  });
}

function textOf({ version, commit, date }: ReturnType<typeof buildInfo>): string {
  const more = [commit === '' ? '' : `commit ${commit}`, date === '' ? '' : `built ${date}`].filter(
    (part) => part !== '',
  );
  return `podwire ${version}${more.length === 0 ? '' : ` (${more.join(', ')})`}`;
}
