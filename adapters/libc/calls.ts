/**
 * System calls that Node has no words for, through the C library that Node itself is linked with (glibc or musl): koffi is a foreign
 * function interface with prebuilt binaries, maintained, without a compiler at installation. A call takes a microsecond.
 *
 * To be imported where its absence is answered, in a thread of `adapters/netlink` or by `import()`: it is not there for every architecture.
 */
import koffi from 'koffi';

const libc = koffi.load(null);

/** linux/filter.h */
const FilterProgram = koffi.struct('sock_fprog', { len: 'uint16_t', filter: 'const void *' });

const CALLS = {
  setns: libc.func('int setns(int fd, int type)'),
  socket: libc.func('int socket(int domain, int type, int protocol)'),
  setsockopt: libc.func('int setsockopt(int fd, int level, int name, const void *value, uint32_t length)'),
  attachFilter: libc.func('setsockopt', 'int', ['int', 'int', 'int', koffi.pointer(FilterProgram), 'uint32_t']),
  getsockopt: libc.func('int getsockopt(int fd, int level, int name, void *value, void *length)'),
  getsockname: libc.func('int getsockname(int fd, void *address, void *length)'),
  getpeername: libc.func('int getpeername(int fd, void *address, void *length)'),
  bind: libc.func('int bind(int fd, const void *address, uint32_t length)'),
  send: libc.func('int64_t send(int fd, const void *bytes, size_t length, int flags)'),
  recvfrom: libc.func(
    'int64_t recvfrom(int fd, void *bytes, size_t length, int flags, void *address, void *addressLength)',
  ),
  close: libc.func('int close(int fd)'),
  strerror: libc.func('const char *strerror(int errno)'),
  exit: libc.func('void _exit(int status)'),
} as const;

/** A call that the kernel refused. */
export class SystemCallFailed extends Error {
  readonly errno: number;

  constructor(call: string, errno: number) {
    super(`${call}: ${describeErrno(errno)}`);
    this.name = 'SystemCallFailed';
    this.errno = errno;
  }
}

/** The C library's words for an errno. */
export const describeErrno = (errno: number): string => String(CALLS.strerror(errno));

/** Moves the calling thread into the network namespace behind the descriptor. @throws SystemCallFailed */
export function setNetns(fd: number): void {
  const CLONE_NEWNET = 0x40000000;
  checked('setns', CALLS.setns(fd, CLONE_NEWNET));
}

/** A descriptor, closed on exec. @throws SystemCallFailed */
export function openSocket(domain: number, type: number, protocol: number): number {
  const SOCK_CLOEXEC = 0o2000000;
  return checked('socket', CALLS.socket(domain, type | SOCK_CLOEXEC, protocol));
}

/** @throws SystemCallFailed */
export function setOption(fd: number, level: number, name: number, value: Buffer): void {
  checked(`setsockopt ${name}`, CALLS.setsockopt(fd, level, name, value, value.length));
}

/** An option whose value is an `int`. @throws SystemCallFailed */
export function getIntOption(fd: number, level: number, name: number): number {
  const value = Buffer.alloc(4);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(value.length);
  checked(`getsockopt ${name}`, CALLS.getsockopt(fd, level, name, value, length));
  return value.readInt32LE();
}

/** The ports of an IPv4 socket that is connected, as `struct sockaddr_in` of netinet/in.h has them; undefined for any other descriptor. */
export function ipv4Ports(fd: number): { readonly local: number; readonly peer: number } | undefined {
  const local = ipv4Port(fd, CALLS.getsockname);
  const peer = local === undefined ? undefined : ipv4Port(fd, CALLS.getpeername);
  return local === undefined || peer === undefined ? undefined : { local, peer };
}

function ipv4Port(fd: number, call: typeof CALLS.getsockname): number | undefined {
  const AF_INET = 2;
  const address = Buffer.alloc(128);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(address.length);
  if (Number(call(fd, address, length)) < 0 || address.readUInt16LE(0) !== AF_INET) return undefined;
  return address.readUInt16BE(2);
}

/**
 * The kernel queues for this socket only what the program lets pass (classic BPF).
 * @param program `struct sock_filter[]`, of eight bytes each
 * @throws SystemCallFailed
 */
export function attachFilter(fd: number, program: Buffer): void {
  const SOL_SOCKET = 1;
  const SO_ATTACH_FILTER = 26;
  const described = { len: program.length / 8, filter: program };
  checked('setsockopt SO_ATTACH_FILTER', CALLS.attachFilter(fd, SOL_SOCKET, SO_ATTACH_FILTER, described, 16));
}

export interface Readiness {
  /** Calls back whenever there is something to read, until it is stopped. */
  start(): void;
  stop(): void;
  /** Before the descriptor is closed. */
  close(): void;
}

/**
 * Has the calling thread's event loop tell when a descriptor can be read, as it does for Node's own sockets: nothing waits in a thread.
 * @param readable must not throw
 */
export function whenReadable(fd: number, readable: () => void): Readiness {
  const handle = koffi.node.poll(fd, { readable: true }, readable);
  return {
    start: () => handle.start({ readable: true }, readable),
    stop: () => handle.stop(),
    close: () => handle.close(),
  };
}

/** @throws SystemCallFailed */
export function bindSocket(fd: number, address: Buffer): void {
  checked('bind', CALLS.bind(fd, address, address.length));
}

/** @throws SystemCallFailed */
export function sendTo(fd: number, bytes: Buffer): void {
  checked('send', CALLS.send(fd, bytes, bytes.length, 0));
}

/**
 * Bytes of one datagram, at their full length even where `bytes` did not hold all of them.
 * @param address is filled with the sender's
 * @throws SystemCallFailed EAGAIN when nothing came within the socket's time
 */
export function receiveFrom(fd: number, bytes: Buffer, address: Buffer, flags = 0): number {
  const MSG_TRUNC = 0x20;
  const EINTR = 4;
  const length = Buffer.alloc(4);
  for (;;) {
    length.writeUInt32LE(address.length);
    const got = Number(CALLS.recvfrom(fd, bytes, bytes.length, flags | MSG_TRUNC, address, length));
    if (got >= 0) return got;
    const errno = koffi.errno();
    if (errno !== EINTR) throw new SystemCallFailed('recv', errno);
  }
}

export function closeSocket(fd: number): void {
  CALLS.close(fd);
}

/** Ends the process with all its threads, at once. */
export function endProcess(status: number): never {
  CALLS.exit(status);
  throw new Error('unreachable');
}

function checked(call: string, result: unknown): number {
  const value = Number(result);
  if (value < 0) throw new SystemCallFailed(call, koffi.errno());
  return value;
}
