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
}

/** Of each VXLAN network among the records once. @param isOpen whether the network's mesh run is open */
export async function meshesOf(
  etcd: Etcd,
  records: readonly AttachmentRecord[],
  isOpen: (network: NetworkRef) => Promise<boolean>,
): Promise<MeshView[]> {
  const vxlan = records.filter(({ kind }) => kind === 'vxlan');
  const networks = new Map(vxlan.map(({ network }) => [networkKey(network), network]));
  return Promise.all(
    [...networks.values()].map(async (network) => {
      // In this order: a run that ends in between has written its record.
      const underWay = await isOpen(network);
      return { network, underWay, record: (await readMesh(etcd, network))?.value };
    }),
  );
}

/** Empty when there are none. */
export function meshText(meshes: readonly MeshView[], now: number): string {
  if (meshes.length === 0) return '';
  const rows = meshes.map(({ network, underWay, record }) => [
    networkKey(network),
    completeness(underWay, record),
    (record?.behind ?? []).map((node) => behindText(node, record?.since[node], now)).join(', '),
  ]);
  return `\nmeshes\n${textTable(['network', 'complete', 'nodes behind'], rows)}`;
}

function completeness(underWay: boolean, record: MeshRecord | undefined): string {
  if (underWay) return 'under way';
  if (record === undefined) return 'unknown';
  return record.behind.length === 0 ? 'yes' : 'no';
}

const behindText = (node: string, since: string | undefined, now: number): string =>
  since === undefined ? node : `${node} (for ${ageText(new Date(since), now)})`;
