/**
 * A netlink socket that is asked and answered at once: the kernel does what a request says while `send` runs, and its answer is there when
 * `send` returns. A socket stays in the network namespace that its thread was in when it was opened.
 */
import { PodwireError } from '../../domain/failures.ts';
import { decodeAnswer, type KernelAnswer } from './codec/answers.ts';
import { align } from './codec/attributes.ts';
import { MalformedNetlink } from './codec/malformed.ts';
import { decodeMessages, encodeMessage, FLAG, NLMSG, type NetlinkMessage } from './codec/messages.ts';
import { bindSocket, closeSocket, openSocket, receiveFrom, sendTo, setOption } from '../libc/calls.ts';
import { refusal, type AttributeNames } from './refused.ts';

export interface NetlinkRequest {
  readonly type: number;
  /** Besides FLAG.REQUEST and, where one answer is waited for, FLAG.ACK. */
  readonly flags?: number;
  readonly payload: Buffer;
}

export const PROTOCOL = { ROUTE: 0, NETFILTER: 12 } as const;

const AF_NETLINK = 16;
const SOCK_RAW = 3;
export const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20;
const SOL_NETLINK = 270;
/** linux/netlink.h: NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK. */
const OPTIONS = { CAP_ACK: 10, EXT_ACK: 11, STRICT: 12 } as const;
/** The kernel answers while it is asked; one that does not is given up. */
const ANSWER_SECONDS = 3;
/** A dump's datagrams are as long as the buffer that they are read into, up to 32 KiB; single messages with many addresses may be longer. */
const BUFFER_BYTES = 256 * 1024;
/** Refusals of one send have to fit into the socket's receive buffer, 208 KiB by default, at less than a KiB each. */
const MESSAGES_PER_SEND = 200;
/** A table that changes all the time is read this often. */
const DUMP_ROUNDS = 5;

/** Shared by all sockets of a thread: every use of it is one synchronous stretch. */
const received = Buffer.allocUnsafeSlow(BUFFER_BYTES);
const sender = Buffer.alloc(12);

export class NetlinkSocket {
  readonly fd: number;
  #sequence = 0;

  /** In the namespace that the thread is in. @throws SystemCallFailed */
  constructor(protocol: number) {
    this.fd = openNetlink(protocol);
    try {
      for (const option of Object.values(OPTIONS)) setOption(this.fd, SOL_NETLINK, option, ONE);
      setOption(this.fd, SOL_SOCKET, SO_RCVTIMEO, timeval(ANSWER_SECONDS));
      bindSocket(this.fd, netlinkAddress());
    } catch (error) {
      this.close();
      throw error;
    }
  }

  close(): void {
    closeSocket(this.fd);
  }

  /**
   * What the kernel answers to each request, in their order; one that it refuses does not keep it from the next.
   * @throws MalformedNetlink, SystemCallFailed
   */
  requestAll(requests: readonly NetlinkRequest[]): KernelAnswer[] {
    const packed = Buffer.concat(requests.map((request) => encoded(request, 0)));
    const answers = requests.map((): KernelAnswer => DONE);
    for (const { place, answer } of this.requestPacked(packed)) answers[place] = answer;
    return answers;
  }

  /**
   * Sends whole messages, a few hundred at a time, and only asks about the last of them: what the kernel refuses it says anyway.
   * @param packed requests behind one another; their sequence numbers are written here
   * @param each may write into a request before it is sent
   * @returns those that were refused, in their order
   * @throws MalformedNetlink, SystemCallFailed
   */
  requestPacked(packed: Buffer, each?: (request: Buffer) => void): PackedRefusal[] {
    const refusals: PackedRefusal[] = [];
    let place = 0;
    for (let at = 0; at < packed.length;) {
      const from = at;
      const requests: Buffer[] = [];
      const first = this.#sequence + 1;
      while (at < packed.length && requests.length < MESSAGES_PER_SEND) {
        const request = packed.subarray(at, at + align(packed.readUInt32LE(at)));
        request.writeUInt32LE(this.#nextSequence(), SEQUENCE_AT);
        each?.(request);
        requests.push(request);
        at += request.length;
      }
      askFor(requests.at(-1));
      sendTo(this.fd, packed.subarray(from, at));
      for (const [sequence, answer] of this.#answersUntil(this.#sequence)) {
        const request = requests[sequence - first];
        if (answer.errno !== 0 && request !== undefined)
          refusals.push({ place: place + sequence - first, request, answer });
      }
      place += requests.length;
    }
    return refusals;
  }

  /** @throws NetlinkRefused, MalformedNetlink, SystemCallFailed */
  request(request: NetlinkRequest, names: AttributeNames = NO_NAMES): void {
    const [answer] = this.requestAll([request]);
    if (answer !== undefined && answer.errno !== 0) throw refusal(answer, encoded(request, 0), names);
  }

  /** The one message that answers a question. @throws NetlinkRefused, MalformedNetlink, SystemCallFailed */
  get(request: NetlinkRequest): Buffer {
    const sequence = this.#nextSequence();
    const message = encoded(request, sequence);
    askFor(message);
    sendTo(this.fd, message);
    let found: Buffer | undefined;
    for (;;) {
      for (const part of this.#receive(sequence)) {
        if (part.type !== NLMSG.ERROR) {
          found = Buffer.from(part.payload);
          continue;
        }
        const answer = decodeAnswer(part);
        if (answer.errno !== 0) throw refusal(answer, message, NO_NAMES);
        if (found === undefined) throw new MalformedNetlink('an acknowledgement without the answer before it');
        return found;
      }
    }
  }

  /**
   * Payloads of all messages of a dump; read anew when the table changed meanwhile.
   * @throws PodwireError KernelBusy when it always did; NetlinkRefused, MalformedNetlink, SystemCallFailed
   */
  dump(type: number, payload: Buffer): Buffer[] {
    for (let round = 1; ; round += 1) {
      const { payloads, isInterrupted } = this.#dumpOnce({ type, payload });
      if (!isInterrupted) return payloads;
      if (round === DUMP_ROUNDS)
        throw new PodwireError('KernelBusy', `a table of the kernel changed while it was read, ${round} times in turn`);
    }
  }

  #dumpOnce(request: NetlinkRequest): { payloads: Buffer[]; isInterrupted: boolean } {
    const sequence = this.#nextSequence();
    const message = encodeMessage({ ...request, flags: FLAG.REQUEST | FLAG.DUMP, sequence });
    sendTo(this.fd, message);
    const payloads: Buffer[] = [];
    let isInterrupted = false;
    for (;;) {
      for (const part of this.#receive(sequence)) {
        isInterrupted ||= (part.flags & FLAG.DUMP_INTERRUPTED) !== 0;
        if (part.type !== NLMSG.DONE && part.type !== NLMSG.ERROR) {
          payloads.push(Buffer.from(part.payload));
          continue;
        }
        const answer = decodeAnswer(part);
        if (answer.errno !== 0) throw refusal(answer, message, NO_NAMES);
        return { payloads, isInterrupted };
      }
    }
  }

  /** By the sequence numbers of their requests, up to that of the last one. */
  #answersUntil(last: number): Map<number, KernelAnswer> {
    const answers = new Map<number, KernelAnswer>();
    while (!answers.has(last))
      for (const message of this.#receive())
        if (message.type === NLMSG.ERROR) answers.set(message.sequence, decodeAnswer(message));
    return answers;
  }

  /**
   * Messages of the next datagram that the kernel sent.
   * @param sequence of the request that they answer; what answers an earlier one is left out
   */
  #receive(sequence?: number): NetlinkMessage[] {
    const length = receiveFrom(this.fd, received, sender);
    if (length > received.length)
      throw new MalformedNetlink(`an answer of ${length} bytes; ${received.length} are read`);
    if (!isKernels(sender)) return [];
    const messages = decodeMessages(received.subarray(0, length));
    return sequence === undefined ? messages : messages.filter((message) => message.sequence === sequence);
  }

  #nextSequence(): number {
    this.#sequence += 1;
    return this.#sequence;
  }
}

/** A request that the kernel refused, and where among those that were sent it stood. */
export interface PackedRefusal {
  readonly place: number;
  readonly request: Buffer;
  readonly answer: KernelAnswer;
}

const DONE: KernelAnswer = { errno: 0 };
/** Within `struct nlmsghdr`. */
const FLAGS_AT = 6;
const SEQUENCE_AT = 8;

function askFor(request: Buffer | undefined): void {
  request?.writeUInt16LE(request.readUInt16LE(FLAGS_AT) | FLAG.ACK, FLAGS_AT);
}

const encoded = ({ type, flags = 0, payload }: NetlinkRequest, sequence: number): Buffer =>
  encodeMessage({ type, flags: FLAG.REQUEST | flags, sequence, payload });

const NO_NAMES: AttributeNames = { header: 0, names: new Map() };
const ONE = Buffer.from([1, 0, 0, 0]);

/** Not bound yet, in the namespace that the thread is in. @throws SystemCallFailed */
export const openNetlink = (protocol: number): number => openSocket(AF_NETLINK, SOCK_RAW, protocol);

/** struct sockaddr_nl: the kernel chooses a port. @param groups multicast groups to hear, as bits */
export function netlinkAddress(groups = 0): Buffer {
  const address = Buffer.alloc(12);
  address.writeUInt16LE(AF_NETLINK, 0);
  address.writeUInt32LE(groups, 8);
  return address;
}

/** Other processes may send to a netlink socket, too: the kernel's own port is 0. @param sender struct sockaddr_nl */
export const isKernels = (sender: Buffer): boolean => sender.readUInt32LE(4) === 0;

/** struct timeval of 64-bit machines. */
function timeval(seconds: number): Buffer {
  const value = Buffer.alloc(16);
  value.writeBigInt64LE(BigInt(seconds), 0);
  return value;
}
