/** `podwire ipam status`: what pools there are, and how much of them is used. */
import type { Command } from 'commander';
import type { ListedPools } from '../../adapters/etcd/pool-listing.ts';
import { etcdSettings } from '../../config/etcd.ts';
import { restIsOver } from '../../domain/ipam/occupancy.ts';
import { capacityOf } from '../../domain/ipam/pool.ts';
import { addressOf } from '../../domain/text/cidr.ts';
import { addSettings, settingsOf } from '../command-settings.ts';
import { addOutput, print, type OutputOption } from '../output.ts';
import { textTable } from '../text-table.ts';
import { tell } from '../tell.ts';
import { withEtcd } from '../with-etcd.ts';

interface PoolRow {
  readonly pool: string;
  /** Decimal; undefined: each configuration that names it says its ranges itself. */
  readonly capacity?: string;
  readonly owners: number;
  readonly held: number;
  readonly resting: number;
  readonly kept: number;
  /** Addresses whose record and owner do not say the same. */
  readonly differ: readonly string[];
}

/** Adds the command to the group. */
export function register(group: Command): void {
  const command = group
    .command('status')
    .description('Pools, with their addresses in use. Exit code 1: records of an address and of its owner differ.');
  addSettings(addOutput(command), etcdSettings).action(async (output: OutputOption) => {
    const { listPools } = await import('../../adapters/etcd/pool-listing.ts');
    const listed = await withEtcd(settingsOf(command, etcdSettings), (etcd) => listPools(etcd));
    const rows = await rowsOf(listed, Date.now());
    await print(rows, output, () => textOf(rows));
    for (const { pool, differ } of rows)
      for (const address of differ) tell(`pool ${pool}: the records of ${address} and of its owner differ`);
  });
}

async function rowsOf({ addresses, owners, declared }: ListedPools, now: number): Promise<PoolRow[]> {
  const [{ declaredPool }, { ipNumbers }] = await Promise.all([
    import('../../adapters/ipam/declared-pool.ts'),
    import('../../adapters/ip/ip-numbers.ts'),
  ]);
  const names = new Set([...declared.keys(), ...addresses.map(({ pool }) => pool)]);
  return [...names].sort().map((pool) => {
    const written = declared.get(pool);
    const of = addresses.filter((each) => each.pool === pool);
    const count = (state: string): number =>
      of.filter(({ record }) => (record?.state ?? 'held') === state && !restIsOver(record, now)).length;
    const ofOwners = owners.filter((each) => each.pool === pool);
    const owned = ofOwners.flatMap((each) => each.addresses.map(({ address }) => addressOf(address)));
    const held = of.filter(({ record }) => record?.state === 'held').map(({ address }) => address);
    const capacity =
      written === undefined
        ? {}
        : {
            capacity: declaredPool({ ...(JSON.parse(written) as object), pool }, ipNumbers)
              .pool.sets.map((set) => String(capacityOf(set)))
              .join(' + '),
          };
    return {
      ...{ pool, ...capacity, owners: ofOwners.length },
      ...{ held: count('held'), resting: count('resting'), kept: count('kept') },
      differ: [...held.filter((each) => !owned.includes(each)), ...owned.filter((each) => !held.includes(each))],
    };
  });
}

function textOf(rows: readonly PoolRow[]): string {
  if (rows.length === 0) return 'there is no pool of addresses\n';
  return textTable(
    ['pool', 'interfaces', 'in use', 'resting', 'kept', 'of'],
    rows.map(({ pool, owners, held, resting, kept, capacity }) => [
      ...[pool, ...[owners, held, resting, kept].map(String), capacity ?? ''],
    ]),
  );
}
