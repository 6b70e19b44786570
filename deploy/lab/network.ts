/**
 * The lab's network, wholly in namespaces of its own: a bridge in the rack, a veth pair to the control plane and to each
 * node, and static routes to the pods of each node; where podwire is the cluster's network, on the control plane alone, which podwire does not
 * reach. The host's network is not touched. The nodes' default route, without which a
 * process on a node could not even ask for a Service's address, ends at the control plane, which says that there is nothing beyond.
 */
import { mkdirSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { attempt, must, whyFailed } from './commands.ts';
import { CONTROL_ADDRESS, NETNS_ROOT, RACK_PREFIX_LENGTH } from './layout.ts';
import type { ClusterNetwork, LabLayout, NodeLayout } from './layout.ts';

/** Type that statfs(2) tells for a mounted namespace file (NSFS_MAGIC). */
const NSFS_MAGIC = 0x6e736673;
const BRIDGE = 'rack';
const UPLINK = 'eth0';

/** Makes what is missing of the lab's network; what is there is kept. */
export async function ensureNetwork(
  lab: LabLayout,
  nodes: readonly NodeLayout[],
  network: ClusterNetwork,
): Promise<void> {
  await ensureNetns(lab.rackNetns);
  await ensureNetns(lab.controlNetns);
  for (const node of nodes) await ensureNetns(node.netns);

  const ends = [
    { port: 'control', netns: lab.controlNetns },
    ...nodes.map((node) => ({ port: node.name, netns: node.netns })),
  ];
  await ipBatch(lab.rackNetns, [
    'link set dev lo up',
    // A fixed address: a bridge without one takes its lowest port's, which changes as ports come and go.
    `link add name ${BRIDGE} address 02:00:ac:1e:00:01 type bridge forward_delay 0`,
    `link set dev ${BRIDGE} up`,
    ...ends.flatMap(({ port, netns }) => [
      `link add name ${port} type veth peer name ${UPLINK} netns ${netns}`,
      `link set dev ${port} master ${BRIDGE} up`,
    ]),
  ]);
  await ipBatch(lab.controlNetns, [
    ...endCommands(CONTROL_ADDRESS),
    ...routesTo(nodes),
    'route replace unreachable default metric 4096',
  ]);
  await setSysctl(lab.controlNetnsPath, 'net/ipv4/ip_forward');
  await Promise.all(
    nodes.map(async (node) => {
      const wayOut = `route replace default via ${CONTROL_ADDRESS}`;
      await ipBatch(node.netns, [...endCommands(node.address), wayOut]);
      // Those of podwire's network are podwire's to make, and so is forwarding.
      if (network === 'podwire') return;
      await ipBatch(node.netns, routesTo(nodes.filter((other) => other !== node)));
      await setSysctl(node.netnsPath, 'net/ipv4/ip_forward');
      await setSysctl(node.netnsPath, 'net/ipv6/conf/all/forwarding');
    }),
  );
}

function endCommands(address: string): string[] {
  return [
    'link set dev lo up',
    `address replace ${address}/${RACK_PREFIX_LENGTH} dev ${UPLINK}`,
    `link set dev ${UPLINK} up`,
  ];
}

function routesTo(nodes: readonly NodeLayout[]): string[] {
  return nodes.map((node) => `route replace ${node.podCidr} via ${node.address}`);
}

async function ensureNetns(netns: string): Promise<void> {
  mkdirSync(NETNS_ROOT, { recursive: true });
  if (isNetns(netns)) return;
  // A crash between making the file and mounting the namespace on it leaves a plain file.
  await attempt('ip', ['netns', 'del', netns]);
  await must('ip', ['netns', 'add', netns]);
}

function isNetns(netns: string): boolean {
  try {
    return statfsSync(join(NETNS_ROOT, netns)).type === NSFS_MAGIC;
  } catch {
    return false;
  }
}

/** Runs ip commands in one call; "File exists" counts as done. */
async function ipBatch(netns: string, commands: readonly string[]): Promise<void> {
  const result = await attempt('ip', ['-n', netns, '-force', '-batch', '-'], { input: `${commands.join('\n')}\n` });
  if (result.code === 0) return;
  const real = result.stderr.split('\n').filter((line) => line !== '' && !/File exists|^Command failed -:/.test(line));
  if (real.length > 0) throw new Error(`ip -n ${netns}: ${whyFailed(result)}`);
}

/** A new namespace has forwarding off whatever its parent has. */
async function setSysctl(path: string, name: string): Promise<void> {
  await must('nsenter', [`--net=${path}`, '--', 'tee', `/proc/sys/${name}`], { input: '1' });
}
