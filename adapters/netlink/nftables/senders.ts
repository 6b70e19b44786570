/**
 * Who may send to a VXLAN link, read and written over netlink. Synchronous: the kernel answers while it is asked. The socket is one in the link's network
 * namespace.
 */
import { PodwireError } from '../../../domain/failures.ts';
import type { SeenSenders, Senders, SendersChange } from '../../../domain/forwarding/senders.ts';
import { text } from '../codec/attributes.ts';
import { ERRNO, NetlinkRefused } from '../refused.ts';
import { deafMessages } from './deaf-table.ts';
import { commit, isRefused, unlessMissing } from './commit.ts';
import { deleteTable, tableAttributes, withHeader, type Table } from './objects.ts';
import { decodeSenders, generationOf, type SenderAnswers } from './seen-senders.ts';
import { membersSet, messagesFor, senderMessages, sendersTable } from './sender-table.ts';
import type { NetfilterSocket } from './transport.ts';
import { ELEMENTS, NFPROTO, NFT_MSG } from './uapi.ts';

/** Tables that somebody changes all the time are read this often. */
const ROUNDS = 10;

/**
 * As one transaction saw it. undefined: there is no table.
 * @throws NetlinkRefused, MalformedNetlink; PodwireError KernelBusy when there was a transaction during each of many readings
 */
export function readSenders(socket: NetfilterSocket, interfaceName: string): SeenSenders {
  const table = sendersTable(interfaceName);
  for (let round = 0; round < ROUNDS; round += 1) {
    const seen = readOnce(socket, table);
    if (seen !== 'changed') return seen;
  }
  throw new PodwireError('KernelBusy', `rules of ${table.name} cannot be read: they are changed all the time`);
}

/** The last answer is of the same generation as the first one: then so are those in between, and a dump is whole. */
function readOnce(socket: NetfilterSocket, table: Table): SeenSenders | 'changed' {
  const { family, name } = table;
  const question = withHeader(family, tableAttributes(name));
  const found = unlessMissing(() => socket.get({ type: NFT_MSG.GETTABLE, payload: question }));
  if (found === undefined) return undefined;
  const dump = (type: number, payload = question): Buffer[] => unlessMissing(() => socket.dump(type, payload)) ?? [];
  const answers: SenderAnswers = {
    table: found,
    chains: dump(NFT_MSG.GETCHAIN),
    sets: dump(NFT_MSG.GETSET),
    rules: dump(NFT_MSG.GETRULE),
    others: [...dump(NFT_MSG.GETOBJ), ...dump(NFT_MSG.GETFLOWTABLE)],
    elements: dump(
      NFT_MSG.GETSETELEM,
      withHeader(family, [text(ELEMENTS.TABLE, name), text(ELEMENTS.SET, membersSet(4).name)]),
    ),
  };
  const after = socket.get({ type: NFT_MSG.GETGEN, payload: withHeader(NFPROTO.UNSPEC, []) });
  return generationOf(found) === generationOf(after) ? decodeSenders(table, answers) : 'changed';
}

/**
 * Where what was taken for granted is not so, all of it is written.
 * @throws PodwireError InvalidLink, KernelBusy; NetlinkRefused
 */
export function changeSenders(socket: NetfilterSocket, interfaceName: string, change: SendersChange): void {
  try {
    commit(socket, senderMessages(interfaceName, change));
  } catch (error) {
    const senders = wholeOf(change);
    if (!isRefused(error, ERRNO.ENOENT, ERRNO.EEXIST) || senders === undefined) throw error;
    commit(socket, senderMessages(interfaceName, { kind: 'replace', senders }));
  }
}

/** A link that hears no IPv6 router advertisements any more; repeatable. @throws NetlinkRefused; PodwireError KernelBusy */
export function ignoreAdvertisements(socket: NetfilterSocket, linkIndex: number): void {
  commit(socket, deafMessages(linkIndex));
}

/** No link's: theirs begin with `podwire_`. */
const PROBE: Table = { family: NFPROTO.INET, name: 'podwire-probe' };

/**
 * Whether nf_tables can do here what podwire asks of it: tables for both families are made, and deleted in the same transaction, so that nobody sees them.
 * @returns why it cannot; undefined: it can
 */
export function probe(socket: NetfilterSocket): string | undefined {
  const tunnel = { vni: 1, dstPort: 4789 };
  const both: Senders[] = [
    { ...tunnel, family: 4, from: ['192.0.2.1'] },
    { ...tunnel, family: 6, from: ['2001:db8::1'] },
  ];
  try {
    for (const senders of both) commit(socket, [...messagesFor(PROBE, { kind: 'make', senders }), deleteTable(PROBE)]);
    return undefined;
  } catch (error) {
    if (error instanceof NetlinkRefused || error instanceof PodwireError) return error.message;
    throw error;
  }
}

function wholeOf(change: SendersChange): Senders | undefined {
  if (change.kind === 'change') return change.whole?.();
  return change.kind === 'remove' ? undefined : change.senders;
}
