/** Forwarding entries and static neighbours of a link: only what differs is sent, two hundred entries at a time. */
import { fdbVerb, linkName, mac, address, integer, ROUTE_PROTOCOL } from '../../iproute/lines.ts';
import { PodwireError } from '../../../domain/failures.ts';
import type { FdbChange, FdbEntry } from '../../../domain/forwarding/fdb.ts';
import type { Neighbour, NeighbourChange } from '../../../domain/forwarding/neighbours.ts';
import type { ForwardingOutcome } from '../../../domain/ports/link-kernel.ts';
import type { KernelAnswer } from '../codec/answers.ts';
import { FLAG } from '../codec/messages.ts';
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
import { ERRNO, refusal } from '../refused.ts';
import type { NetlinkRequest, NetlinkSocket } from '../socket.ts';
import { NEIGHBOUR_NAMES } from './attribute-names.ts';
import { indexOf, linkAt } from './links.ts';

/** Permanent entries of a VXLAN link; undefined: there is no such link. */
export function readFdb(socket: NetlinkSocket, link: string): FdbEntry[] | undefined {
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

/** Additions first: a destination that is replaced is never missing. */
export function changeFdb(socket: NetlinkSocket, link: string, change: FdbChange): ForwardingOutcome {
  const indexes = new Map<string, number | undefined>();
  const named = (name: string): number | undefined => {
    if (!indexes.has(name)) indexes.set(name, indexOf(socket, linkName(name)));
    return indexes.get(name);
  };
  const message = (entry: FdbEntry): ((index: number) => Buffer) => fdbMessage(entry, named);
  return sendChanges(socket, link, [
    ...change.add.map((entry) => ({ verb: fdbVerb(entry), message: message(entry) })),
    ...change.remove.map((entry) => ({ verb: 'delete' as const, message: message(entry) })),
  ]);
}

/** Neighbours that podwire made; undefined: there is no such link. */
export function readNeighbours(socket: NetlinkSocket, link: string): Neighbour[] | undefined {
  const index = indexOf(socket, linkName(link));
  if (index === undefined) return undefined;
  return [AF.INET, AF.INET6]
    .flatMap((family) => neighboursOf(socket, family, index))
    .filter(({ state, protocol }) => (state & NUD_PERMANENT) !== 0 && protocol === ROUTE_PROTOCOL)
    .flatMap(({ destination, mac: hardware }) =>
      destination === undefined || hardware === undefined ? [] : [{ address: destination, mac: hardware }],
    );
}

export function changeNeighbours(socket: NetlinkSocket, link: string, change: NeighbourChange): ForwardingOutcome {
  return sendChanges(socket, link, [
    ...change.set.map((neighbour) => ({ verb: 'replace' as const, message: neighbourMessage(neighbour) })),
    ...change.remove.map((neighbour) => ({ verb: 'delete' as const, message: neighbourMessage(neighbour) })),
  ]);
}

/** The kernel forgets what it learned of these addresses; static entries stay. */
export function forgetNeighbours(socket: NetlinkSocket, link: string, addresses: readonly string[]): ForwardingOutcome {
  const index = indexOf(socket, linkName(link));
  if (index === undefined) return 'link-absent';
  const wanted = new Set(addresses.map(address));
  const learned = [AF.INET, AF.INET6]
    .flatMap((family) => neighboursOf(socket, family, index))
    .flatMap(({ destination, state }) =>
      destination !== undefined && wanted.has(destination) && (state & (NUD_PERMANENT | NUD_NOARP)) === 0
        ? [
            {
              verb: 'delete' as const,
              message: () =>
                encodeNeighbour({ family: destination.includes(':') ? AF.INET6 : AF.INET, index, destination }),
            },
          ]
        : [],
    );
  return sendChanges(socket, link, learned);
}

interface Change {
  readonly verb: 'append' | 'replace' | 'delete';
  readonly message: (index: number) => Buffer;
}

const VERBS: Readonly<
  Record<Change['verb'], { readonly type: number; readonly flags: number; readonly done: number }>
> = {
  append: { type: RTM_NEIGHBOUR.NEW, flags: FLAG.CREATE | FLAG.APPEND, done: ERRNO.EEXIST },
  replace: { type: RTM_NEIGHBOUR.NEW, flags: FLAG.CREATE | FLAG.REPLACE, done: 0 },
  delete: { type: RTM_NEIGHBOUR.DELETE, flags: 0, done: ERRNO.ENOENT },
};

/** One that is already so counts as done. */
function sendChanges(socket: NetlinkSocket, link: string, changes: readonly Change[]): ForwardingOutcome {
  if (changes.length === 0) return 'applied';
  const index = indexOf(socket, linkName(link));
  if (index === undefined) return 'link-absent';
  const requests = changes.map(({ verb, message }): NetlinkRequest => {
    const { type, flags } = VERBS[verb];
    return { type, flags, payload: message(index) };
  });
  const answers = socket.requestAll(requests);
  for (const [at, answer] of answers.entries()) {
    const verb = changes[at]?.verb;
    if (verb === undefined || isDone(answer, verb)) continue;
    if (answer.errno === ERRNO.ENODEV) return 'link-absent';
    const { message } = refusal(answer, Buffer.alloc(0), NEIGHBOUR_NAMES);
    throw new PodwireError('CommandFailed', `neighbour ${verb} on ${link}, entry ${at + 1}: ${message}`);
  }
  return 'applied';
}

const isDone = ({ errno }: KernelAnswer, verb: Change['verb']): boolean =>
  errno === 0 || errno === VERBS[verb].done || (verb === 'delete' && errno === ERRNO.ESRCH);

function fdbMessage(entry: FdbEntry, named: (link: string) => number | undefined): (index: number) => Buffer {
  if (entry.destination === undefined)
    throw new PodwireError('InvalidLink', 'dst "" is not usable; allowed: an address');
  const viaIndex = entry.via === undefined ? undefined : named(entry.via);
  const fields = {
    family: AF.BRIDGE,
    state: NUD_NOARP | NUD_PERMANENT,
    flags: NTF_SELF,
    mac: mac(entry.mac),
    destination: address(entry.destination),
    ...(entry.port === undefined ? {} : { port: integer('port', entry.port, 1, 65535) }),
    ...(entry.vni === undefined ? {} : { vni: integer('vni', entry.vni, 0, 16777215) }),
    ...(viaIndex === undefined ? {} : { viaIndex }),
  };
  return (index) => encodeNeighbour({ ...fields, index });
}

function neighbourMessage(neighbour: Neighbour): (index: number) => Buffer {
  const destination = address(neighbour.address);
  const fields = {
    family: destination.includes(':') ? AF.INET6 : AF.INET,
    destination,
    state: NUD_PERMANENT,
    mac: mac(neighbour.mac),
    protocol: ROUTE_PROTOCOL,
  };
  return (index) => encodeNeighbour({ ...fields, index });
}

export function neighboursOf(socket: NetlinkSocket, family: NeighbourFamily, index: number): NeighbourMessage[] {
  return socket
    .dump(RTM_NEIGHBOUR.GET, encodeNeighbourDump({ family, index }))
    .map(decodeNeighbour)
    .filter((neighbour) => neighbour.index === index);
}
