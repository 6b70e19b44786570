/** Forwarding entries and static neighbours of a link: only what differs is sent, two hundred entries at a time. */
import { ROUTE_PROTOCOL, address, linkName } from '../../links/link-values.ts';
import { PodwireError } from '../../../domain/failures.ts';
import type { FdbEntry } from '../../../domain/forwarding/fdb.ts';
import type { Neighbour } from '../../../domain/forwarding/neighbours.ts';
import type { ForwardingOutcome } from '../../../domain/ports/link-kernel.ts';
import type { KernelAnswer } from '../codec/answers.ts';
import { HEADER } from '../codec/messages.ts';
import {
  decodeNeighbour,
  encodeNeighbour,
  encodeNeighbourDump,
  NTF_SELF,
  NUD_NOARP,
  NUD_PERMANENT,
  RTM_NEIGHBOUR,
  type NeighbourFamily,
  type NeighbourMessage,
} from '../codec/neighbour.ts';
import { AF } from '../codec/values.ts';
import type { ForwardingBatch } from '../forwarding-batch.ts';
import { ERRNO, refusal } from '../refused.ts';
import type { NetlinkSocket } from '../socket.ts';
import { NEIGHBOUR_NAMES } from './attribute-names.ts';
import { indexOf, linkAt } from './links.ts';

type Reading = Pick<NetlinkSocket, 'get' | 'dump'>;

/** Permanent entries of a VXLAN link; undefined: there is no such link. */
export function readFdb(socket: Reading, link: string): FdbEntry[] | undefined {
  const index = indexOf(socket, linkName(link));
  if (index === undefined) return undefined;
  const entries = neighboursOf(socket, AF.BRIDGE, index).filter(
    ({ flags, state }) => (flags & NTF_SELF) !== 0 && (state & NUD_PERMANENT) !== 0,
  );
  return entries.map(({ mac: hardware = '', destination, port, vni, viaIndex }) => ({
    mac: hardware,
    destination,
    ...(port === undefined ? {} : { port }),
    ...(vni === undefined ? {} : { vni }),
    ...(viaIndex === undefined ? {} : { via: linkAt(socket, viaIndex)?.name ?? `if${viaIndex}` }),
  }));
}

/** Entries that are so already count as done. @throws PodwireError CommandFailed with the first that the kernel refuses */
export function changeEntries(
  socket: NetlinkSocket,
  link: string,
  { messages, vias }: ForwardingBatch,
): ForwardingOutcome {
  const index = indexOf(socket, linkName(link));
  if (index === undefined) return 'link-absent';
  const packed = Buffer.from(messages.buffer, messages.byteOffset, messages.byteLength);
  for (const { at, link: via } of vias) packed.writeUInt32LE(indexOf(socket, linkName(via)) ?? 0, at);
  const refusals = socket.requestPacked(packed, (message) => message.writeInt32LE(index, INDEX_AT));
  for (const { request, answer } of refusals) {
    if (isDone(answer, request)) continue;
    if (answer.errno === ERRNO.ENODEV) return 'link-absent';
    const { message } = refusal(answer, request, NEIGHBOUR_NAMES);
    const verb = isDeletion(request) ? 'delete' : 'replace';
    throw new PodwireError('CommandFailed', `neighbour ${verb} on ${link}: ${message}`);
  }
  return 'applied';
}

/** Of `struct ndmsg`, behind the message's header. */
const INDEX_AT = HEADER + 4;

/** Neighbours that podwire made; undefined: there is no such link. */
export function readNeighbours(socket: Reading, link: string): Neighbour[] | undefined {
  const index = indexOf(socket, linkName(link));
  if (index === undefined) return undefined;
  return [AF.INET, AF.INET6]
    .flatMap((family) => neighboursOf(socket, family, index))
    .filter(({ state, protocol }) => (state & NUD_PERMANENT) !== 0 && protocol === ROUTE_PROTOCOL)
    .flatMap(({ destination, mac: hardware }) =>
      destination === undefined || hardware === undefined ? [] : [{ address: destination, mac: hardware }],
    );
}

/** The kernel forgets what it learned of these addresses; static entries stay. */
export function forgetNeighbours(socket: NetlinkSocket, link: string, addresses: readonly string[]): ForwardingOutcome {
  const index = indexOf(socket, linkName(link));
  if (index === undefined) return 'link-absent';
  const wanted = new Set(addresses.map(address));
  const learned = [AF.INET, AF.INET6]
    .flatMap((family) => neighboursOf(socket, family, index))
    .filter(
      ({ destination, state }) =>
        destination !== undefined && wanted.has(destination) && (state & (NUD_PERMANENT | NUD_NOARP)) === 0,
    );
  const answers = socket.requestAll(
    learned.map(({ destination = '' }) => ({
      type: RTM_NEIGHBOUR.DELETE,
      payload: encodeNeighbour({ family: destination.includes(':') ? AF.INET6 : AF.INET, index, destination }),
    })),
  );
  const failed = answers.find(({ errno }) => errno !== 0 && !GONE.includes(errno));
  if (failed === undefined) return 'applied';
  if (failed.errno === ERRNO.ENODEV) return 'link-absent';
  const { message } = refusal(failed, Buffer.alloc(0), NEIGHBOUR_NAMES);
  throw new PodwireError('CommandFailed', `neighbour delete on ${link}: ${message}`);
}

const GONE: readonly number[] = [ERRNO.ENOENT, ERRNO.ESRCH];
const isDeletion = (request: Buffer): boolean => request.readUInt16LE(4) === RTM_NEIGHBOUR.DELETE;

/** A flood entry that is there, one to be deleted that is not. */
const isDone = ({ errno }: KernelAnswer, request: Buffer): boolean =>
  isDeletion(request) ? GONE.includes(errno) : errno === ERRNO.EEXIST;

export function neighboursOf(
  socket: Pick<NetlinkSocket, 'dump'>,
  family: NeighbourFamily,
  index: number,
): NeighbourMessage[] {
  return socket
    .dump(RTM_NEIGHBOUR.GET, encodeNeighbourDump({ family, index }))
    .map(decodeNeighbour)
    .filter((neighbour) => neighbour.index === index);
}
