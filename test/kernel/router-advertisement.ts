/** An IPv6 router's announcement, as a stranger on the same network would send it. */
import { run } from '../../adapters/process/run.ts';

/** RFC 4861, 4.2 and 4.6.2: a default route for 30 minutes, and addresses out of fd99::/64. The kernel fills in the checksum. */
const ADVERTISEMENT = [
  ...[134, 0, 0, 0, 64, 0, 0x07, 0x08, 0, 0, 0, 0, 0, 0, 0, 0],
  ...[3, 4, 64, 0xc0, 0, 0, 0x0e, 0x10, 0, 0, 0x0e, 0x10, 0, 0, 0, 0],
  ...[0xfd, 0x99, ...Array<number>(14).fill(0)],
];

/** Sends one from a link that is up and has its link-local address. */
export async function advertise(netns: string, link: string): Promise<void> {
  const bytes = ADVERTISEMENT.map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
  // IPV6_MULTICAST_HOPS: anything but 255 is no neighbour's.
  const to = `IP6-SENDTO:[ff02::1%${link}]:58,setsockopt-int=41:18:255`;
  const result = await run({
    file: '/usr/bin/nsenter',
    args: [`--net=${netns}`, '--', '/bin/bash', '-c', `printf '${bytes}' | socat -u - '${to}'`],
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    timeoutMs: 5_000,
  });
  if (result.code !== 0) throw new Error(`no router advertisement was sent: ${result.stderr}`);
}
