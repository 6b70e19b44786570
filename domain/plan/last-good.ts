/**
 * A mistake that only the kernel finds costs no link that works (ADR 18): an intent over an attached link keeps what that was made from,
 * and is rolled back when the kernel refuses it. Pure.
 */
import { networkKey, type NetworkRef } from '../network-selection.ts';
import {
  tunnelOf,
  type AttachmentRecord,
  type CniBasis,
  type LinkBasis,
  type VxlanAttachmentRecord,
} from '../records.ts';

/** What an intent for `network` over that VXLAN record can go back to; one over a CNI record has it as `madeWith`. */
export function lastGoodOf(previous: AttachmentRecord | undefined, network: NetworkRef): LinkBasis | undefined {
  if (previous?.kind !== 'vxlan' || networkKey(previous.network) !== networkKey(network)) return undefined;
  if (previous.phase === 'attached') return { link: previous.link, vtep: previous.vtep };
  return previous.phase === 'intent' ? previous.lastGood : undefined;
}

/** Whether an intent can be rolled back. */
export const hasLastGood = (record: AttachmentRecord): boolean =>
  record.phase === 'intent' && (record.kind === 'vxlan' ? record.lastGood : record.madeWith) !== undefined;

/** The record as it would be, were its edit rolled back; undefined: there is nothing to go back to. */
export function asItWas(record: AttachmentRecord): AttachmentRecord | undefined {
  if (!hasLastGood(record)) return undefined;
  return record.kind === 'vxlan' ? { ...record, ...record.lastGood } : { ...record, ...record.madeWith };
}

/** The intent that makes the link again what it was; undefined: there is nothing to go back to. */
export function takenBack(record: AttachmentRecord): AttachmentRecord | undefined {
  const was = asItWas(record);
  if (was === undefined) return undefined;
  const back = { ...was, generation: record.generation + 1 };
  return record.kind === 'vxlan' && back.kind === 'vxlan'
    ? { ...back, replaces: tunnelsLeft(record, tunnelOf(back)) }
    : back;
}

/** Tunnels of the network, other than `tunnel`, that the interface may still have on the host once it is to have that one. */
export function tunnelsLeft(record: VxlanAttachmentRecord, tunnel: string): readonly string[] {
  const all = new Set([...(record.replaces ?? []), tunnelOf(record)]);
  all.delete(tunnel);
  return [...all];
}

/** What came before an intent is of no use once there is a result. */
export function withoutPast(record: AttachmentRecord): AttachmentRecord {
  const rest: { replaces?: readonly string[]; lastGood?: LinkBasis; madeWith?: CniBasis } & AttachmentRecord = {
    ...record,
  };
  delete rest.replaces;
  delete rest.lastGood;
  delete rest.madeWith;
  return rest;
}
