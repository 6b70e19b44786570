/** `podwire nodes`: whether each node's worker works, looks, and keeps up. */
import type { Command } from 'commander';
import type { Client } from '@temporalio/client';
import type { Etcd } from '../../adapters/etcd/client.ts';
import { etcdSettings } from '../../config/etcd.ts';
import { temporalSettings } from '../../config/temporal.ts';
import { allWithLimit } from '../../domain/concurrency/with-limit.ts';
import { meshWorkflowId, nodeQueue } from '../../domain/messages.ts';
import { networkKey } from '../../domain/network-selection.ts';
import type { Values } from '../../config/cli-flags.ts';
import { addSettings, settingsOf } from '../command-settings.ts';
import { meshesOf } from '../meshes.ts';
import { nodesText, type NodeRow } from '../render/nodes.ts';
import { addOutput, print, type OutputOption } from '../output.ts';
import { everyAttachment } from '../pod-attachments.ts';
import { warn } from '../tell.ts';
import { addWatch, watching, type WatchOption } from '../watching.ts';
import { withEtcd } from '../with-etcd.ts';
import { withTemporal } from '../with-temporal.ts';

const table = { ...temporalSettings, ...etcdSettings };
/** Questions to Temporal under way at once. */
const AT_ONCE = 16;

/** Adds the command to the program. */
export function register(program: Command): void {
  const command = program
    .command('nodes')
    .description(
      'Every node that has, or had, a worker of podwire: when the worker asked Temporal for work, when it looked at its node, what it is behind with. Exit code 1: a node has no worker.',
    );
  addSettings(addWatch(addOutput(command, { wide: true })), table).action(nodes);
}

async function nodes(options: OutputOption & WatchOption, command: Command): Promise<void> {
  const settings = settingsOf(command, table);
  await watching(options, () => once(settings, options));
}

async function once(settings: Values<typeof table>, output: OutputOption): Promise<void> {
  const rows = await withTemporal(settings, (client) => withEtcd(settings, (etcd) => rowsOf(client, etcd)));
  await print(rows, output, (wide) => nodesText(rows, Date.now(), wide));
  process.exitCode = rows.some(({ workers }) => workers.length === 0) ? 1 : 0;
}

async function rowsOf(client: Client, etcd: Etcd): Promise<NodeRow[]> {
  const [{ readNodeLooks }, { pollersOf }, { runIsOpen }] = await Promise.all([
    import('../../adapters/etcd/node-looks.ts'),
    import('../../adapters/temporal/queue-pollers.ts'),
    import('../../adapters/temporal/sweeps.ts'),
  ]);
  const [looks, attachments] = await Promise.all([readNodeLooks(etcd, warn), everyAttachment(etcd, warn)]);
  const records = attachments.map(({ value }) => value);
  const meshes = await meshesOf(etcd, { records, all: records }, (network) =>
    runIsOpen(client, meshWorkflowId(network)),
  );
  return allWithLimit(looks, AT_ONCE, async ({ node, lookedAt }): Promise<NodeRow> => {
    const queue = nodeQueue(node);
    const pollers = await pollersOf(client, queue);
    const askedAt = Math.max(...pollers.map((poller) => poller.askedAt));
    return {
      ...{ node, queue, workers: pollers.map(({ identity }) => identity) },
      ...(pollers.length === 0 ? {} : { askedAt: new Date(askedAt).toISOString() }),
      ...(lookedAt === undefined ? {} : { lookedAt }),
      attachments: records.filter((record) => record.node === node).length,
      behind: meshes
        .filter(({ record, leaving }) => record?.behind.includes(node) === true || leaving.includes(node))
        .map(({ network }) => networkKey(network)),
    };
  });
}
