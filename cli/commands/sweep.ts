/** `podwire sweep`: looks for leaks and drift on nodes now, without waiting for their workers' next looks. */
import type { Command } from 'commander';
import type { Client } from '@temporalio/client';
import { etcdSettings } from '../../config/etcd.ts';
import { temporalSettings } from '../../config/temporal.ts';
import { nodeKey } from '../../domain/keys.ts';
import type { NodeSweepInput, SweepReport, SweepRow } from '../../domain/sweep/messages.ts';
import { addSettings, settingsOf } from '../command-settings.ts';
import { addOutput, print, type OutputOption } from '../output.ts';
import { ageText, textTable } from '../text-table.ts';
import { UsageError } from '../usage-error.ts';
import { withEtcd } from '../with-etcd.ts';
import { withTemporal } from '../with-temporal.ts';

const table = { ...temporalSettings, ...etcdSettings };

interface SweepOptions extends OutputOption {
  readonly dryRun?: boolean;
  readonly removeForeign?: boolean;
  readonly yes?: boolean;
}

/** Two looks, the pause, and as long as plugins may take. */
const LIMIT_MS = 8 * 60_000;
const PAUSE_SECONDS = 3;
const EXIT_REMAINS = 3;
const NODE = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;

/** Adds the command to the program. */
export function register(program: Command): void {
  const command = program
    .command('sweep')
    .description(
      'Looks twice for what nothing living owns and for interfaces changed by hand; removes the one and has the other made anew. ' +
        'Exit code 0: nothing is left to do; 3: something remains (reported, failed, or found by a dry run); 1: a node could not be swept.',
    )
    .argument('[node...]', 'nodes to sweep; all nodes that have a podwire worker when left out')
    .option('--dry-run', 'look only, touch nothing')
    .option(
      '--remove-foreign',
      "remove also reservations and libcni's cache files that podwire did not make; needs --yes",
    )
    .option('--yes', 'really remove what podwire did not make');
  addSettings(addOutput(command), table).action(sweep);
}

async function sweep(named: string[], options: SweepOptions, command: Command): Promise<void> {
  const { dryRun = false, removeForeign = false, yes = false } = options;
  if (removeForeign && dryRun)
    throw new UsageError('--remove-foreign removes and --dry-run does not; give one of them');
  if (removeForeign && (!yes || named.length === 0)) {
    throw new UsageError(
      '--remove-foreign takes away what other programs made, for sandboxes that the container runtime does not know. ' +
        'Look first (--dry-run), then name the nodes and add --yes',
    );
  }
  const wrong = named.find((node) => !NODE.test(node));
  if (wrong !== undefined) throw new UsageError(`${JSON.stringify(wrong)} is no node's name`);
  const settings = settingsOf(command, table);
  const nodes =
    named.length > 0 ? named : await withEtcd(settings, async (etcd) => nodesOf(await etcd.keys(nodeKey(''))));
  const inputs = nodes.map((node): NodeSweepInput => ({
    node,
    pauseSeconds: PAUSE_SECONDS,
    ...(dryRun ? { dryRun } : {}),
    ...(removeForeign ? { removeForeign } : {}),
  }));
  const reports = await withTemporal(settings, (client) => sweepAll(client, inputs));
  await print(reports, options, () => reportText(reports));
  process.exitCode = exitCodeOf(reports);
}

const nodesOf = (keys: readonly string[]): string[] => keys.map((key) => key.slice(nodeKey('').length)).sort();

async function sweepAll(client: Client, inputs: readonly NodeSweepInput[]): Promise<SweepReport[]> {
  const { sweepNow } = await import('../../adapters/temporal/sweeps.ts');
  return Promise.all(inputs.map((input) => sweepNow(client, input, LIMIT_MS)));
}

const HEAD = ['node', 'what', 'where', 'owner', 'since', 'action', 'why'];

/** For people. */
export function reportText(reports: readonly SweepReport[]): string {
  const rows = reports.flatMap(({ node, rows: found }) => found.map((row) => [node, ...cellsOf(row)]));
  const notes = reports.flatMap((report) => noteOf(report) ?? []);
  const swept = reports.filter(({ state }) => state === 'done').map(({ node }) => node);
  const nothing = swept.length === 0 ? [] : [`nothing found on ${swept.join(', ')}`];
  return [rows.length === 0 ? nothing.map((line) => `${line}\n`).join('') : textTable(HEAD, rows), ...notes].join('');
}

function cellsOf({ finding, outcome, ageSeconds, note }: SweepRow): string[] {
  const now = Date.now();
  const since = ageText(new Date(now - ageSeconds * 1_000), now);
  const { kind, where, owner, why, action, foreign } = finding;
  const done = outcome === 'found' ? `would ${foreign === true ? 'report' : action}` : outcome;
  return [foreign === true ? `${kind} (foreign)` : kind, where, owner, since, done, note ?? why];
}

function noteOf({ node, state, note, more }: SweepReport): string | undefined {
  if (state === 'node-away' || state === 'node-gone') return `${node}: no podwire worker answers\n`;
  if (state === 'failed') return `${node}: ${note ?? 'failed'}\n`;
  return more === 0 ? undefined : `${node}: ${more} more; sweep again\n`;
}

const SETTLED: readonly SweepRow['outcome'][] = ['gone', 'removed', 'repairing', 'repaired', 'told', 'busy'];

function exitCodeOf(reports: readonly SweepReport[]): number {
  if (reports.some(({ state }) => state !== 'done')) return 1;
  const remains = reports.some(({ rows, more }) => more > 0 || rows.some(({ outcome }) => !SETTLED.includes(outcome)));
  return remains ? EXIT_REMAINS : 0;
}
