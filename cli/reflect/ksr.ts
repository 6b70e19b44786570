/** `podwire ksr`: the reflector by itself, with KSR's flags, files and REST API. */
import type { Command } from 'commander';

/** Adds the command to the program. Its options are KSR's, which are read as KSR reads them: with one dash or two, in the environment too. */
export function register(program: Command): void {
  program
    .command('ksr')
    .description(
      'Reflects Kubernetes state into etcd, as Contiv KSR did, with its files and REST API. Runs until it is stopped.',
    )
    .argument('[options...]', 'see podwire ksr --help')
    .allowUnknownOption()
    .helpOption(false)
    .action((_words: readonly string[], _options: object, command: Command) => ksr(command.args));
}

/** Exit codes: 0 after SIGTERM or SIGINT, 1 after a fault of its own, 2 when the configuration is refused. */
async function ksr(argv: readonly string[]): Promise<void> {
  const { ksrHelp, readKsrConfig } = await import('../../config/reflect/ksr.ts');
  if (argv.includes('--help') || argv.includes('-h')) {
    process.stdout.write(ksrHelp());
    return;
  }
  try {
    const config = readKsrConfig(argv, process.env);
    const { runKsr } = await import('../../workers/reflect/ksr.ts');
    await runKsr(config);
    process.exit(0);
  } catch (error) {
    const { ConfigError } = await import('../../config/cli-flags.ts');
    process.stderr.write(`podwire ksr: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(error instanceof ConfigError ? 2 : 1);
  }
}
