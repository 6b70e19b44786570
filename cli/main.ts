/** `podwire`: the command line. Each command is a file of `commands/` that registers itself; nothing heavy is loaded before one runs. */
import { Command } from 'commander';
import { register as registerLint } from './commands/lint.ts';
import { UsageError } from './usage-error.ts';

const program = new Command('podwire').description('Durable pod networking for Kubernetes.').showHelpAfterError();

registerLint(program);

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`podwire: ${error instanceof UsageError ? error.message : String((error as Error).stack)}\n`);
  process.exitCode = 1;
}
