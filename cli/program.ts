/** The command line's program: each command is a file of `commands/` that registers itself; nothing heavy is loaded before one runs. */
import { Command } from 'commander';
import { KubeConfigError, NoKubeConfigError } from '../adapters/kubernetes/kube-config-error.ts';
import { PodwireError } from '../domain/failures.ts';
import { loadFileOf } from './command-settings.ts';
import { register as registerCompletion } from './commands/completion.ts';
import { register as registerDoctor } from './commands/doctor.ts';
import { register as registerExplain } from './commands/explain.ts';
import { register as registerForget } from './commands/forget.ts';
import { register as registerInspect } from './commands/inspect.ts';
import { register as registerIpam } from './ipam/ipam.ts';
import { register as registerKsr } from './reflect/ksr.ts';
import { register as registerLint } from './commands/lint.ts';
import { register as registerList } from './commands/list.ts';
import { register as registerLogs } from './commands/logs.ts';
import { register as registerNetwork } from './commands/network.ts';
import { register as registerNetworks } from './commands/networks.ts';
import { register as registerNodes } from './commands/nodes.ts';
import { register as registerPrimary } from './commands/primary.ts';
import { register as registerReflect } from './reflect/reflect.ts';
import { register as registerRetry } from './commands/retry.ts';
import { register as registerStatus } from './commands/status.ts';
import { register as registerSweep } from './commands/sweep.ts';
import { buildInfo } from '../workers/build-info.ts';
import { register as registerTeardown } from './commands/teardown.ts';
import { register as registerVersion } from './commands/version.ts';
import { EXAMPLES } from './examples.ts';
import { exitCodesText } from './exit-codes.ts';
import { noKubeconfigText } from './default-kubeconfig.ts';
import { nextStepText } from './next-step.ts';
import { UsageError } from './usage-error.ts';

/** In the order of `--help`. */
const COMMANDS = [
  registerDoctor,
  registerLint,
  registerInspect,
  registerList,
  registerExplain,
  registerStatus,
  registerLogs,
  registerNetworks,
  registerNodes,
  registerNetwork,
  registerRetry,
  registerForget,
  registerSweep,
  registerPrimary,
  registerIpam,
  registerReflect,
  registerKsr,
  registerTeardown,
  registerVersion,
  registerCompletion,
] as const;

/** As kubectl finds its plugins. */
const PLUGIN = 'kubectl-podwire';

/** Runs one command line; what fails is said on stderr, and `process.exitCode` tells how it ended. */
export async function runCommandLine(argv: readonly string[], calledAs = 'podwire'): Promise<void> {
  try {
    await createProgram(calledAs).parseAsync(argv, { from: 'user' });
  } catch (error) {
    process.stderr.write(`podwire: ${textOf(error as Error)}\n`);
    process.exitCode = 1;
  }
}

/** @param calledAs file name of the program: `kubectl-podwire` is called as `kubectl podwire` */
export function createProgram(calledAs: string): Command {
  const shown = calledAs === PLUGIN ? 'kubectl podwire' : 'podwire';
  const program = new Command('podwire')
    .description('Durable pod networking for Kubernetes.')
    .version(buildInfo(process.env).version)
    .addHelpText('after', `\n${exitCodesText()}`)
    .showHelpAfterError();
  program.hook('preAction', (_program, command) => loadFileOf(command));
  for (const register of COMMANDS) register(program);
  describe(program, shown);
  return program;
}

/** Examples and the name that was typed, in the help of the command and of all below it. */
function describe(command: Command, shown: string): void {
  const path = pathOf(command);
  const typed = (line: string): string => line.replace(/^podwire /, `${shown} `);
  const examples = (EXAMPLES[path] ?? []).map((line) => `\n  ${typed(line)}`);
  if (examples.length > 0) command.addHelpText('after', `\nExamples:${examples.join('')}`);
  const help = command.createHelp();
  command.configureHelp({ commandUsage: (each) => typed(help.commandUsage(each)) });
  for (const each of command.commands) describe(each, shown);
}

/** `podwire reflect diff`. */
export const pathOf = (command: Command): string =>
  command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;

function textOf(error: Error): string {
  if (error instanceof NoKubeConfigError) return noKubeconfigText();
  if (error instanceof PodwireError) return `${error.message}${nextStepText(error.code)}`;
  const expected = [UsageError, KubeConfigError].some((kind) => error instanceof kind);
  return String(expected ? error.message : error.stack);
}
