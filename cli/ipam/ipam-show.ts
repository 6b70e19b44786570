/** `podwire ipam show`: the addresses of a pool, and whose they are. */
import type { Command } from 'commander';
import { etcdSettings } from '../../config/etcd.ts';
import { restIsOver } from '../../domain/ipam/occupancy.ts';
import { addSettings, settingsOf } from '../command-settings.ts';
import { addOutput, print, type OutputOption } from '../output.ts';
import { tell } from '../tell.ts';
import { ageText, textTable } from '../text-table.ts';
import { withEtcd } from '../with-etcd.ts';

/** Adds the command to the group. */
export function register(group: Command): void {
  const command = group
    .command('show')
    .description('Addresses of a pool that are not free, with their owners. Exit code 1: there are none.')
    .argument('<pool>', 'name of the pool')
    .argument('[address]', 'only this one');
  addSettings(addOutput(command), etcdSettings).action(
    async (pool: string, address: string | undefined, output: OutputOption) => {
      const { listPools } = await import('../../adapters/etcd/pool-listing.ts');
      const now = Date.now();
      const { addresses } = await withEtcd(settingsOf(command, etcdSettings), (etcd) => listPools(etcd, pool));
      const rows = addresses
        .filter((each) => !restIsOver(each.record, now) && (address === undefined || each.address === address))
        .map(({ address: text, record }) => ({ address: text, ...(record ?? { state: 'unreadable' as const }) }));
      await print(rows, output, () =>
        textTable(
          ['address', 'state', 'for', 'pod', 'interface', 'node', 'id'],
          rows.map((row) => {
            if (!('owner' in row)) return [row.address, row.state, '', '', '', '', ''];
            const { owner, at } = row;
            const pod = owner.pod === undefined ? '' : `${owner.pod.namespace}/${owner.pod.name}`;
            return [row.address, row.state, ageText(new Date(at), now), pod, owner.interfaceName, owner.node, owner.id];
          }),
        ),
      );
      if (rows.length === 0) tell(`no address ${address === undefined ? '' : `${address} `}of pool ${pool} is in use`);
    },
  );
}
