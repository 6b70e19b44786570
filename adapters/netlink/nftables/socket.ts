/** A socket of NETLINK_NETFILTER: questions as over every netlink socket, and transactions, which no other family has. */
import { decodeAnswer } from '../codec/answers.ts';
import { MalformedNetlink } from '../codec/malformed.ts';
import { decodeMessages, encodeMessage, FLAG, NLMSG, type NetlinkMessage } from '../codec/messages.ts';
import { receiveFrom, sendTo, setOption, SystemCallFailed } from '../../libc/calls.ts';
import { ERRNO, refusal } from '../refused.ts';
import { isKernels, NetlinkSocket, PROTOCOL, SOL_SOCKET } from '../socket.ts';
import type { NetfilterMessage, NetfilterSocket } from './transport.ts';

const SO_SNDBUFFORCE = 32;
const MSG_DONTWAIT = 0x40;
/** A datagram has to fit into the socket's send buffer, 208 KiB by default: thousands of addresses do not. As nft(8) has it. */
const USUAL_BYTES = 64 * 1024;
const SEND_BUFFER = 2 * 1024 * 1024;
/** Of one acknowledgement or refusal. */
const ANSWER_BYTES = 8 * 1024;
/** `struct nfgenmsg`. */
const FAMILY_HEADER = 4;
/** What a number of an attribute means depends on the message. */
const NO_NAMES: ReadonlyMap<number, string> = new Map();

export interface OpenNetfilterSocket extends NetfilterSocket {
  close(): void;
}

/** In the namespace that the thread is in. @throws SystemCallFailed */
export function openNetfilterSocket(): OpenNetfilterSocket {
  const socket = new NetlinkSocket(PROTOCOL.NETFILTER);
  return {
    transaction: (messages) => transact(socket.fd, messages),
    get: (request) => socket.get(request),
    dump: (type, payload) => socket.dump(type, payload),
    close: () => socket.close(),
  };
}

/** Sequence numbers are places in the transaction; of the answers to anything else nothing is left by then. */
function transact(fd: number, messages: readonly NetfilterMessage[]): void {
  const encoded = messages.map(({ type, flags, payload }, sequence) =>
    encodeMessage({ type, flags: FLAG.REQUEST | flags, sequence, payload }),
  );
  const datagram = Buffer.concat(encoded);
  if (datagram.length > USUAL_BYTES) {
    const size = Buffer.alloc(4);
    size.writeUInt32LE(SEND_BUFFER);
    setOption(fd, SOL_SOCKET, SO_SNDBUFFORCE, size);
  }
  sendTo(fd, datagram);
  const answers = said(fd).filter(({ type }) => type === NLMSG.ERROR);
  if (answers.length === 0) throw new MalformedNetlink('no answer to a transaction');
  for (const message of answers) {
    const answer = decodeAnswer(message);
    const about = encoded[message.sequence] ?? Buffer.alloc(0);
    if (answer.errno !== 0) throw refusal(answer, about, { header: FAMILY_HEADER, names: NO_NAMES });
  }
}

/** All that the kernel has said so far. */
function said(fd: number): NetlinkMessage[] {
  const all: NetlinkMessage[] = [];
  const sender = Buffer.alloc(12);
  for (;;) {
    const buffer = Buffer.alloc(ANSWER_BYTES);
    let length: number;
    try {
      length = receiveFrom(fd, buffer, sender, MSG_DONTWAIT);
    } catch (error) {
      if (error instanceof SystemCallFailed && error.errno === ERRNO.EAGAIN) return all;
      throw error;
    }
    if (length > buffer.length) throw new MalformedNetlink(`an answer of ${length} bytes to a transaction`);
    if (isKernels(sender)) all.push(...decodeMessages(buffer.subarray(0, length)));
  }
}
