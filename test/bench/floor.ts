/** The same link made and removed by hand, in the same namespace and seen by the same monitor: what nothing can be faster than. */
import { inNetns, whyFailed } from '../../deploy/lab/lab.ts';
import type { WatchedPod } from './change.ts';
import { setWallClock, wallNow } from './wall-clock.ts';

export interface HandMadeLink {
  readonly name: string;
  readonly vni: number;
  readonly address: string;
}

export interface FloorTimes {
  readonly attachMs: number[];
  readonly detachMs: number[];
}

/**
 * Three processes for an attach, since router advertisements are refused after the link is there and before it is up:
 * `nsenter … ip -batch`, `nsenter … sysctl`, `nsenter … ip -batch`; one for a detach.
 */
export async function floorTimes(watched: WatchedPod, link: HandMadeLink, cycles: number): Promise<FloorTimes> {
  const attachMs: number[] = [];
  const detachMs: number[] = [];
  for (let cycle = 0; cycle < cycles; cycle += 1) {
    attachMs.push(await timed(watched.monitor.up(link.name), () => make(watched, link)));
    detachMs.push(await timed(watched.monitor.gone(link.name), () => remove(watched, link)));
  }
  return { attachMs, detachMs };
}

async function timed(seen: Promise<{ at: number }>, work: () => Promise<void>): Promise<number> {
  setWallClock();
  const startedAt = wallNow();
  const [event] = await Promise.all([seen, work()]);
  return event.at - startedAt;
}

async function make({ pod }: WatchedPod, { name, vni, address }: HandMadeLink): Promise<void> {
  await ipBatch(pod.netnsPath, [
    `link add name ${name} mtu 1450 type vxlan id ${vni} dstport 8472 dev eth0 nolearning`,
    `link set dev ${name} alias by-hand`,
    `address add ${address} dev ${name}`,
  ]);
  await mustRun(pod.netnsPath, '/usr/sbin/sysctl', ['-e', '-q', '-w', `net/ipv6/conf/${name}/accept_ra=0`]);
  await ipBatch(pod.netnsPath, [`link set dev ${name} up`]);
}

const remove = ({ pod }: WatchedPod, { name }: HandMadeLink): Promise<void> =>
  ipBatch(pod.netnsPath, [`link delete dev ${name}`]);

const ipBatch = (netns: string, lines: readonly string[]): Promise<void> =>
  mustRun(netns, '/usr/sbin/ip', ['-batch', '-'], `${lines.join('\n')}\n`);

async function mustRun(netns: string, file: string, args: string[], input?: string): Promise<void> {
  const result = await inNetns(netns, file, args, { timeoutMs: 5_000, ...(input === undefined ? {} : { input }) });
  if (result.code !== 0) throw new Error(`${file} ${args.join(' ')} in ${netns}: ${whyFailed(result)}`);
}
