/** `npm run lab -- …`: the lab for people. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Command, Option } from 'commander';
import { runAttached } from '../../adapters/process/attached.ts';
import { outliveClosedOutput, outputIsClosed } from '../../adapters/process/closed-output.ts';
import { kubectlEnv, labDown, labUp, lineProgress, openLab } from './lab.ts';
import type { Lab, Progress } from './lab.ts';
import { CLUSTER_NETWORKS, DEFAULT_NAME, DEFAULT_NODES, labLayout, type ClusterNetwork } from './layout.ts';
import { logFile, logTail, partNames } from './parts.ts';
import { installPodwire, provideImages, type Overlay } from './installed.ts';
import { startPodwire, stopPodwire } from './podwire.ts';
import { readState } from './state.ts';
import { addressLines, partLines, statusLines } from './report.ts';
import { SEARCH_PATH } from './commands.ts';

outliveClosedOutput();
const print = (line: string): void => void process.stdout.write(`${line}\n`);
const program = new Command('lab')
  .description('A real Kubernetes cluster, Temporal and etcd on this one machine, in namespaces of their own')
  .enablePositionalOptions()
  .option('--name <name>', 'which lab', DEFAULT_NAME);

/** Environment of podwire's parts, over that of the lab. */
type Settings = Readonly<Record<string, string>>;

/** How podwire comes into a lab. */
const STARTS = {
  manifests: (lab: Lab, settings: Settings, progress: Progress) => install(lab, 'existing', settings, progress),
  evaluation: (lab: Lab, settings: Settings, progress: Progress) => install(lab, 'evaluation', settings, progress),
  host: (lab: Lab, settings: Settings, progress: Progress) =>
    progress.task('podwire, as processes of this machine', () => startPodwire(lab, { env: settings })),
  none: async () => undefined,
} as const satisfies Record<string, (lab: Lab, settings: Settings, progress: Progress) => Promise<void>>;

/** As an administrator does it; processes of podwire beside the cluster end. */
async function install(lab: Lab, overlay: Overlay, settings: Settings, progress: Progress): Promise<void> {
  await stopPodwire(lab);
  await provideImages(lab, overlay, progress);
  await progress.task(`kubectl apply -k deploy/overlays/${overlay}`, () => installPodwire(lab, { overlay, settings }));
}

/** A lab's name may stand before or after the subcommand. */
const nameOf = (o: { name?: string }): string => o.name ?? program.opts<{ name: string }>().name;
const named = (name: string): Command => program.command(name).option('--name <name>', 'which lab');

interface UpOptions {
  readonly name?: string;
  readonly nodes?: number;
  readonly podwire: keyof typeof STARTS;
  readonly network?: ClusterNetwork;
  readonly sdkTuning?: string;
}

named('up')
  .description('start the lab, or complete one that is partly there')
  .option('--nodes <n>', `number of nodes, 1-5 (default: what the lab has, else ${DEFAULT_NODES})`, Number)
  .addOption(
    new Option(
      '--podwire <how>',
      "podwire from its manifests, with the lab's Temporal and etcd or with those of the evaluation; as processes of this machine; or none",
    )
      .choices(Object.keys(STARTS))
      .default('manifests'),
  )
  .addOption(
    new Option(
      '--network <what>',
      "what connects the pods: the plugin bridge, or podwire as the cluster's only network (default: what the lab has, else bridge)",
    ).choices(CLUSTER_NETWORKS),
  )
  .addOption(new Option('--sdk-tuning <how>', 'the setting of this name (default: off)').choices(['on', 'off']))
  .action(async (o: UpOptions) => {
    const name = nameOf(o);
    const nodes = o.nodes ?? readState(labLayout(name))?.nodes ?? DEFAULT_NODES;
    const progress = lineProgress(print);
    const lab = await labUp({ name, nodes, network: o.network, progress });
    await STARTS[o.podwire](lab, o.sdkTuning === undefined ? {} : { PODWIRE_SDK_TUNING: o.sdkTuning }, progress);
    await showStatus(lab);
  });

named('down')
  .description('remove the lab and everything it made')
  .action(async (o: { name?: string }) => {
    const progress = lineProgress(print);
    await labDown({ name: nameOf(o), progress });
    progress.line(`lab '${nameOf(o)}' is gone`);
  });

named('status')
  .description('parts, versions, addresses, nodes; of a lab that is there in part, its parts')
  .action(async (o: { name?: string }) => {
    try {
      await showStatus(await openLab(nameOf(o)));
    } catch (error) {
      for (const line of await partLines(labLayout(nameOf(o)))) print(line);
      throw error;
    }
  });

named('ui')
  .description('addresses to look at')
  .action(async (o: { name?: string }) => addressLines(await openLab(nameOf(o))).forEach(print));

named('logs')
  .description('the log of one part, or the end of all')
  .argument('[part]')
  .option('-n, --lines <n>', 'how many lines', Number, 50)
  .option('-f, --follow', 'go on with what is added')
  .action(async (part: string | undefined, o: { name?: string; lines: number; follow?: boolean }) => {
    const lab = labLayout(nameOf(o));
    const names = partNames(lab);
    if (part !== undefined && !names.includes(part)) {
      throw new Error(`lab '${lab.name}' has no part '${part}'; it has: ${names.join(', ') || 'none'}`);
    }
    for (const name of part === undefined ? names : [part]) print(logTail(lab, name, o.lines));
    if (o.follow && part !== undefined) await follow(logFile(lab, part), part);
  });

program
  .command('kubectl')
  .description('kubectl as the administrator of the lab')
  .argument('[args...]')
  .helpOption(false)
  .allowUnknownOption()
  .passThroughOptions()
  .action(async (args: string[]) => {
    const lab = await openLab(nameOf({}));
    const env = { PATH: SEARCH_PATH, TERM: process.env['TERM'] ?? 'dumb', ...kubectlEnv(lab) };
    process.exitCode = await runAttached(lab.binaries.kubectl, args, env);
  });

async function showStatus(lab: Lab): Promise<void> {
  for (const line of await statusLines(lab)) print(line);
}

/** Prints what is appended to a file until the process is interrupted, or nobody reads. */
async function follow(file: string, prefix: string): Promise<void> {
  let seen = existsSync(file) ? statSync(file).size : 0;
  while (!outputIsClosed()) {
    await sleep(300);
    const text = readFileSync(file);
    if (text.length > seen) {
      for (const line of text.subarray(seen).toString('utf8').trimEnd().split('\n')) print(`${prefix} | ${line}`);
    }
    seen = text.length;
  }
}

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`lab: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
