/**
 * Forwarding entries and static neighbours as messages that only lack the link's index: written where the entries are, since the links of a
 * network share theirs by the thousand, and each is written once. Thousands of objects copied to another thread would cost more than the kernel.
 */
import { ROUTE_PROTOCOL, address, fdbVerb, integer, linkName, mac } from '../links/link-values.ts';
import { isIPv4 } from 'node:net';
import { PodwireError } from '../../domain/failures.ts';
import { FLOOD_MAC, type FdbChange, type FdbEntry } from '../../domain/forwarding/fdb.ts';
import type { Neighbour, NeighbourChange } from '../../domain/forwarding/neighbours.ts';
import { encodeMessage, FLAG, HEADER } from './codec/messages.ts';
import {
  encodeNeighbour,
  NEIGHBOUR_HEADER,
  NTF_SELF,
  NUD_NOARP,
  NUD_PERMANENT,
  RTM_NEIGHBOUR,
} from './codec/neighbour.ts';
import { AF } from './codec/values.ts';

export interface ForwardingBatch {
  /** Whole messages behind one another, with no index of a link and no sequence number. */
  readonly messages: Uint8Array;
  /** Entries that leave by a link that is only known by its name: where its index belongs. */
  readonly vias: readonly { readonly at: number; readonly link: string }[];
}

type EntryVerb = 'append' | 'replace' | 'delete';

/** What each verb is to the kernel. */
const VERBS: Readonly<Record<EntryVerb, { readonly type: number; readonly flags: number }>> = {
  append: { type: RTM_NEIGHBOUR.NEW, flags: FLAG.CREATE | FLAG.APPEND },
  replace: { type: RTM_NEIGHBOUR.NEW, flags: FLAG.CREATE | FLAG.REPLACE },
  delete: { type: RTM_NEIGHBOUR.DELETE, flags: 0 },
};

/** Additions first: a destination that is replaced is never missing. @throws PodwireError InvalidLink */
export const fdbBatch = ({ add, remove }: FdbChange): ForwardingBatch =>
  batchOf([
    ...add.map((entry) => ({ verb: fdbVerb(entry), ...fdbMessage(entry) })),
    ...remove.map((entry) => ({ verb: 'delete' as const, ...fdbMessage(entry) })),
  ]);

/** @throws PodwireError InvalidLink */
export const neighbourBatch = ({ set, remove }: NeighbourChange): ForwardingBatch =>
  batchOf([
    ...set.map((neighbour) => ({ verb: 'replace' as const, message: neighbourMessage(neighbour) })),
    ...remove.map((neighbour) => ({ verb: 'delete' as const, message: neighbourMessage(neighbour) })),
  ]);

interface Written {
  readonly message: Buffer;
  /** Name of a link whose index the message ends with. */
  readonly via?: string;
}

function batchOf(entries: readonly (Written & { readonly verb: EntryVerb })[]): ForwardingBatch {
  const messages = Buffer.allocUnsafeSlow(entries.reduce((length, { message }) => length + message.length, 0));
  const vias: { at: number; link: string }[] = [];
  let at = 0;
  for (const { verb, message, via } of entries) {
    messages.set(message, at);
    messages.writeUInt16LE(VERBS[verb].type, at + TYPE_AT);
    messages.writeUInt16LE(FLAG.REQUEST | VERBS[verb].flags, at + FLAGS_AT);
    at += message.length;
    if (via !== undefined) vias.push({ at: at - INDEX_BYTES, link: via });
  }
  return { messages, vias };
}

/** Within `struct nlmsghdr`. */
const TYPE_AT = 4;
const FLAGS_AT = 6;
const INDEX_BYTES = 4;

const knownEntries = new WeakMap<FdbEntry, Written>();

function fdbMessage(entry: FdbEntry): Written {
  const known = knownEntries.get(entry);
  if (known !== undefined) return known;
  const written = plainMessage(entry) ?? message(entry);
  knownEntries.set(entry, written);
  return written;
}

/** Lengths and types of the two attributes that most entries have: NDA_LLADDR of six bytes and NDA_DST of four. */
const PLAIN = encodeMessage({
  ...{ type: 0, flags: 0, sequence: 0 },
  payload: encodeNeighbour({
    ...{ family: AF.BRIDGE, index: 0, state: NUD_NOARP | NUD_PERMANENT, flags: NTF_SELF },
    ...{ mac: FLOOD_MAC, destination: '0.0.0.0' },
  }),
});
const PLAIN_MAC_AT = HEADER + NEIGHBOUR_HEADER + 4;
const PLAIN_DESTINATION_AT = PLAIN.length - 4;
const MAC_BYTES = 6;

/** An entry with an IPv4 destination and nothing else, by its place in the message: ten thousand of them are written in some milliseconds. */
function plainMessage({ mac: hardware, destination, port, vni, via }: FdbEntry): Written | undefined {
  if (destination === undefined || !isIPv4(destination) || (port ?? vni ?? via) !== undefined) return undefined;
  const bytes = Buffer.allocUnsafe(PLAIN.length);
  PLAIN.copy(bytes);
  const checked = mac(hardware);
  for (let at = 0; at < MAC_BYTES; at += 1) bytes[PLAIN_MAC_AT + at] = parseInt(checked.slice(3 * at, 3 * at + 2), 16);
  let at = PLAIN_DESTINATION_AT;
  for (const part of destination.split('.')) {
    bytes[at] = Number(part);
    at += 1;
  }
  return { message: bytes };
}

function message(entry: FdbEntry): Written {
  const { destination, port, vni, via } = entry;
  if (destination === undefined) throw new PodwireError('InvalidLink', 'dst "" is not usable; allowed: an address');
  const payload = encodeNeighbour({
    ...{ family: AF.BRIDGE, index: 0, state: NUD_NOARP | NUD_PERMANENT, flags: NTF_SELF },
    ...{ mac: mac(entry.mac), destination: address(destination) },
    ...(port === undefined ? {} : { port: integer('port', port, 1, 65535) }),
    ...(vni === undefined ? {} : { vni: integer('vni', vni, 0, 16777215) }),
    // The last attribute, see `via`.
    ...(via === undefined ? {} : { viaIndex: 0 }),
  });
  return { message: messageOf(payload), ...(via === undefined ? {} : { via: linkName(via) }) };
}

const knownNeighbours = new WeakMap<Neighbour, Buffer>();

function neighbourMessage(neighbour: Neighbour): Buffer {
  const known = knownNeighbours.get(neighbour);
  if (known !== undefined) return known;
  const destination = address(neighbour.address);
  const payload = encodeNeighbour({
    ...{ family: destination.includes(':') ? AF.INET6 : AF.INET, index: 0, state: NUD_PERMANENT },
    ...{ destination, mac: mac(neighbour.mac), protocol: ROUTE_PROTOCOL },
  });
  const message = messageOf(payload);
  knownNeighbours.set(neighbour, message);
  return message;
}

const messageOf = (payload: Buffer): Buffer => encodeMessage({ type: 0, flags: 0, sequence: 0, payload });
