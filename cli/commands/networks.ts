/** `podwire networks`: what networks there are, with whom, and whether everybody reaches everybody. */
import type { Command } from 'commander';
import type { Client } from '@temporalio/client';
import type { Etcd } from '../../adapters/etcd/client.ts';
import { etcdSettings } from '../../config/etcd.ts';
import { temporalSettings } from '../../config/temporal.ts';
import { networksOf, type NetworkOverview } from '../../domain/explain/networks.ts';
import { meshWorkflowId } from '../../domain/messages.ts';
import { networkKey } from '../../domain/network-selection.ts';
import type { Values } from '../../config/cli-flags.ts';
import { addSettings, settingsOf } from '../command-settings.ts';
import { completeness, meshesOf } from '../meshes.ts';
import { detailText, listText, type NetworkRow } from '../render/networks.ts';
import { addOutput, print, type OutputOption } from '../output.ts';
import { everyAttachment } from '../pod-attachments.ts';
import { tell, warn } from '../tell.ts';
import { addWatch, watching, type WatchOption } from '../watching.ts';
import { withEtcd } from '../with-etcd.ts';
import { withTemporal } from '../with-temporal.ts';

const table = { ...temporalSettings, ...etcdSettings };

/** Adds the command to the program. */
export function register(program: Command): void {
  const command = program
    .command('networks')
    .description(
      'Networks that pods are attached to, or are being attached to or detached from. Exit code 1: there is none of that name.',
    )
    .argument(
      '[name]',
      'one network with its members: NAME, or SCOPE/NAME with the scope as the list shows it: "cluster", a namespace, or that of a network object, "cluster.network" or "network.NAMESPACE"',
    );
  addSettings(addWatch(addOutput(command, { wide: true })), table).action(networks);
}

async function networks(
  name: string | undefined,
  options: OutputOption & WatchOption,
  command: Command,
): Promise<void> {
  const settings = settingsOf(command, table);
  await watching(options, () => once(settings, name, options));
}

async function once(settings: Values<typeof table>, name: string | undefined, output: OutputOption): Promise<void> {
  const isMeant = ({ network }: NetworkOverview): boolean =>
    name === undefined || network === name || network.endsWith(`/${name}`);
  const rows = await withTemporal(settings, (client) => withEtcd(settings, (etcd) => rowsOf(client, etcd, isMeant)));
  await print(rows, output, (wide) => (name === undefined ? listText(rows, wide) : rows.map(detailText).join('\n')));
  if (name === undefined || rows.length > 0) return;
  tell(`no pod is attached to a network ${JSON.stringify(name)}`);
}

async function rowsOf(
  client: Client,
  etcd: Etcd,
  isMeant: (network: NetworkOverview) => boolean,
): Promise<NetworkRow[]> {
  const { runIsOpen } = await import('../../adapters/temporal/sweeps.ts');
  const all = (await everyAttachment(etcd, warn)).map(({ value }) => value);
  const overviews = networksOf(all).filter(isMeant);
  const names = new Set(overviews.map(({ network }) => network));
  const records = all.filter(({ network }) => names.has(networkKey(network)));
  const meshes = await meshesOf(etcd, { records, all }, (network) => runIsOpen(client, meshWorkflowId(network)));
  return overviews.map((overview) => {
    const mesh = meshes.find(({ network }) => networkKey(network) === overview.network);
    if (mesh === undefined) return overview;
    return { ...overview, complete: completeness(mesh), behind: [...(mesh.record?.behind ?? []), ...mesh.leaving] };
  });
}
