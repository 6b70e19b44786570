/** `npm run demo`: a real cluster, podwire installed in it from its manifests, and seven acts that show what it does. */
import { cpSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { outliveClosedOutput } from '../../adapters/process/closed-output.ts';
import { labDown, labUp, lineProgress, type Lab } from '../lab/lab.ts';
import { callNodesPlugins } from '../lab/chained.ts';
import { ROOT } from '../lab/image-inputs.ts';
import { DEFAULT_NAME, DEFAULT_NODES, MAX_NODES } from '../lab/layout.ts';
import { installPodwire, provideImages } from '../lab/installed.ts';
import { ACTS } from './acts/all.ts';
import { lookAround } from './look-around.ts';
import { terminalPicture } from './picture.ts';
import { makeStage, playActs } from './stage.ts';

/** a, b and gateway are each on a node of their own. */
const MIN_NODES = 3;
const NAMESPACE = 'demo';

outliveClosedOutput();
const printed: string[] = [];
const print = (line: string): void => {
  printed.push(...line.split('\n'));
  process.stdout.write(`${line}\n`);
};
const progress = lineProgress(print);

const program = new Command('demo')
  .description('Starts a lab, installs podwire in it, shows seven acts, and removes everything again')
  .option('--keep', 'leave the lab running at the end', false)
  .option('--name <name>', 'which lab', DEFAULT_NAME)
  .option('--picture <file>', 'write what the acts printed as an SVG picture, too')
  .option('--nodes <count>', `number of nodes, ${MIN_NODES} to ${MAX_NODES}`, String(DEFAULT_NODES))
  .parse();
const options = program.opts<{ keep: boolean; name: string; nodes: string; picture?: string }>();
const downCommand = `npm run lab -- ${options.name === DEFAULT_NAME ? '' : `--name ${options.name} `}down`;

/** Rejects at the first Ctrl-C, so that what is up is taken down; the second one ends at once. */
const interrupted = new Promise<never>((_, reject) => {
  let asked = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (asked) {
        print(`ended; remove what is left with: ${downCommand}`);
        process.exit(130);
      }
      asked = true;
      reject(new Error(`interrupted by ${signal}`));
    });
  }
});
interrupted.catch(() => undefined);

process.exitCode = await main();
if (options.picture !== undefined) writeFileSync(options.picture, terminalPicture(actsOf(printed)));

/** Of what was printed, the acts and their summary: the rest is about this machine. */
function actsOf(lines: readonly string[]): string[] {
  const first = lines.findIndex((line) => line.startsWith('--- act'));
  const last = lines.findLastIndex((line) => /^ {2}ok {2}act /.test(line));
  return lines.slice(Math.max(first, 0), last < 0 ? undefined : last + 1);
}

async function main(): Promise<number> {
  const nodes = Number(options.nodes);
  if (!Number.isInteger(nodes) || nodes < MIN_NODES || nodes > MAX_NODES) {
    print(`--nodes '${options.nodes}' is not allowed: a whole number from ${MIN_NODES} to ${MAX_NODES}`);
    return 2;
  }
  const started = performance.now();
  let failed: unknown;
  let lab: Lab | undefined;
  try {
    progress.stage('1. a cluster', 'podwire');
    // Not raced: a lab that is being started must be complete before it can be taken down.
    lab = await labUp({ name: options.name, nodes, stores: false, progress });
    await Promise.race([show(lab), interrupted]);
  } catch (error) {
    failed = error;
    print(`\nFAILED: ${error instanceof Error ? error.message : String(error)}`);
    if (lab !== undefined) for (const line of await whereToLook(lab)) print(line);
  }
  if (options.keep) {
    print(`the lab is kept; remove it with: ${downCommand}`);
  } else {
    progress.stage('4. remove everything (keep it with --keep)');
    await labDown({ name: options.name, progress });
  }
  const took = `${Math.round((performance.now() - started) / 1000)} s`;
  print(
    failed === undefined ? `\nall ${ACTS.length} acts went well, ${took} in all` : `\nthe demo failed after ${took}`,
  );
  return failed === undefined ? 0 : 1;
}

/** A lab that is about to be removed leaves its logs. */
async function whereToLook(lab: Lab): Promise<string[]> {
  if (options.keep) return lookAround(lab, NAMESPACE);
  const kept = join(ROOT, 'build/demo-logs');
  rmSync(kept, { recursive: true, force: true });
  cpSync(join(lab.dir, 'logs'), kept, { recursive: true });
  return [`logs of all parts: ${kept}`, 'to look around in the lab, repeat the demo with: npm run demo -- --keep'];
}

async function show(lab: Lab): Promise<void> {
  progress.stage('2. podwire in it', 'the acts');
  await provideImages(lab, 'evaluation', progress);
  for (const node of lab.nodes) await callNodesPlugins(node);
  await progress.task('kubectl apply -k deploy/overlays/evaluation, with the component cni-server', () =>
    installPodwire(lab, { overlay: 'evaluation', settings: {}, components: ['cni-server'] }),
  );
  progress.stage('3. the acts', options.keep ? 'the end' : 'removal');
  await progress.task(`namespace ${NAMESPACE}`, () => makeStage(lab, NAMESPACE));
  await playActs(ACTS, lab, NAMESPACE, print);
  for (const line of await lookAround(lab, NAMESPACE)) print(line);
}
