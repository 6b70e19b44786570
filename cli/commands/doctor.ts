/** `podwire doctor`: what is missing, of all parts and on all nodes, with the commands that cure it. */
import type { Command } from 'commander';
import type { Check } from '../../domain/start-checks/check.ts';
import { addSettings, settingsOf } from '../command-settings.ts';
import { apiSettings, openApi } from '../kube-api.ts';
import { addOutput, print, type OutputOption } from '../output.ts';
import { textTable } from '../text-table.ts';

interface DoctorOptions extends OutputOption {
  readonly namespace: string;
  readonly all?: boolean;
}

interface Row {
  readonly part: string;
  readonly node: string;
  readonly check: Check;
}

const ORDER = { error: 0, waiting: 1, warning: 2, ok: 3 } as const;

/** Adds the command to the program. */
export function register(program: Command): void {
  const command = program
    .command('doctor')
    .description(
      'Says what is missing, for every part and node. Exit code 0: nothing keeps podwire from working; 1: something does.',
    )
    .option('-n, --namespace <name>', 'namespace that podwire runs in', 'podwire-system')
    .option('--all', 'also what is as it should be');
  addSettings(addOutput(command), apiSettings).action((options: DoctorOptions) => doctor(options, command));
}

async function doctor(options: DoctorOptions, command: Command): Promise<void> {
  const settings = settingsOf(command, apiSettings);
  const { nodeNames, partReports } = await import('../../adapters/kubernetes/installation.ts');
  const { installationChecks } = await import('../../domain/start-checks/installation.ts');
  const kube = await openApi(settings);
  try {
    const { namespace } = options;
    const [nodes, parts] = await Promise.all([nodeNames(kube), partReports(kube, namespace)]);
    const cluster = installationChecks({ nodes, parts, namespace });
    const rows: Row[] = [
      ...cluster.map((check) => ({ part: 'cluster', node: '', check })),
      ...parts.flatMap(({ part, pod, node, checks }) => checks.map((check) => ({ part: pod || part, node, check }))),
    ].sort((a, b) => ORDER[a.check.state] - ORDER[b.check.state]);
    const ok = rows.every(({ check }) => check.state !== 'error' && check.state !== 'waiting');
    await print({ ok, cluster, parts }, options, () => tableOf(rows, options.all === true));
    if (!ok) process.exitCode = 1;
  } finally {
    kube.close();
  }
}

function tableOf(rows: readonly Row[], all: boolean): string {
  const shown = rows.filter(({ check }) => all || check.state !== 'ok');
  const count = (state: Check['state']): number => rows.filter(({ check }) => check.state === state).length;
  const total = `${count('error') + count('waiting')} error(s), ${count('warning')} warning(s), ${count('ok')} as they should be\n`;
  if (shown.length === 0) return total;
  const table = textTable(
    ['state', 'part', 'node', 'check', 'found'],
    shown.map(({ part, node, check }) => [check.state, part, node, check.name, foundOf(check)]),
  );
  return `${table}${total}`;
}

/** Setting, value, what is allowed, and the cure, behind what was found: in one line, so that the table can be searched. */
function foundOf({ state, text, setting, value, allowed, cure }: Check): string {
  if (state === 'ok') return text;
  const words = [
    text,
    ...(setting === undefined ? [] : [`setting: ${setting}${value === undefined ? '' : `=${value}`}`]),
    ...(allowed === undefined ? [] : [`allowed: ${allowed}`]),
    ...(cure === undefined ? [] : [`do: ${cure}`]),
  ];
  return words.join(' | ');
}
