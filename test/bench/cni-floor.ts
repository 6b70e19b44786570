/** The same plugin executed directly, in the same namespaces and seen by the same monitors: what nothing can be faster than. */
import { join } from 'node:path';
import { run } from '../../adapters/process/run.ts';
import { cniPluginsDir } from '../../deploy/lab/cni-plugins.ts';
import type { LabNode } from '../../deploy/lab/lab.ts';
import type { WatchedPod } from './change.ts';
import type { BenchNetwork } from './cni-pods.ts';
import { setWallClock, wallNow } from './wall-clock.ts';

const FLOOR_LINK = 'floor0';

export interface FloorTimes {
  readonly attachMs: number[];
  readonly detachMs: number[];
}

/** One pod, one call at a time: from before the process is started until the kernel says that the link is up, or gone. */
export async function pluginFloor(
  node: LabNode,
  watched: WatchedPod,
  network: BenchNetwork,
  cycles: number,
): Promise<FloorTimes> {
  const attachMs: number[] = [];
  const detachMs: number[] = [];
  for (let cycle = 0; cycle < cycles; cycle += 1) {
    attachMs.push(await floorOf(node, [watched], network, 'ADD', 1));
    detachMs.push(await floorOf(node, [watched], network, 'DEL', 1));
  }
  return { attachMs, detachMs };
}

/** Milliseconds until the last of all pods has got or lost its link, with so many plugins running at once. */
export async function floorOf(
  node: LabNode,
  watched: readonly WatchedPod[],
  network: BenchNetwork,
  command: 'ADD' | 'DEL',
  atOnce: number,
): Promise<number> {
  const seen = watched.map(({ monitor }) => (command === 'ADD' ? monitor.up(FLOOR_LINK) : monitor.gone(FLOOR_LINK)));
  setWallClock();
  const startedAt = wallNow();
  const queue = watched.values();
  const drain = async (): Promise<void> => {
    // One iterator for all: each pod is taken once.
    for (const each of queue) await execute(node, each, network, command);
  };
  const [events] = await Promise.all([Promise.all(seen), ...Array.from({ length: atOnce }, drain)]);
  return Math.max(...events.map(({ at }) => at)) - startedAt;
}

async function execute(
  node: LabNode,
  { pod }: WatchedPod,
  network: BenchNetwork,
  command: 'ADD' | 'DEL',
): Promise<void> {
  const plugin = join(cniPluginsDir(), 'bridge');
  const result = await run({
    file: '/usr/bin/nsenter',
    args: [`--net=${node.netnsPath}`, `--mount=${node.mountNsPath}`, '--', plugin],
    env: {
      CNI_COMMAND: command,
      CNI_CONTAINERID: `floor-${pod.uid}`,
      CNI_NETNS: pod.netnsPath,
      CNI_IFNAME: FLOOR_LINK,
      CNI_PATH: cniPluginsDir(),
      PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
    },
    input: JSON.stringify(network.config),
    timeoutMs: 30_000,
  });
  if (result.code !== 0) throw new Error(`${plugin} ${command} for ${pod.name}: ${result.stdout}${result.stderr}`);
}
