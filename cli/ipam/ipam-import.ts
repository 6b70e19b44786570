/** `podwire ipam import whereabouts`: addresses of running pods become podwire's, without a change to any of them. */
import type { Command } from 'commander';
import { kubernetesSettings } from '../../config/common.ts';
import { etcdSettings } from '../../config/etcd.ts';
import { podwiresRecords, type TakenOver } from '../../domain/ipam/taken-over.ts';
import { ownerText } from '../../domain/ipam/owner.ts';
import { whereaboutsAddresses } from '../../domain/ipam/whereabouts.ts';
import type { Etcd } from '../../adapters/etcd/client.ts';
import { addSettings, settingsOf } from '../command-settings.ts';
import { tell, warn } from '../tell.ts';
import { withEtcd } from '../with-etcd.ts';

interface ImportOptions {
  readonly dryRun?: boolean;
}

const table = { ...kubernetesSettings, ...etcdSettings };

/** A list of all pods of a large cluster takes its time. */
const LIMIT_MS = 120_000;

/** Adds the command to the group. */
export function register(group: Command): void {
  const from = group.command('import').description('Takes addresses over that another IPAM plugin has given.');
  const command = from
    .command('whereabouts')
    .description(
      'Takes over the IPPools and OverlappingRangeIPReservations of the cluster. Exit code 1: some could not be taken over; they are named.',
    )
    .option('--dry-run', 'only says what would be taken over');
  addSettings(command, table).action(async ({ dryRun = false }: ImportOptions) => {
    const settings = settingsOf(command, table);
    const taken = await readCluster(settings.kubeconfig);
    for (const each of taken.unreadable) tell(each);
    for (const each of taken.gone) warn(each);
    await withEtcd(settings, (etcd) => takeOver(etcd, taken, dryRun));
  });
}

async function readCluster(kubeconfig: string | undefined): Promise<TakenOver> {
  const [{ createKubeClient }, { listWhereabouts, nodesOfPods }, { ipNumbers }, { poolNameOf }] = await Promise.all([
    import('../../adapters/kubernetes/client.ts'),
    import('../../adapters/kubernetes/whereabouts.ts'),
    import('../../adapters/ip/ip-numbers.ts'),
    import('../../adapters/ipam/declared-pool.ts'),
  ]);
  const kube = createKubeClient({ kubeconfig });
  const signal = AbortSignal.timeout(LIMIT_MS);
  try {
    const { pools, reservations } = await listWhereabouts(kube, signal);
    // After the objects: a pod that has an address by then is there.
    const nodes = await nodesOfPods(kube, signal);
    const { found, unreadable } = whereaboutsAddresses(pools, reservations, ipNumbers);
    const { records, gone } = podwiresRecords(found, nodes, { ip: ipNumbers, poolNameOf, at: Date.now() });
    return { records, gone, unreadable };
  } finally {
    kube.close();
  }
}

async function takeOver(etcd: Etcd, { records }: TakenOver, isDry: boolean): Promise<void> {
  const { adoptAddresses } = await import('../../adapters/etcd/adopt-addresses.ts');
  const counts = { adopted: 0, known: 0, conflict: 0 };
  for (const record of records) {
    const answer = await adoptAddresses(etcd, record, isDry);
    counts[answer.state] += 1;
    const what = `${ownerText(record.owner)}: ${record.addresses.map(({ address }) => address).join(', ')} of pool ${record.pool}`;
    if (answer.state === 'conflict') tell(`${what} cannot be taken over: ${answer.why}`);
    else if (answer.state === 'adopted') process.stdout.write(`${isDry ? 'would take over' : 'took over'} ${what}\n`);
  }
  process.stdout.write(
    `${counts.adopted} interfaces ${isDry ? 'to be taken over' : 'taken over'}, ${counts.known} were podwire's already, ${counts.conflict} in conflict\n`,
  );
}
