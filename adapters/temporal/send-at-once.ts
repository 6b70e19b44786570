/**
 * The core of Temporal's SDK sets TCP_NODELAY on a connection that it makes by itself, and not on one that it makes through a proxy
 * (ADR 50). By Nagle's algorithm (RFC 896) the second small write of such a connection waits until the first was acknowledged, which Linux
 * does up to 40 ms late: the answer to each task would wait so long. The core's sockets are descriptors of this very process.
 */
import { readdir } from 'node:fs/promises';

/** netinet/in.h, netinet/tcp.h */
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;

export interface Loopback {
  /** The port of the end that is to send at once. */
  readonly local: number;
  /** The port that it is connected to. */
  readonly peer: number;
}

/**
 * Has the end of a connection on the IPv4 loopback, which belongs to this process, send at once what is written to it.
 *
 * A descriptor that was closed and given to another connection meanwhile loses nothing by it.
 * @returns false where no such descriptor is found
 * @throws Error where the C library cannot be called (koffi has no binary for it)
 */
export async function sendAtOnce({ local, peer }: Loopback): Promise<boolean> {
  const { ipv4Ports, setOption } = await import('../libc/calls.ts');
  const on = Buffer.alloc(4);
  on.writeInt32LE(1);
  for (const fd of (await readdir('/proc/self/fd')).map(Number)) {
    const ports = ipv4Ports(fd);
    if (ports?.local !== local || ports.peer !== peer) continue;
    setOption(fd, IPPROTO_TCP, TCP_NODELAY, on);
    return true;
  }
  return false;
}
