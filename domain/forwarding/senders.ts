/**
 * From whom a VXLAN device takes packets: the tunnel addresses of the network's other members. A member that was forced away and still runs
 * on a node that is cut off would otherwise go on answering for addresses that another pod has by now. Pure.
 */
import { familyOf, reachable, type FdbEntry, type ForwardingSpec } from './fdb.ts';

/** Which packets are meant: the network's, on the device's port. Others of the same port are other devices' affair. */
interface Tunnel {
  readonly vni: number;
  readonly dstPort: number;
}

export interface Senders extends Tunnel {
  readonly family: 4 | 6;
  /** Canonical addresses, sorted, each once. */
  readonly from: readonly string[];
}

/** `altered`: there is something, and not as podwire writes it. undefined: everybody may send. */
export type SeenSenders = Senders | 'altered' | undefined;

export type SendersChange =
  /** Where there were none, as far as is known. */
  | { readonly kind: 'make'; readonly senders: Senders }
  | { readonly kind: 'replace'; readonly senders: Senders }
  | {
      readonly kind: 'change';
      readonly family: 4 | 6;
      readonly admit: readonly string[];
      readonly refuse: readonly string[];
      /** What that leads to, for where it turns out that something else is there; absent: nobody knows it. */
      readonly whole?: () => Senders;
    }
  | { readonly kind: 'remove' };

export interface SendersSpec extends ForwardingSpec {
  /** undefined: everybody may send. */
  readonly tunnel: Tunnel | undefined;
}

/** All that the device sends to may send to it, and declared peers. */
export function desiredSenders(spec: SendersSpec): Senders | undefined {
  if (spec.tunnel === undefined) return undefined;
  const members = reachable(spec).flatMap(({ vtep, sendsFrom = [] }) => [vtep, ...sendsFrom]);
  return sendersOf(spec.tunnel, spec.vtep, [...members, ...spec.peers]);
}

/** The same, and whom a device that somebody else made sends to besides: members that podwire does not know of yet. */
export function withDestinations(senders: Senders, vtep: string, entries: readonly FdbEntry[]): Senders {
  const destinations = entries.flatMap(({ destination }) => destination ?? []);
  return sendersOf(senders, vtep, [...senders.from, ...destinations]);
}

function sendersOf({ vni, dstPort }: Tunnel, vtep: string, addresses: readonly string[]): Senders {
  const family = familyOf(vtep);
  const from = new Set(addresses.filter((address) => familyOf(address) === family && address !== vtep));
  return { vni, dstPort, family, from: [...from].sort() };
}

/** What leads from what is there to what should be; undefined: nothing has to be done. */
export function sendersDifference(present: SeenSenders, desired: Senders | undefined): SendersChange | undefined {
  if (desired === undefined) return present === undefined ? undefined : { kind: 'remove' };
  if (present === undefined) return { kind: 'make', senders: desired };
  if (present === 'altered' || !isOfOneTunnel(present, desired)) return { kind: 'replace', senders: desired };
  const [had, has] = [new Set(present.from), new Set(desired.from)];
  return sendersChange(
    desired.family,
    desired.from.filter((address) => !had.has(address)),
    present.from.filter((address) => !has.has(address)),
    () => desired,
  );
}

const isOfOneTunnel = (a: Senders, b: Senders): boolean =>
  a.vni === b.vni && a.dstPort === b.dstPort && a.family === b.family;

export const sendersChange = (
  family: 4 | 6,
  admit: readonly string[],
  refuse: readonly string[],
  whole?: () => Senders,
): SendersChange | undefined =>
  admit.length + refuse.length === 0
    ? undefined
    : { kind: 'change', family, admit, refuse, ...(whole === undefined ? {} : { whole }) };

/** Of a change, what keeps nobody out who was let in: for a membership that may lack members. */
export function onlyAdmitting(change: SendersChange | undefined): SendersChange | undefined {
  if (change === undefined || change.kind === 'remove') return change;
  return change.kind === 'change' ? sendersChange(change.family, change.admit, []) : undefined;
}

/** What is there once a change is done. */
export function sendersAfter(present: SeenSenders, change: SendersChange | undefined): SeenSenders {
  if (change === undefined) return present;
  switch (change.kind) {
    case 'remove':
      return undefined;
    case 'change':
      return change.whole?.() ?? 'altered';
    case 'make':
    case 'replace':
      return change.senders;
  }
}

/** How many addresses a change lets in and keeps out; what is made as a whole counts as one. */
export function sendersCounts(change: SendersChange | undefined): {
  readonly admitted: number;
  readonly refused: number;
} {
  if (change === undefined) return { admitted: 0, refused: 0 };
  if (change.kind === 'change') return { admitted: change.admit.length, refused: change.refuse.length };
  return change.kind === 'remove' ? { admitted: 0, refused: 1 } : { admitted: 1, refused: 0 };
}
