/** Networks as people read them. */
import type { NetworkOverview } from '../../domain/explain/networks.ts';
import { textTable } from '../text-table.ts';

export interface NetworkRow extends NetworkOverview {
  /** Of a VXLAN network: whether all nodes have followed its members. */
  readonly complete?: string;
  readonly behind?: readonly string[];
}

/** One line each. @param wide with the names of nodes and pods */
export function listText(rows: readonly NetworkRow[], wide: boolean): string {
  if (rows.length === 0) return 'no pod is attached to any network\n';
  return textTable(
    [
      ...['network', 'kind', 'port/id', 'members', 'not attached', 'nodes', 'complete', 'nodes behind'],
      ...(wide ? ['on nodes', 'pods'] : []),
    ],
    rows.map(({ network, kind, tunnels, members, nodes, complete, behind }) => [
      ...[network, kind, tunnels.join(' '), String(members.length)],
      String(members.filter(({ phase }) => phase !== 'attached').length),
      ...[String(nodes.length), complete ?? '', behind?.join(' ') ?? ''],
      ...(wide ? [nodes.join(' '), members.map(({ pod }) => pod).join(' ')] : []),
    ]),
  );
}

/** Its members. */
export function detailText({ network, kind, tunnels, members, complete, behind }: NetworkRow): string {
  const tunnel = tunnels.length === 0 ? '' : `, port/id ${tunnels.join(' ')}`;
  const mesh = complete === undefined ? '' : `; every node has followed its members: ${complete}`;
  const late = behind === undefined || behind.length === 0 ? '' : ` (${behind.join(', ')})`;
  return `network ${network}, ${kind}${tunnel}${mesh}${late}\n${textTable(
    ['pod', 'node', 'interface', 'phase', 'tunnel end', 'mac', 'addresses'],
    members.map(({ pod, node, interface: name, phase, vtep, mac, addresses }) => [
      ...[pod, node, name, phase, vtep ?? '', mac ?? '', addresses.join(' ')],
    ]),
  )}`;
}
