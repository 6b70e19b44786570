/**
 * The thread that speaks to the kernel. Netlink requests are answered while they are sent, and the kernel's lock on links may be held by
 * others for hundreds of milliseconds: here nobody's heartbeat waits for it.
 *
 * Every operation opens a socket in its namespace and closes it (5 µs): one that stayed open would keep a pod's namespace alive. Those that
 * listen for changes do, and are closed when they are told to.
 */
import { linkName } from '../links/link-values.ts';
import { parentPort } from 'node:worker_threads';
import { PodwireError } from '../../domain/failures.ts';
import { meshSettings, type MeshPlan } from '../../domain/primary/node-mesh.ts';
import { portSettings, type SegmentPlan, type SegmentPort } from '../../domain/node-mode/segment.ts';
import type { AttachedPort } from '../../domain/ports/segment-kernel.ts';
import type { MeshOutcome } from '../../domain/ports/node-mesh.ts';
import { wiringSettings, type PodWiring } from '../../domain/primary/pod-wiring.ts';
import { MalformedNetlink } from './codec/malformed.ts';
import { enterOwn, homeDescriptor, inNetns, type NetnsDescriptor } from './enter-netns.ts';
import { FollowedNamespaces } from './followed.ts';
import { SystemCallFailed } from '../libc/calls.ts';
import { changeSenders, ignoreAdvertisements, probe, readSenders } from './nftables/senders.ts';
import { nodeTableHandle, replaceNodeTable } from './nftables/node-table.ts';
import { openNetfilterSocket, type OpenNetfilterSocket } from './nftables/socket.ts';
import { lackingOf } from './operations/check-wiring.ts';
import { executeAll } from './operations/change-links.ts';
import { changeEntries, forgetNeighbours, readFdb, readNeighbours } from './operations/forwarding.ts';
import { notOnLink } from './operations/gateways.ts';
import { indexOf } from './operations/links.ts';
import { hostEnds, observe } from './operations/observe.ts';
import { configureMesh, ensureMeshDevice } from './operations/node-mesh.ts';
import { configurePair, ensurePair, removePair } from './operations/pod-wiring.ts';
import { print } from './operations/print.ts';
import { ensurePort, raisePort, removePort, syncSegment, type SegmentSockets } from './operations/segment-port.ts';
import { readSysctls, writeSysctls } from './operations/sysctls.ts';
import { ERRNO, NetlinkRefused } from './refused.ts';
import { NetlinkSocket, PROTOCOL } from './socket.ts';
import type { OperationName, Operations, ThreadAnswer, ThreadNotice, ThreadRequest } from './thread-messages.ts';

type Place = NetnsDescriptor | undefined;
type Handlers = { readonly [Name in OperationName]: (place: Place) => Operations[Name] };

const entered = <T>(place: Place, work: () => T): T => (place === undefined ? work() : inNetns(place, work));

/** The thread is back in its own namespace before the socket is used. */
function using<Socket extends { close(): void }, T>(place: Place, open: () => Socket, work: (socket: Socket) => T): T {
  const socket = entered(place, open);
  try {
    return work(socket);
  } finally {
    socket.close();
  }
}

const withSocket = <T>(place: Place, work: (socket: NetlinkSocket) => T): T =>
  using(place, () => new NetlinkSocket(PROTOCOL.ROUTE), work);

const withNetfilter = <T>(place: Place, work: (socket: OpenNetfilterSocket) => T): T =>
  using(place, openNetfilterSocket, work);

const followed = new FollowedNamespaces((key, changes) => {
  const notice: ThreadNotice = { key, changes };
  parentPort?.postMessage(notice);
});

interface OpenPlace {
  readonly place: Place;
  readonly socket: NetlinkSocket;
}

/** @returns settings that were refused */
function wirePod(pod: OpenPlace, host: OpenPlace, wiring: PodWiring): string[] {
  const sockets = { pod: pod.socket, host: host.socket, hostFd: host.place?.fd ?? homeDescriptor() };
  const ends = ensurePair(sockets, wiring);
  const settings = wiringSettings(wiring);
  const refused = [
    ...entered(pod.place, () => writeSysctls(settings.pod)),
    ...entered(host.place, () => writeSysctls(settings.host)),
  ];
  configurePair(sockets, ends, wiring);
  return refused.map(({ path, code }) => `${path}: ${code}`);
}

function ensureMesh(place: Place, socket: NetlinkSocket, plan: MeshPlan): MeshOutcome {
  const index = ensureMeshDevice(socket, plan.device);
  const refused = entered(place, () => writeSysctls(meshSettings(plan)));
  return { ...configureMesh(socket, index, plan), refused: refused.map(({ path, code }) => `${path}: ${code}`) };
}

const withSegment = <T>(place: Place, work: (sockets: SegmentSockets) => T): T =>
  withSocket(place, (links) => withNetfilter(place, (filter) => work({ links, filter })));

function attachPort(pod: OpenPlace, host: Place, plan: SegmentPlan, port: SegmentPort): AttachedPort {
  return withSegment(host, (node) => {
    const sockets = { ...node, pod: pod.socket, hostFd: host?.fd ?? homeDescriptor() };
    const end = ensurePort(sockets, plan, port);
    const refused = entered(pod.place, () => writeSysctls(portSettings(port)));
    raisePort(sockets, end, port);
    return { ifindex: end.index, refused: refused.map(({ path, code }) => `${path}: ${code}`) };
  });
}

/** The same for what changes something: it is not told to those who follow the namespace. */
const changing = <T>(place: Place, work: (socket: NetlinkSocket) => T): T =>
  followed.asOwn(place, () => withSocket(place, work));

/** The table or the element is not there, or is there already: somebody else was at it. */
const OTHERWISE: readonly number[] = [ERRNO.ENOENT, ERRNO.EEXIST];

const handlers: Handlers = {
  observe: (place) => () => withSocket(place, observe),
  execute: (place) => (commands, thenObserve) =>
    changing(place, (socket) => {
      executeAll(socket, commands);
      return thenObserve ? observe(socket) : undefined;
    }),
  notOnLink: (place) => (link, gateways) => withSocket(place, (socket) => notOnLink(socket, link, gateways)),
  readFdb: (place) => (link) => withSocket(place, (socket) => readFdb(socket, link)),
  readNeighbours: (place) => (link) => withSocket(place, (socket) => readNeighbours(socket, link)),
  changeEntries: (place) => (link, batch) => changing(place, (socket) => changeEntries(socket, link, batch)),
  forgetNeighbours: (place) => (link, addresses) =>
    changing(place, (socket) => forgetNeighbours(socket, link, addresses)),
  readSysctls: (place) => (paths) => entered(place, () => readSysctls(paths)),
  writeSysctls: (place) => (values) => followed.asOwn(place, () => entered(place, () => writeSysctls(values))),
  readSenders: (place) => (interfaceName) => withNetfilter(place, (socket) => readSenders(socket, interfaceName)),
  changeSenders: (place) => (interfaceName, change) =>
    withNetfilter(place, (socket) => {
      try {
        changeSenders(socket, interfaceName, change);
        return 'applied';
      } catch (error) {
        if (change.kind === 'change' && error instanceof NetlinkRefused && OTHERWISE.includes(error.errno))
          return 'otherwise';
        throw error;
      }
    }),
  dropAdvertisements: (place) => (link) => {
    const index = withSocket(place, (socket) => indexOf(socket, linkName(link)));
    if (index === undefined) return `Cannot find device "${link}"`;
    try {
      withNetfilter(place, (socket) => ignoreAdvertisements(socket, index));
      return undefined;
    } catch (error) {
      if (error instanceof NetlinkRefused) return `nf_tables: ${error.message}`;
      throw error;
    }
  },
  probeSenders: (place) => () => withNetfilter(place, probe),
  hostEnds: (place) => () => withSocket(place, hostEnds),
  wirePod: (place) => (wiring, host) =>
    changing(place, (pod) =>
      withSocket(host, (node) => wirePod({ place, socket: pod }, { place: host, socket: node }, wiring)),
    ),
  checkPod: (place) => (wiring, host) =>
    withSocket(place, (pod) => withSocket(host, (node) => lackingOf(pod, node, wiring))),
  unwirePod: (place) => (wiring) => withSocket(place, (host) => removePair(host, wiring)),
  ensureMesh: (place) => (plan) => withSocket(place, (socket) => ensureMesh(place, socket, plan)),
  replaceNodeTable: (place) => (filter) => withNetfilter(place, (socket) => replaceNodeTable(socket, filter)),
  nodeTable: (place) => () => withNetfilter(place, nodeTableHandle),
  attachPort: (place) => (plan, port, host) =>
    changing(place, (socket) => attachPort({ place, socket }, host, plan, port)),
  syncSegment: (place) => (plan) => withSegment(place, (sockets) => syncSegment(sockets, plan)),
  detachPort: (place) => (names, port) => withSegment(place, (sockets) => removePort(sockets, names, port)),
  print: (place) => (questions) => withSocket(place, (socket) => print(socket, questions)),
  probe: (place) => () => {
    enterOwn();
    return withSocket(place, () => undefined);
  },
  follow: (place) => (key) => {
    if (place !== undefined) followed.follow(key, place);
    return undefined;
  },
  unfollow: () => (key) => {
    followed.unfollow(key);
    return undefined;
  },
  hold: () => (key) => {
    followed.hold(key);
    return undefined;
  },
  letGo: () => (key) => {
    followed.letGo(key);
    return undefined;
  },
};

function carryOut({ operation, args, netns }: ThreadRequest): unknown {
  // Each operation's arguments were typed where they were sent.
  const handler = handlers[operation](netns) as (...given: readonly unknown[]) => unknown;
  return handler(...args);
}

function answer(request: ThreadRequest): ThreadAnswer {
  const { id } = request;
  try {
    if (Atomics.load(request.givenUp, 0) !== 0)
      throw new PodwireError('CommandTimedOut', `${request.operation} was given up before it was begun`);
    return { id, value: carryOut(request) };
  } catch (error) {
    return { id, failure: failureOf(request.operation, error) };
  }
}

function failureOf(operation: OperationName, error: unknown) {
  if (error instanceof PodwireError) return { code: error.code, message: error.message };
  const message = `${operation}: ${error instanceof Error ? error.message : String(error)}`;
  if (error instanceof SystemCallFailed && error.errno === ERRNO.EAGAIN)
    return {
      code: 'CommandTimedOut' as const,
      message: `${message}: the kernel did not answer; the outcome is unknown`,
    };
  const isKnown = [NetlinkRefused, SystemCallFailed, MalformedNetlink].some((kind) => error instanceof kind);
  return {
    code: 'CommandFailed' as const,
    message: isKnown || !(error instanceof Error) ? message : String(error.stack),
  };
}

parentPort?.on('message', (request: ThreadRequest) => {
  parentPort?.postMessage(answer(request));
});
