/**
 * Members of a network that no pod stands for: a real namespace with a real VXLAN device each, below the node's folder of pod
 * namespaces, and the records in etcd that an attach would have left. The node worker treats them as any other member; only
 * Kubernetes and the container runtime know nothing of them.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Etcd, Operation } from '../../adapters/etcd/client.ts';
import { readBootId } from '../../adapters/host/boot-id.ts';
import { attempt, must } from '../../deploy/lab/commands.ts';
import { inNetns, whyFailed, type LabNode } from '../../deploy/lab/lab.ts';
import { attachmentKey, memberKey, podNodeKey, userKey, vniKey } from '../../domain/keys.ts';
import { aliasFor } from '../../domain/vxlan/link-alias.ts';
import { networkKey, type NetworkRef } from '../../domain/network-selection.ts';
import { RECORD_VERSION, type MemberRecord, type VxlanAttachmentRecord } from '../../domain/records.ts';

export interface StandIn {
  readonly node: LabNode;
  readonly netnsPath: string;
  readonly record: VxlanAttachmentRecord;
}

export interface StandInNetwork {
  readonly ref: NetworkRef;
  readonly link: string;
  readonly vni: number;
  /** False: entries for MACs instead of flooding. */
  readonly flood?: false;
}

const PORT = 8472;

/** Each member's own: a MAC has one destination. */
const macOf = (vtep: string): string =>
  `02:00:${vtep
    .split('.')
    .map((part) => Number(part).toString(16).padStart(2, '0'))
    .join(':')}`;
/** In the overlay. */
const addressOf = (vtep: string): string => `${vtep.replace(/^10\.250\./, '10.76.')}/16`;

/** Makes the namespace and the device of one member. @param index from 0; gives it its address */
export async function makeStandIn(node: LabNode, network: StandInNetwork, index: number): Promise<StandIn> {
  const path = join('/run/netns', `bench-${index}`);
  const netnsPath = join(node.root, path);
  writeFileSync(netnsPath, '');
  // unshare(1) mounts the new namespace on the file, where the node's worker sees it.
  await must('nsenter', [`--mount=${node.mountNsPath}`, '--', 'unshare', `--net=${path}`, '/bin/true']);
  const podUid = randomUUID();
  const vtep = `10.250.${Math.floor(index / 250)}.${(index % 250) + 1}`;
  const lines = [
    'link set dev lo up',
    'link add name eth0 type veth peer name away0',
    `address add ${vtep}/16 dev eth0`,
    'link set dev away0 up',
    'link set dev eth0 up',
    `link add name ${network.link} mtu 1450 type vxlan id ${network.vni} dstport ${PORT} dev eth0 nolearning`,
    `link set dev ${network.link} alias ${aliasFor({ podUid, generation: 1, adopted: false })}`,
    `link set dev ${network.link} up`,
  ];
  const made = await inNetns(netnsPath, 'ip', ['-batch', '-'], { input: `${lines.join('\n')}\n` });
  if (made.code !== 0) throw new Error(`devices of ${netnsPath}: ${whyFailed(made)}`);
  return { node, netnsPath, record: recordOf({ node, network, netnsPath, podUid, vtep, index }) };
}

interface Parts {
  readonly node: LabNode;
  readonly network: StandInNetwork;
  readonly netnsPath: string;
  readonly podUid: string;
  readonly vtep: string;
  readonly index: number;
}

function recordOf({ node, network, netnsPath, podUid, vtep, index }: Parts): VxlanAttachmentRecord {
  const { ino, ctimeNs } = statSync(netnsPath, { bigint: true });
  return {
    v: RECORD_VERSION,
    podUid,
    namespace: network.ref.scope,
    name: `stand-in-${index}`,
    node: node.name,
    sandboxId: randomBytes(32).toString('hex'),
    bootId: readBootId(),
    netns: { path: `/run/netns/bench-${index}`, inode: String(ino), ctimeNs: String(ctimeNs) },
    network: network.ref,
    owner: { workflowId: 'bench', runId: 'bench' },
    generation: 1,
    kind: 'vxlan',
    interfaceName: network.link,
    link: {
      ...{ kind: 'vxlan', interfaceName: network.link, vni: network.vni, dstPort: PORT, parent: 'eth0', up: true },
      ...{ addresses: [addressOf(vtep)], routes: [], peers: [] },
      ...(network.flood === undefined ? {} : { flood: network.flood }),
    },
    vtep,
    phase: 'attached',
    result: { ifindex: 4, mac: macOf(vtep), mtu: 1450, addresses: [addressOf(vtep)], adopted: false, before: 'absent' },
  };
}

/** Writes what an attach of each of them would have left. */
export async function recordStandIns(etcd: Etcd, network: StandInNetwork, standIns: readonly StandIn[]): Promise<void> {
  await etcd.transact([], [{ put: vniKey(PORT, network.vni), value: networkKey(network.ref) }]);
  for (const { record } of standIns) {
    const { sandboxId, node, vtep } = record;
    const interfaceName = network.link;
    const member: MemberRecord = {
      ...{
        v: RECORD_VERSION,
        node,
        sandboxId,
        interfaceName,
        generation: 1,
        vtep,
        mac: macOf(vtep),
        addresses: [addressOf(vtep)],
      },
    };
    const [attachment = '', membership = '', user = '', podNode = ''] = keysOf(network, record);
    await etcd.transact(
      [],
      [
        { put: attachment, value: JSON.stringify(record) },
        { put: membership, value: JSON.stringify(member) },
        { put: user, value: `${PORT}/${network.vni}` },
        { put: podNode, value: '' },
      ],
    );
  }
}

const keysOf = (network: StandInNetwork, { podUid, sandboxId, node }: VxlanAttachmentRecord): string[] => [
  attachmentKey({ node, podUid, sandboxId, interfaceName: network.link }),
  memberKey(network.ref, podUid, network.link),
  userKey(network.ref, podUid, network.link),
  podNodeKey(podUid, node),
];

/** Removes records and namespaces; what is not there is fine. */
export async function removeStandIns(
  etcd: Etcd,
  network: StandInNetwork,
  standIns: readonly StandIn[],
  options: { readonly keepVni?: boolean } = {},
): Promise<void> {
  for (const { record } of standIns) {
    const operations = keysOf(network, record).map((remove): Operation => ({ remove }));
    await etcd.transact([], operations);
  }
  if (options.keepVni !== true) await etcd.transact([], [{ remove: vniKey(PORT, network.vni) }]);
  for (const { node, netnsPath } of standIns) {
    const path = netnsPath.slice(node.root.length);
    // A node's worker may have it open at this moment.
    await attempt('nsenter', [`--mount=${node.mountNsPath}`, '--', 'umount', '--lazy', path]);
    rmSync(netnsPath, { force: true });
  }
}
