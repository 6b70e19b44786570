/** `podwire ipam declare`: a pool by its name, for configurations that name it. */
import type { Command } from 'commander';
import { etcdSettings } from '../../config/etcd.ts';
import { capacityOf } from '../../domain/ipam/pool.ts';
import { addSettings, settingsOf } from '../command-settings.ts';
import { nameOf, readText } from '../text-source.ts';
import { UsageError } from '../usage-error.ts';
import { withEtcd } from '../with-etcd.ts';

const MAX_BYTES = 1024 * 1024;

/** Adds the command to the group. */
export function register(group: Command): void {
  const command = group
    .command('declare')
    .description('Declares a pool, or declares it anew. Addresses that are given stay given.')
    .argument(
      '<file>',
      'YAML or JSON with the keys of an ipam section and the name of the pool, or - for standard input',
    );
  addSettings(command, etcdSettings).action(async (file: string) => {
    const { load } = await import('js-yaml');
    const written = load(await readText(file, MAX_BYTES));
    if (typeof written !== 'object' || written === null || !('pool' in written))
      throw new UsageError(`${nameOf(file)} names no pool; allowed: an object with "pool" and a range`);
    const [{ createPoolDeclarations }, { ipNumbers }] = await Promise.all([
      import('../../adapters/etcd/pool-declarations.ts'),
      import('../../adapters/ip/ip-numbers.ts'),
    ]);
    const { pool } = await withEtcd(settingsOf(command, etcdSettings), (etcd) =>
      createPoolDeclarations(etcd, ipNumbers).declare(written),
    );
    const capacity = pool.sets.map((set) => String(capacityOf(set))).join(' + ');
    process.stdout.write(`pool ${pool.name} has ${capacity} addresses to give\n`);
  });
}
