/** NothingLost: what a running pod wishes for is attached, or was refused for a reason that is still there. */
import type { PodRef } from '../../deploy/demo/kernel-look.ts';
import type { Lab } from '../../deploy/lab/lab.ts';
import { isTakenFrom } from '../../domain/plan/blocked-on.ts';
import { addressKey, attachmentsPrefix, refusalsPrefix, tunnelKey, usersPrefix } from '../../domain/keys.ts';
import { networkKey, type NetworkSelection } from '../../domain/network-selection.ts';
import { tunnelOf, type AttachmentRecord, type RefusalRecord } from '../../domain/records.ts';
import { readKeys, type StoredKey } from './records.ts';
import { settle, type SettleOptions } from './settle.ts';
import { isDesiredOf, askingPods, type AskingPod } from './asking-pods.ts';

/**
 * Looks at ids, which come free without anybody's doing; what a kernel or a node refused holds until a person asks to try again.
 *
 * @param pods none of them with one interface asked for in two annotations. @throws Error `NothingLost …`
 */
export async function nothingLost(lab: Lab, pods: readonly PodRef[], o?: SettleOptions): Promise<void> {
  await settle('NothingLost', () => violations(lab, pods), o);
}

async function violations(lab: Lab, pods: readonly PodRef[]): Promise<string[]> {
  const [asking, keys] = await Promise.all([askingPods(lab), readKeys(lab)]);
  return asking
    .filter((each) => pods.some((pod) => pod.namespace === each.namespace && pod.name === each.name))
    .flatMap((pod) => pod.selections.flatMap((desired) => desiredViolations(pod, desired, keys)));
}

function desiredViolations(
  { namespace, name, view }: AskingPod,
  desired: NetworkSelection,
  keys: readonly StoredKey[],
): string[] {
  const isAttached = below(keys, attachmentsPrefix())
    .map(({ value }) => value as AttachmentRecord)
    .some((record) => record.podUid === view.uid && record.phase === 'attached' && isDesiredOf(desired, record));
  if (isAttached) return [];
  const what = `${namespace}/${name}: network ${networkKey(desired.network)}`;
  const refusal = below(keys, `${refusalsPrefix()}${view.uid}/`)
    .map(({ value }) => value as RefusalRecord)
    .find(({ network }) => networkKey(network) === networkKey(desired.network));
  if (refusal === undefined) return [`${what} is neither attached nor refused`];
  return stillHolds(refusal, desired, view.uid, keys)
    ? []
    : [`${what} is refused for what is over: ${refusal.message}`];
}

function stillHolds(
  refusal: RefusalRecord,
  desired: NetworkSelection,
  podUid: string,
  keys: readonly StoredKey[],
): boolean {
  const { code, network, waitsForVni, waitsForAddress } = refusal;
  if (code === 'VniTaken') {
    const owner = keys.find(({ key }) => key === tunnelKey(waitsForVni ?? ''))?.value;
    return isTakenFrom(network, owner as string | undefined);
  }
  if (code === 'AddressTaken') return keys.some(({ key }) => key === addressKey(network, waitsForAddress ?? ''));
  if (code === 'VniFixed' && desired.kind === 'vxlan') {
    const prefix = usersPrefix(network);
    return below(keys, prefix).some(
      ({ key, value }) => !key.startsWith(`${prefix}${podUid}/`) && value !== tunnelOf(desired),
    );
  }
  return true;
}

const below = (keys: readonly StoredKey[], prefix: string): StoredKey[] =>
  keys.filter(({ key }) => key.startsWith(prefix));
