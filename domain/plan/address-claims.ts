/** Each address of a VXLAN network, IP or MAC, is one pod's. Pure; the reservations themselves are in etcd. */
import { addressOf } from '../text/cidr.ts';
import type { PodIdentity } from '../pod/pod-view.ts';
import type { AttachmentRecord } from '../records.ts';
import type { VxlanLinkSpec } from '../vxlan/vxlan.ts';

/**
 * Addresses, without prefix length, that an attachment keeps others from: its own, and until an edit is through those that it may go back
 * to. One that is being removed is out of its network and keeps none.
 */
export function claimedAddresses(record: AttachmentRecord | undefined): readonly string[] {
  if (record?.kind !== 'vxlan' || record.phase === 'removing') return [];
  const kept = record.keptMac === undefined ? [] : [record.keptMac];
  return [
    ...new Set([
      ...kept,
      ...addressesOf(record.link),
      ...(record.lastGood === undefined ? [] : addressesOf(record.lastGood.link)),
    ]),
  ];
}

/** Those that a link was asked to have, without prefix length; a MAC address that the kernel chose is nobody's claim. */
export const addressesOf = ({ addresses, mac }: VxlanLinkSpec): readonly string[] => [
  ...addresses.map(addressOf),
  ...(mac === undefined ? [] : [mac]),
];

/** What a reservation says of its holder: `<pod UID>/<interface> <namespace>/<name>`. */
export const addressHolder = (record: AttachmentRecord): string =>
  `${record.podUid}/${record.interfaceName} ${record.namespace}/${record.name}`;

/** What an `addressHolder` text names. */
export function holderNamed(text: string): PodIdentity & { readonly interfaceName: string } {
  const [attachment = '', pod = ''] = text.split(' ', 2);
  const [uid = '', interfaceName = ''] = attachment.split('/', 2);
  const [namespace = '', name = ''] = pod.split('/', 2);
  return { uid, interfaceName, namespace, name };
}

/** Addresses that are free for others once a record is another one. @param after undefined: it is gone */
export function freedAddresses(
  before: AttachmentRecord | undefined,
  after: AttachmentRecord | undefined,
): readonly string[] {
  const kept = claimedAddresses(after);
  return claimedAddresses(before).filter((address) => !kept.includes(address));
}
