/**
 * Network namespaces whose changes are listened to, by a socket in each that is subscribed to the kernel's notifications. What podwire does
 * there itself is read away right after it; what was there before that is somebody else's.
 *
 * A socket that is open keeps its namespace alive: whoever follows one has to stop when its sandbox goes.
 */
import { CHANGE_FILTER } from './codec/change-filter.ts';
import { RTM_NEIGHBOUR } from './codec/neighbour.ts';
import { inNetns, type NetnsDescriptor } from './enter-netns.ts';
import {
  attachFilter,
  bindSocket,
  closeSocket,
  receiveFrom,
  setOption,
  SystemCallFailed,
  whenReadable,
  type Readiness,
} from '../libc/calls.ts';
import { NoticePace, type Changes } from './notice-pace.ts';
import { ERRNO } from './refused.ts';
import { isKernels, netlinkAddress, openNetlink, PROTOCOL, SOL_SOCKET } from './socket.ts';

const SO_RCVBUF = 8;
const MSG_DONTWAIT = 0x40;
/** linux/rtnetlink.h: RTMGRP_LINK, RTMGRP_NEIGH, RTMGRP_IPV4_IFADDR, RTMGRP_IPV4_ROUTE, RTMGRP_IPV6_IFADDR, RTMGRP_IPV6_ROUTE. */
const GROUPS = 0x1 | 0x4 | 0x10 | 0x40 | 0x100 | 0x400;
/** The kernel counts double: twenty notifications of links. What does not fit is told as lost, and one look finds all of it. */
const QUEUE_BYTES = 32 * 1024;
/** Longest stretch of reading one socket away, of a namespace that changes all the time. */
const READ_AT_ONCE = 256;
/** One notice of a namespace per rest. */
const REST_MS = 1_000;
/** Enough for a message's type; the rest is of no interest. */
const head = Buffer.alloc(64);
const sender = Buffer.alloc(12);

interface Followed {
  readonly key: string;
  readonly inode: string;
  readonly fd: number;
  readonly readiness: Readiness;
  readonly pace: NoticePace;
  resting: NodeJS.Timeout | undefined;
  /** How many operations of podwire's are under way that other processes carry out. */
  held: number;
}

export class FollowedNamespaces {
  readonly #tell: (key: string, changes: Changes) => void;
  readonly #byKey = new Map<string, Followed>();
  readonly #byInode = new Map<string, Followed>();

  constructor(tell: (key: string, changes: Changes) => void) {
    this.#tell = tell;
  }

  /** Changes are told under `key` from now on. @throws PodwireError SandboxGone; SystemCallFailed */
  follow(key: string, netns: NetnsDescriptor): void {
    if (this.#byKey.get(key)?.inode === netns.inode) return;
    this.unfollow(key);
    const fd = inNetns(netns, openSubscribed);
    const followed: Followed = {
      ...{ key, fd, inode: netns.inode, pace: new NoticePace(REST_MS), resting: undefined, held: 0 },
      readiness: whenReadable(fd, () => this.#look(followed)),
    };
    this.#byKey.set(key, followed);
    this.#byInode.set(netns.inode, followed);
  }

  unfollow(key: string): void {
    const followed = this.#byKey.get(key);
    if (followed === undefined) return;
    this.#byKey.delete(key);
    if (this.#byInode.get(followed.inode) === followed) this.#byInode.delete(followed.inode);
    clearTimeout(followed.resting);
    followed.readiness.close();
    closeSocket(followed.fd);
  }

  /** Runs what this thread itself changes in a namespace. */
  asOwn<T>(netns: NetnsDescriptor | undefined, work: () => T): T {
    const followed = netns === undefined ? undefined : this.#byInode.get(netns.inode);
    if (followed === undefined || followed.held > 0) return work();
    this.#note(followed);
    try {
      return work();
    } finally {
      readAway(followed.fd);
      this.#turn(followed);
    }
  }

  /** Until `letGo` what changes there is podwire's own, which other processes do for it. */
  hold(key: string): void {
    const followed = this.#byKey.get(key);
    if (followed === undefined) return;
    if (followed.held === 0) this.#note(followed);
    followed.held += 1;
    this.#turn(followed);
  }

  letGo(key: string): void {
    const followed = this.#byKey.get(key);
    if (followed === undefined || followed.held === 0) return;
    followed.held -= 1;
    if (followed.held > 0) return;
    readAway(followed.fd);
    this.#turn(followed);
  }

  #look(followed: Followed): void {
    if (followed.held === 0) this.#note(followed);
    this.#turn(followed);
  }

  #note(followed: Followed): void {
    const changes = readAway(followed.fd);
    if (changes !== undefined) followed.pace.note(changes);
  }

  /** Tells what is due, and listens, or rests first. */
  #turn(followed: Followed): void {
    const { key, pace, readiness } = followed;
    const due = pace.take(performance.now());
    if (due !== undefined) this.#tell(key, due);
    clearTimeout(followed.resting);
    followed.resting = undefined;
    const restMs = pace.restMs(performance.now());
    if (restMs === 0 && followed.held === 0) return readiness.start();
    readiness.stop();
    if (restMs > 0) followed.resting = setTimeout(() => this.#look(followed), restMs);
  }
}

function openSubscribed(): number {
  const fd = openNetlink(PROTOCOL.ROUTE);
  try {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(QUEUE_BYTES);
    setOption(fd, SOL_SOCKET, SO_RCVBUF, bytes);
    // Before it is subscribed: nothing comes that was not let pass.
    attachFilter(fd, CHANGE_FILTER);
    bindSocket(fd, netlinkAddress(GROUPS));
    return fd;
  } catch (error) {
    closeSocket(fd);
    throw error;
  }
}

/** Reads a socket empty, or nearly. @returns what the notifications were about; undefined: there were none */
function readAway(fd: number): Changes | undefined {
  let [links, forwarding, lost] = [false, false, false];
  for (let read = 0; read < READ_AT_ONCE; read += 1) {
    const type = nextType(fd);
    if (type === 'none') break;
    if (type === 'lost') lost = true;
    else if (type === RTM_NEIGHBOUR.NEW || type === RTM_NEIGHBOUR.DELETE) forwarding = true;
    else if (type !== 'foreign') links = true;
  }
  return links || forwarding || lost ? { links, forwarding, lost } : undefined;
}

function nextType(fd: number): number | 'none' | 'lost' | 'foreign' {
  try {
    receiveFrom(fd, head, sender, MSG_DONTWAIT);
  } catch (error) {
    if (!(error instanceof SystemCallFailed)) throw error;
    // Any other error of a socket is told once and gone; the namespace is looked at for it.
    return error.errno === ERRNO.EAGAIN ? 'none' : 'lost';
  }
  return isKernels(sender) ? head.readUInt16LE(4) : 'foreign';
}
