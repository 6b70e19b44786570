/**
 * `podwire forget`: the last resort for a removal that can never succeed (ADR 33). It changes podwire's records only: what is on
 * the host stays there.
 */
import type { Command } from 'commander';
import { tunnelsOf, wakeAfterLeaving } from '../../activities/control/wake-waiting.ts';
import type { Etcd } from '../../adapters/etcd/client.ts';
import { etcdSettings } from '../../config/etcd.ts';
import { temporalSettings } from '../../config/temporal.ts';
import type { Values } from '../../config/cli-flags.ts';
import { claimedAddresses } from '../../domain/plan/address-claims.ts';
import { networkKey } from '../../domain/network-selection.ts';
import type { Signals } from '../../domain/ports/cluster.ts';
import type { RecordStore } from '../../domain/ports/record-store.ts';
import { tunnelOf, type AttachmentRecord, type Stored, type VxlanAttachmentRecord } from '../../domain/records.ts';
import { addSettings, settingsOf } from '../command-settings.ts';
import { apiSettings } from '../kube-api.ts';
import { livePod } from '../live-pod.ts';
import { attachmentsOf } from '../pod-attachments.ts';
import { podArgument, podText, type PodName } from '../pod-argument.ts';
import { warn } from '../tell.ts';
import { UsageError } from '../usage-error.ts';
import { withEtcd } from '../with-etcd.ts';
import { withTemporal } from '../with-temporal.ts';

const table = { ...temporalSettings, ...etcdSettings, ...apiSettings };

interface ForgetOptions {
  readonly force?: boolean;
}

interface Deps {
  readonly records: RecordStore;
  readonly signals: Signals;
}

/** Adds the command to the program. */
export function register(program: Command): void {
  const command = program
    .command('forget')
    .description(
      'Gives up a removal that can never succeed: removes its records and leaves on the node what is there. Last resort.',
    )
    .argument('<namespace/pod>', 'the pod; it need not exist any more')
    .argument('<interface>', 'name of the interface within the pod')
    .option('--force', 'do it; without this the command only says what would leak');
  addSettings(command, table).action(forget);
}

async function forget(podText: string, interfaceName: string, options: ForgetOptions, command: Command): Promise<void> {
  const pod = podArgument(podText);
  const settings = settingsOf(command, table);
  await withEtcd(settings, async (etcd) => {
    const stored = await recordsToForget(etcd, settings, pod, interfaceName);
    if (options.force !== true) throw new UsageError(consequences(pod, interfaceName, stored));
    await withTemporal(settings, async (client) => {
      const [{ createSignals }, { createRecordStore }] = await Promise.all([
        import('../../adapters/temporal/signals.ts'),
        import('../../adapters/etcd/record-store.ts'),
      ]);
      const deps = { records: createRecordStore(etcd), signals: createSignals(client) };
      for (const record of stored) await forgetOne(deps, record);
    });
  });
}

/** @throws UsageError when there is none, or one that podwire has not been told to remove */
async function recordsToForget(
  etcd: Etcd,
  settings: Values<typeof table>,
  pod: PodName,
  interfaceName: string,
): Promise<Stored<AttachmentRecord>[]> {
  const ofPod = await attachmentsOf(etcd, pod, warn);
  const found = ofPod.filter(({ value }) => value.interfaceName === interfaceName);
  if (found.length === 0) {
    const there = ofPod.map(({ value }) => value.interfaceName).join(', ');
    throw new UsageError(`no attachment record of ${podText(pod)} ${interfaceName}; there are: ${there || 'none'}`);
  }
  const removing = found.filter(({ value }) => value.phase === 'removing');
  if (removing.length > 0) return removing;
  const phases = found.map(({ value }) => value.phase).join(', ');
  if (settings.kubeconfig === undefined) {
    throw new UsageError(
      `${podText(pod)} ${interfaceName} is in phase ${phases}, not removing. Take the network out of the pod's annotation, or ` +
        'delete the pod; if the pod is gone already, give --kubeconfig (PODWIRE_KUBECONFIG) so that this can be checked',
    );
  }
  const live = (await livePod(settings, pod))?.uid;
  const gone = found.filter(({ value }) => value.podUid !== live);
  if (gone.length > 0) return gone;
  throw new UsageError(
    `${podText(pod)} exists and its ${interfaceName} is in phase ${phases}, not removing; take the network out of the pod's ` +
      'annotation, or delete the pod, and podwire removes it',
  );
}

/** What is told without --force. */
export function consequences(
  pod: PodName,
  interfaceName: string,
  stored: readonly Pick<Stored<AttachmentRecord>, 'value'>[],
): string {
  const leaks = stored.map(({ value }) => {
    const { netns, node } = value;
    const what =
      value.kind === 'vxlan'
        ? `VXLAN link ${interfaceName} (id ${value.link.vni}, UDP port ${value.link.dstPort}) with its addresses and routes`
        : `interface ${interfaceName} of CNI network ${networkKey(value.network)}, with everything its plugins made on the host and the addresses they reserved`;
    return `  on node ${node}, network namespace ${netns.path}: ${what}, if it is still there`;
  });
  const frees = stored.some(({ value }) => value.kind === 'vxlan')
    ? ['Its VNI becomes free, and another network may use it while this link still sends on it.']
    : [];
  // Who has addresses of a network's pool is known by the record alone: the node's worker gives back those of an owner without one.
  const givesBack = stored.some(({ value }) => value.kind === 'vxlan' && value.link.pool !== undefined)
    ? [
        'Its addresses of the pool go back within a minute, and another pod may get them while this link still has them.',
      ]
    : [];
  return [
    `forgetting ${podText(pod)} ${interfaceName} undoes nothing on the host. What would leak:`,
    ...leaks,
    ...frees,
    ...givesBack,
    `First try: podwire retry ${podText(pod)}. If the node can never remove it, repeat this command with --force`,
  ].join('\n');
}

/** @throws UsageError when somebody else wrote the record in between */
async function forgetOne({ records, signals }: Deps, found: Stored<AttachmentRecord>): Promise<void> {
  const { network, interfaceName, podUid, namespace, name } = found.value;
  // Its membership goes with the change to `removing`; a removal under way has taken it away already.
  const removing = found.value.phase === 'removing' ? found : await records.beginRemoval(found);
  if (removing === undefined || !(await records.forget(removing))) {
    throw new UsageError(
      `the record ${found.key} was changed in this moment, so something still works on it; look at it with: podwire status ${namespace}/${name}`,
    );
  }
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  say(`forgot ${namespace}/${name} ${interfaceName} of network ${networkKey(network)} (${found.key})`);
  if (found.value.kind === 'vxlan') await tellOfFreed({ records, signals }, found.value, say);
  await signals.podChanged({ uid: podUid, namespace, name }, 'podwire forget');
  say(`desiredChanged → ${namespace}/${name}`);
}

async function tellOfFreed(deps: Deps, record: VxlanAttachmentRecord, say: (line: string) => void): Promise<void> {
  const { network, link } = record;
  if ((await deps.records.tunnelOwner(tunnelOf(record))) === undefined)
    say(`VNI ${link.vni} on UDP port ${link.dstPort} is free`);
  const left = { network, tunnels: tunnelsOf(record), addresses: claimedAddresses(record) };
  for (const pod of await wakeAfterLeaving(deps, left)) say(`desiredChanged → ${podText(pod)}, which waited for it`);
  await deps.signals.membersChanged(network, 'podwire forget');
}
