/**
 * A mistake that only the kernel finds costs no link that works (ADR 18): an intent over an attached link keeps what that was made from,
 * and is taken back when the kernel refuses it. Pure.
 */
import { networkKey, type NetworkRef } from './network-selection.ts';
import { tunnelOf, type AttachmentRecord, type LinkBasis, type VxlanAttachmentRecord } from './records.ts';

/** What an intent for `network` over that record can go back to; of CNI networks nothing, whose plugins change nothing in place. */
export function lastGoodOf(previous: AttachmentRecord | undefined, network: NetworkRef): LinkBasis | undefined {
  if (previous?.kind !== 'vxlan' || networkKey(previous.network) !== networkKey(network)) return undefined;
  if (previous.phase === 'attached') return { link: previous.link, vtep: previous.vtep };
  return previous.phase === 'intent' ? previous.lastGood : undefined;
}

/** The intent that makes the link again what it was; undefined: there is nothing to go back to. */
export function takenBack(record: AttachmentRecord): VxlanAttachmentRecord | undefined {
  if (record.kind !== 'vxlan' || record.phase !== 'intent' || record.lastGood === undefined) return undefined;
  const back = { ...record, ...record.lastGood, generation: record.generation + 1 };
  return { ...back, replaces: tunnelsLeft(record, tunnelOf(back)) };
}

/** Tunnels of the network, other than `tunnel`, that the interface may still have on the host once it is to have that one. */
export function tunnelsLeft(record: VxlanAttachmentRecord, tunnel: string): readonly string[] {
  const all = new Set([...(record.replaces ?? []), tunnelOf(record)]);
  all.delete(tunnel);
  return [...all];
}
