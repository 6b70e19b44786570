/** Ethernet frames as they are, sent and heard on one link of a namespace: `struct sockaddr_ll` and packet sockets, packet(7). */
import assert from 'node:assert/strict';
import {
  bindSocket,
  closeSocket,
  openSocket,
  receiveFrom,
  sendTo,
  SystemCallFailed,
} from '../../adapters/libc/calls.ts';
import { ipBytes, macBytes } from '../../adapters/netlink/codec/values.ts';
import { inNetns } from '../../adapters/netlink/enter-netns.ts';
import { enteredBy } from '../../adapters/netlink/node-kernel.ts';
import { linkNamed } from '../../adapters/netlink/operations/links.ts';
import { ERRNO } from '../../adapters/netlink/refused.ts';
import { NetlinkSocket, PROTOCOL } from '../../adapters/netlink/socket.ts';
import type { IdentifiedNetns } from '../../domain/ports/link-kernel.ts';

const AF_PACKET = 17;
const SOCK_RAW = 3;
const ETH_P_ALL = 3;
const MSG_DONTWAIT = 0x40;
/** Bytes of `struct sockaddr_ll`, and where the kind of packet stands in it. */
const ADDRESS = 20;
const KIND_AT = 10;
const PACKET_OUTGOING = 4;

export interface RawLink {
  send(...frames: readonly Buffer[]): void;
  /** What has come, or gone out, since it was last asked. */
  frames(direction?: 'in' | 'out'): Buffer[];
  close(): void;
}

export function rawLink(open: IdentifiedNetns, link: string): RawLink {
  const { descriptor } = enteredBy(open);
  const [index, fd] = inNetns(descriptor, () => {
    const socket = new NetlinkSocket(PROTOCOL.ROUTE);
    const found = linkNamed(socket, link)?.index;
    socket.close();
    return [found ?? assert.fail(`no link ${link}`), openSocket(AF_PACKET, SOCK_RAW, ETH_P_ALL << 8)];
  });
  const address = Buffer.alloc(ADDRESS);
  address.writeUInt16LE(AF_PACKET, 0);
  address.writeUInt16BE(ETH_P_ALL, 2);
  address.writeInt32LE(index, 4);
  bindSocket(fd, address);
  return {
    send: (...frames) => frames.forEach((frame) => sendTo(fd, frame)),
    frames(direction = 'in') {
      const heard: Buffer[] = [];
      for (;;) {
        const [buffer, from] = [Buffer.alloc(2_048), Buffer.alloc(ADDRESS)];
        try {
          const length = receiveFrom(fd, buffer, from, MSG_DONTWAIT);
          const isOut = from.readUInt8(KIND_AT) === PACKET_OUTGOING;
          if (isOut === (direction === 'out')) heard.push(buffer.subarray(0, length));
        } catch (error) {
          if (error instanceof SystemCallFailed && error.errno === ERRNO.EAGAIN) return heard;
          throw error;
        }
      }
    },
    close: () => closeSocket(fd),
  };
}

export interface Ends {
  readonly from: string;
  readonly to: string;
}

export const BROADCAST = 'ff:ff:ff:ff:ff:ff';

export const ethernet = ({ from, to }: Ends, type: number, ...content: readonly Buffer[]): Buffer =>
  Buffer.concat([macBytes(to), macBytes(from), Buffer.from([type >> 8, type & 0xff]), ...content]);

/** A question for `target`. @param macs.claimed the sender's MAC as the question has it */
export const arpFrame = (ends: Ends, sender: string, target: string, claimed = ends.from): Buffer =>
  ethernet(
    ends,
    0x0806,
    Buffer.from([0, 1, 8, 0, 6, 4, 0, 1]),
    ...[macBytes(claimed), ipBytes(sender), Buffer.alloc(6), ipBytes(target)],
  );

/** An IPv4 packet of the protocol 253, which is for experiments (RFC 3692). */
export function ipv4Frame(ends: Ends, source: string, target: string, text: string): Buffer {
  const content = Buffer.from(text);
  const head = Buffer.alloc(12);
  head.writeUInt8(0x45, 0);
  head.writeUInt16BE(20 + content.length, 2);
  head.writeUInt8(64, 8);
  head.writeUInt8(253, 9);
  const packet = Buffer.concat([head, ipBytes(source), ipBytes(target)]);
  let sum = 0;
  for (let at = 0; at < packet.length; at += 2) sum += packet.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  packet.writeUInt16BE(~sum & 0xffff, 10);
  return ethernet(ends, 0x0800, packet, content);
}

/** @param next the protocol of what follows; 253 is for experiments */
export function ipv6Frame(ends: Ends, source: string, target: string, content: Buffer, next = 253): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt8(0x60, 0);
  head.writeUInt16BE(content.length, 4);
  head.writeUInt8(next, 6);
  head.writeUInt8(255, 7);
  return ethernet(ends, 0x86dd, head, ipBytes(source), ipBytes(target), content);
}

/** A message of Neighbour Discovery (RFC 4861 §4), whose checksum nobody looks at before the port. @param option type and MAC */
export function discoveryFrame(
  ends: Ends,
  {
    source,
    target,
    type,
    about,
    option,
  }: { source: string; target: string; type: number; about: string; option?: [number, string] },
): Buffer {
  const head = Buffer.from([type, 0, 0, 0, 0, 0, 0, 0]);
  const more = option === undefined ? [] : [Buffer.from([option[0], 1]), macBytes(option[1])];
  return ipv6Frame(ends, source, target, Buffer.concat([head, ipBytes(about), ...more]), 58);
}
