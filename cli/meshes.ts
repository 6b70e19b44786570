/** Whether the nodes of a pod's VXLAN networks have followed their members, as the mesh runs and the nodes recorded it. */
import { readMesh } from '../adapters/etcd/mesh-records.ts';
import type { Etcd } from '../adapters/etcd/client.ts';
import { networkKey, type NetworkRef } from '../domain/network-selection.ts';
import type { AttachmentRecord, MeshRecord } from '../domain/records.ts';
import { ageText, textTable } from './text-table.ts';

export interface MeshView {
  readonly network: NetworkRef;
  /** A run is telling the nodes just now: what is recorded is of the members before. */
  readonly underWay: boolean;
  readonly record: MeshRecord | undefined;
  /** Nodes that still have links of members that left: a node that is silent cannot be told to remove them. */
  readonly leaving: readonly string[];
}

export interface MeshesOf {
  /** Whose networks are looked at. */
  readonly records: readonly AttachmentRecord[];
  /** Those of all pods. */
  readonly all: readonly AttachmentRecord[];
}

/** Of each VXLAN network among the records once. @param isOpen whether the network's mesh run is open */
export async function meshesOf(
  etcd: Etcd,
  { records, all }: MeshesOf,
  isOpen: (network: NetworkRef) => Promise<boolean>,
): Promise<MeshView[]> {
  const vxlan = records.filter(({ kind }) => kind === 'vxlan');
  const networks = new Map(vxlan.map(({ network }) => [networkKey(network), network]));
  return Promise.all(
    [...networks.values()].map(async (network) => {
      // In this order: a run that ends in between has written its record.
      const underWay = await isOpen(network);
      const leaving = leavingNodes(all, network);
      return { network, underWay, record: (await readMesh(etcd, network))?.value, leaving };
    }),
  );
}

function leavingNodes(records: readonly AttachmentRecord[], network: NetworkRef): string[] {
  const left = records.filter(
    (record) =>
      record.kind === 'vxlan' && record.phase === 'removing' && networkKey(record.network) === networkKey(network),
  );
  return [...new Set(left.map(({ node }) => node))].sort();
}

/** Empty when there are none. */
export function meshText(meshes: readonly MeshView[], now: number): string {
  if (meshes.length === 0) return '';
  const rows = meshes.map((mesh) => [networkKey(mesh.network), completeness(mesh), behindTexts(mesh, now).join(', ')]);
  return `\nmeshes\n${textTable(['network', 'complete', 'nodes behind'], rows)}`;
}

/** `yes`, `no`, `under way`, `unknown`. */
export function completeness({ underWay, record, leaving }: MeshView): string {
  if (underWay) return 'under way';
  if (leaving.length > 0) return 'no';
  if (record === undefined) return 'unknown';
  return record.behind.length === 0 ? 'yes' : 'no';
}

function behindTexts({ record, leaving }: MeshView, now: number): string[] {
  return [
    ...(record?.behind ?? []).map((node) => behindText(node, record?.since[node], now)),
    ...leaving.map((node) => `${node} (has a link of a member that left)`),
  ];
}

const behindText = (node: string, since: string | undefined, now: number): string =>
  since === undefined ? node : `${node} (for ${ageText(new Date(since), now)})`;
