/** `podwire completion`: a script with which a shell completes command lines. */
import { Argument, type Command } from 'commander';
import { SHELLS, type Shell } from '../completion/scripts.ts';

/** Adds the command to the program, whose commands it completes. */
export function register(program: Command): void {
  program
    .command('completion')
    .description('Prints a script with which a shell completes commands, options and their values.')
    .addArgument(new Argument('<shell>', 'which shell').choices(SHELLS))
    .action(async (shell: Shell) => {
      const [{ completedCommands }, { completionScript }] = await Promise.all([
        import('../completion/command-tree.ts'),
        import('../completion/scripts.ts'),
      ]);
      process.stdout.write(completionScript(shell, completedCommands(program)));
    });
}
