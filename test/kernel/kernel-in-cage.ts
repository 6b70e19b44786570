/**
 * Which way to the kernel a node worker chooses under a seccomp profile; run by without-netlink.test.ts, prints JSON. The arguments are numbers
 * of system calls (x86-64) that are refused with EPERM; of socket(2) only those of AF_NETLINK.
 */
import { createIprouteKernel } from '../../adapters/iproute/node-kernel.ts';
import { chooseKernel } from '../../adapters/netlink/choose-kernel.ts';
import { createNetlinkThread } from '../../adapters/netlink/thread.ts';
import { run } from '../../adapters/process/run.ts';
import type { LinkKernel } from '../../domain/ports/link-kernel.ts';
import { createTestNetns, NETNS_ROOT } from './namespace.ts';

export interface Chosen {
  readonly access: string;
  readonly why?: string;
  /** Links that are seen in a pod that way. */
  readonly links: readonly string[];
}

const SOCKET = 41;
const AF_NETLINK = 16;

/** `struct sock_filter` of linux/filter.h. */
function instruction(code: number, jumps: readonly [isTrue: number, isFalse: number], value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt16LE(code, 0);
  bytes.writeUInt8(jumps[0], 2);
  bytes.writeUInt8(jumps[1], 3);
  bytes.writeUInt32LE(value, 4);
  return bytes;
}

/** For this thread and all that it starts from now on. */
async function refuse(call: number): Promise<void> {
  const { default: koffi } = await import('koffi');
  const LOAD = 0x20;
  const EQUALS = 0x15;
  const RETURN = 0x06;
  const ALLOW = 0x7fff0000;
  const REFUSE = 0x00050001;
  const [number, firstArgument] = [0, 16];
  const program = [
    instruction(LOAD, [0, 0], number),
    instruction(EQUALS, [0, call === SOCKET ? 3 : 1], call),
    ...(call === SOCKET ? [instruction(LOAD, [0, 0], firstArgument), instruction(EQUALS, [0, 1], AF_NETLINK)] : []),
    instruction(RETURN, [0, 0], REFUSE),
    instruction(RETURN, [0, 0], ALLOW),
  ];
  const filter = Buffer.concat(program);
  koffi.struct('sock_fprog', { length: 'uint16_t', filter: 'void *' });
  const prctl = koffi.load(null).func('int prctl(int option, unsigned long mode, sock_fprog *program, long a, long b)');
  const PR_SET_SECCOMP = 22;
  const SECCOMP_MODE_FILTER = 2;
  const result: unknown = prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, { length: program.length, filter }, 0, 0);
  if (result !== 0) throw new Error(`prctl: errno ${koffi.errno()}`);
}

/** Programs inherit the profile: what they may not do either, nobody can. */
async function linksSeenBy(kernel: LinkKernel): Promise<string[]> {
  const pod = await createTestNetns();
  try {
    const netns = await kernel.open(pod.path, AbortSignal.timeout(10_000));
    const { links } = await kernel.observe(netns);
    await netns.close();
    return links.map(({ name }) => name);
  } finally {
    await pod.remove();
  }
}

const refused = process.argv.slice(2).map(Number);
const thread = createNetlinkThread();
const iproute2 = createIprouteKernel({ netnsRoots: [NETNS_ROOT] });
for (const call of refused) await refuse(call);
const { access, why, kernel } = await chooseKernel({ netnsRoots: [NETNS_ROOT], thread }, iproute2, run, undefined);
const links = refused.length === 0 ? await linksSeenBy(kernel) : [];
const chosen: Chosen = { access, links, ...(why === undefined ? {} : { why }) };
process.stdout.write(JSON.stringify(chosen));
await thread.close();
