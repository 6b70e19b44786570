/** `podwire status`: what is being worked on, and for one pod why and how far. */
import { Option, type Command } from 'commander';
import type { Client } from '@temporalio/client';
import type { Etcd } from '../../adapters/etcd/client.ts';
import { KubeConfigError, NoKubeConfigError } from '../../adapters/kubernetes/kube-config-error.ts';
import { dialectOf, dialectSettings } from '../../config/common.ts';
import { etcdOf, etcdSettings } from '../../config/etcd.ts';
import { temporalSettings } from '../../config/temporal.ts';
import { PodwireError } from '../../domain/failures.ts';
import { meshWorkflowId, type ProvisioningState } from '../../domain/messages.ts';
import { networkKey } from '../../domain/network-selection.ts';
import type { AttachmentRecord } from '../../domain/records.ts';
import type { Values } from '../../config/cli-flags.ts';
import { addSettings, settingsOf } from '../command-settings.ts';
import { apiSettings, openApi } from '../kube-api.ts';
import { meshesOf, meshText, type MeshesOf } from '../meshes.ts';
import { runTable } from '../render/runs.ts';
import { addOutput, print, type OutputOption } from '../output.ts';
import { attachmentsOf, everyAttachment, failuresOf, isOfPod } from '../pod-attachments.ts';
import { namespaceOrPod, podText, type PodName } from '../pod-argument.ts';
import type { PodRun } from '../pod-runs.ts';
import { statusAnswer, type StatusAnswer } from '../status-answer.ts';
import { storeAlarmsText } from '../store-alarms.ts';
import { warn } from '../tell.ts';
import { ageText, textTable } from '../text-table.ts';
import { addWatch, watching, type WatchOption } from '../watching.ts';
import { withEtcd } from '../with-etcd.ts';
import { withTemporal } from '../with-temporal.ts';

const table = { ...temporalSettings, ...etcdSettings, ...apiSettings, ...dialectSettings };

const STATES = [
  'Converging',
  'Converged',
  'Stuck',
  'NodeUnavailable',
  'EtcdUnavailable',
  'ApiUnavailable',
  'Refused',
  'Detaching',
] as const satisfies readonly ProvisioningState[];

interface StatusOptions extends OutputOption, WatchOption {
  readonly state?: ProvisioningState;
}

/** Adds the command to the program. */
export function register(program: Command): void {
  const command = program
    .command('status')
    .description('Shows open runs: pods that are being worked on, wait or are stuck. A pod that converged has none.')
    .argument('[namespace[/pod]]', 'only this namespace; or one pod, with its steps and its records in etcd')
    .addOption(new Option('--state <state>', 'only runs in this state').choices(STATES));
  addSettings(addWatch(addOutput(command)), table).action(status);
}

async function status(target: string | undefined, options: StatusOptions, command: Command): Promise<void> {
  const settings = settingsOf(command, table);
  await watching(options, () => once(settings, target, options));
}

type Settings = Values<typeof table>;

async function once(settings: Settings, target: string | undefined, options: StatusOptions): Promise<void> {
  const { namespace, name } = target === undefined ? {} : namespaceOrPod(target);
  const [state, alarms] = await Promise.all([
    withEtcd(settings, storeText).catch(unreadable),
    storeAlarmsText(etcdOf(settings)),
  ]);
  process.stderr.write(`${alarms}${state}`);
  await withTemporal(settings, async (client) => {
    const { findOpenRuns } = await import('../pod-runs.ts');
    const found = await findOpenRuns(client, { namespace, name, state: options.state });
    const runs = found.sort((a, b) => a.since.getTime() - b.since.getTime());
    if (options.output !== 'text')
      return print(await answerOf(client, settings, { target, namespace, name, runs }), options, () => '');
    process.stdout.write(runs.length === 0 ? `${noneText(target, options.state)}\n` : runTable(runs, Date.now()));
    if (target === undefined) process.stdout.write(await withEtcd(settings, nodesText).catch(unreadable));
    if (namespace === undefined || name === undefined) return;
    for (const run of runs) process.stdout.write(await taskText(client, run));
    process.stdout.write(await withEtcd(settings, (etcd) => recordText(etcd, client, { namespace, name })));
    process.stdout.write(await apiText(settings, { namespace, name }));
  });
}

interface Asked {
  readonly target: string | undefined;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly runs: readonly PodRun[];
}

async function answerOf(
  client: Client,
  settings: Settings,
  { target, namespace, name, runs }: Asked,
): Promise<StatusAnswer> {
  if (namespace === undefined || name === undefined) {
    if (target !== undefined) return statusAnswer(runs, {}, warn);
    const { readNodeLooks } = await import('../../adapters/etcd/node-looks.ts');
    return statusAnswer(runs, { nodes: () => withEtcd(settings, (etcd) => readNodeLooks(etcd, warn)) }, warn);
  }
  const { queryView } = await import('../pod-runs.ts');
  const records = async (): Promise<readonly AttachmentRecord[]> => {
    const stored = await withEtcd(settings, (etcd) => attachmentsOf(etcd, { namespace, name }, warn));
    return stored.map(({ value }) => value);
  };
  return statusAnswer(runs, { view: (run) => queryView(client, run), records }, warn);
}

/** What is out of the ordinary for all pods; empty: nothing is. */
async function storeText(etcd: Etcd): Promise<string> {
  const { readStoreState } = await import('../../adapters/etcd/store-state.ts');
  const { teardown, isWhole, incarnation } = await readStoreState(etcd);
  if (teardown !== undefined) {
    return `podwire is taken out of the cluster since ${teardown.since}: nothing is attached (podwire teardown --undo takes that back)\n`;
  }
  if (isWhole) return '';
  const since = incarnation === undefined ? '' : ` since ${incarnation.since}`;
  return `podwire's etcd is new${since}: what is attached is still being recorded; nothing is removed meanwhile, and new VXLAN ids wait\n`;
}

/** Leaks and drift are found by the looks of the nodes' workers: a node that is not looked at any more has to be seen somewhere. */
async function nodesText(etcd: Etcd): Promise<string> {
  const { readNodeLooks } = await import('../../adapters/etcd/node-looks.ts');
  const now = Date.now();
  const rows = (await readNodeLooks(etcd, warn)).map(({ node, lookedAt }) => [
    node,
    lookedAt === undefined ? 'never' : `${ageText(new Date(lookedAt), now)} ago`,
  ]);
  return rows.length === 0 ? '' : `\n${textTable(['node', 'looked at'], rows)}`;
}

/** The runs are worth seeing all the same. */
function unreadable(error: unknown): string {
  if (error instanceof PodwireError) return `podwire: ${error.message}\n`;
  throw error;
}

function noneText(target: string | undefined, state: ProvisioningState | undefined): string {
  const where = target === undefined ? '' : ` of ${target}`;
  return `no open runs${where}${state === undefined ? '' : ` in state ${state}`}`;
}

/** The run's own view; one that does not answer is no reason to hide the records. */
async function taskText(client: Client, run: PodRun): Promise<string> {
  const { queryView } = await import('../pod-runs.ts');
  try {
    const { lanes: tasks, note } = await queryView(client, run);
    const rows = tasks.map((task) => [task.interfaceName, task.network, task.step, task.state ?? '', task.note]);
    const steps = rows.length === 0 ? '' : textTable(['interface', 'network', 'step', 'state', 'note'], rows);
    return `\nrun ${run.workflowId}\n${note === '' ? '' : `${note}\n`}${steps}`;
  } catch (error) {
    if (!(error instanceof PodwireError)) throw error;
    warn(error.message);
    return '';
  }
}

async function recordText(etcd: Etcd, client: Client, pod: PodName): Promise<string> {
  const all = (await everyAttachment(etcd, warn)).map(({ value }) => value);
  const records = all.filter((record) => isOfPod(record, pod));
  if (records.length === 0) return `\nno attachment records of ${podText(pod)}\n`;
  const uids = [...new Set(records.map(({ podUid }) => podUid))];
  const failures = new Map(await Promise.all(uids.map(async (uid) => [uid, await failuresOf(etcd, uid)] as const)));
  const rows = records.map((record) => {
    const failure = failures.get(record.podUid)?.find((each) => each.interfaceName === record.interfaceName);
    return [
      record.interfaceName,
      networkKey(record.network),
      record.node,
      record.phase,
      String(record.generation),
      failure === undefined ? '' : `${failure.code}: ${failure.message}`,
    ];
  });
  const head = ['interface', 'network', 'node', 'phase', 'generation', 'failure'];
  return `\nattachment records in etcd\n${textTable(head, rows)}${await meshesText(etcd, client, { records, all })}`;
}

/** Empty also where no API is configured, or it does not answer: the rest has been said. */
async function apiText(settings: Settings, pod: PodName): Promise<string> {
  const { originText } = await import('../pod-origin.ts');
  try {
    const client = await openApi(settings);
    try {
      return await originText(client, dialectOf(settings), pod, warn);
    } finally {
      client.close();
    }
  } catch (error) {
    if (error instanceof NoKubeConfigError) return '';
    if (!(error instanceof PodwireError || error instanceof KubeConfigError)) throw error;
    warn(error.message);
    return '';
  }
}

async function meshesText(etcd: Etcd, client: Client, of: MeshesOf): Promise<string> {
  const { runIsOpen } = await import('../../adapters/temporal/sweeps.ts');
  const meshes = await meshesOf(etcd, of, (network) => runIsOpen(client, meshWorkflowId(network)));
  return meshText(meshes, Date.now());
}
