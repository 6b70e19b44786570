/** `podwire ipam release`: the last resort for an address that nobody gives back. It changes records only: an interface keeps what it has. */
import type { Command } from 'commander';
import type { Entry, Etcd } from '../../adapters/etcd/client.ts';
import { etcdSettings } from '../../config/etcd.ts';
import { ownerId, ownerText } from '../../domain/ipam/owner.ts';
import { addSettings, settingsOf } from '../command-settings.ts';
import { UsageError } from '../usage-error.ts';
import { withEtcd } from '../with-etcd.ts';

interface ReleaseOptions {
  readonly dryRun?: boolean;
}

/** Adds the command to the group. */
export function register(group: Command): void {
  const command = group
    .command('release')
    .description(
      'Takes an address from its owner, with the others that this has of the pool, or from whom it is kept for. What has the address in the kernel keeps it there.',
    )
    .argument('<pool>', 'name of the pool')
    .argument('<address>', 'the address, without prefix length')
    .option('--dry-run', 'only says what would be released');
  addSettings(command, etcdSettings).action(
    async (pool: string, address: string, { dryRun = false }: ReleaseOptions) => {
      const line = await withEtcd(settingsOf(command, etcdSettings), (etcd) => release(etcd, pool, address, dryRun));
      process.stdout.write(`${line}\n`);
    },
  );
}

async function release(etcd: Etcd, pool: string, address: string, isDry: boolean): Promise<string> {
  const [{ createAddressPools }, { addressRecordIn }, { ipNumbers }, keys] = await Promise.all([
    import('../../adapters/etcd/address-pools.ts'),
    import('../../adapters/etcd/pool-records.ts'),
    import('../../adapters/ip/ip-numbers.ts'),
    import('../../domain/keys.ts'),
  ]);
  const entry = await etcd.get(keys.poolAddressKey(pool, address));
  const record = entry === undefined ? undefined : addressRecordIn(entry);
  if (entry === undefined) throw new UsageError(`address ${address} of pool ${pool} is free`);
  if (record === undefined)
    throw new UsageError(`the record ${entry.key} cannot be read; a newer podwire may have written it`);
  const { owner, state, sticky } = record;
  const whose = `${address} of pool ${pool} (${state}, ${state === 'held' ? 'of' : 'last of'} ${ownerText(owner)} on node ${owner.node})`;
  if (isDry) return `would release ${whose}`;
  const pools = createAddressPools(etcd, { ip: ipNumbers, now: () => Date.now(), random: Math.random });
  const isOwned = state === 'held' && (await pools.release(owner, pool)).length > 0;
  const isReserved = sticky !== undefined && (await isReservedFor(etcd, pool, sticky, address));
  if (isReserved) await pools.forgetSticky(pool, sticky);
  if (!isOwned && !isReserved) await removeAlone(etcd, entry, keys.addressOwnerKey(owner.node, ownerId(owner), pool));
  return `released ${whose}`;
}

/** A record may name a reservation that has other addresses by now. */
async function isReservedFor(etcd: Etcd, pool: string, sticky: string, address: string): Promise<boolean> {
  const [{ stickyRecordIn }, { stickyAddressesKey }] = await Promise.all([
    import('../../adapters/etcd/pool-records.ts'),
    import('../../domain/keys.ts'),
  ]);
  const entry = await etcd.get(stickyAddressesKey(pool, sticky));
  return entry !== undefined && stickyRecordIn(entry)?.addresses.includes(address) === true;
}

/** The record of an address that no other record belongs to. @throws UsageError when that has changed meanwhile */
async function removeAlone(etcd: Etcd, { key, modRevision }: Entry, ownerKey: string): Promise<void> {
  const { applied } = await etcd.transact(
    [
      { key, is: 'unchanged', modRevision },
      { key: ownerKey, is: 'absent' },
    ],
    [{ remove: key }],
  );
  if (!applied) throw new UsageError(`the record ${key} has changed meanwhile; look again: podwire ipam show`);
}
