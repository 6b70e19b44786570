/** How many members networks have, and which of them have nodes that have not followed their members. */
import { meshStateKeyIn, networksPrefix } from '../../domain/keys.ts';
import type { Etcd } from './client.ts';
import { meshSchema, readable } from './schemas.ts';

export interface NetworkFigures {
  /** As `networkKey` makes it. */
  readonly network: string;
  /** Attachments that are members: of VXLAN networks. */
  readonly members: number;
  /** Nodes that have not followed the members. */
  readonly behind: number;
  /** Milliseconds since the epoch at which the first of them fell behind; undefined: none has. */
  readonly behindSince: number | undefined;
}

/** How many records are asked for at once: less than a transaction of etcd may have operations. */
const ASKS = 100;

/** Of all VXLAN networks with members or a record of their mesh. Reads keys, and no member's record. @throws PodwireError `EtcdUnavailable` */
export async function readNetworkFigures(etcd: Etcd): Promise<NetworkFigures[]> {
  const prefix = networksPrefix();
  const members = new Map<string, number>();
  const meshes: string[] = [];
  for (const key of await etcd.keys(prefix)) {
    const [scope = '', name = '', kind = ''] = key.slice(prefix.length).split('/');
    const network = `${scope}/${name}`;
    if (kind === 'members') members.set(network, (members.get(network) ?? 0) + 1);
    if (kind === 'mesh') meshes.push(network);
  }
  const behind = await readBehind(etcd, meshes);
  return [...new Set([...members.keys(), ...meshes])].sort().map((network) => ({
    network,
    members: members.get(network) ?? 0,
    ...(behind.get(network) ?? { behind: 0, behindSince: undefined }),
  }));
}

type Behind = Pick<NetworkFigures, 'behind' | 'behindSince'>;

/** A record that cannot be read counts as none, as for those who bring the mesh in line. */
async function readBehind(etcd: Etcd, networks: readonly string[]): Promise<Map<string, Behind>> {
  const found = new Map<string, Behind>();
  for (let first = 0; first < networks.length; first += ASKS) {
    const some = networks.slice(first, first + ASKS);
    const answers = await etcd.read(some.map((network) => ({ key: meshStateKeyIn(network) })));
    for (const [index, network] of some.entries()) {
      const record = readable(meshSchema, answers[index]?.[0]);
      if (record === undefined) continue;
      const since = record.behind.map((node) => Date.parse(record.since[node] ?? record.recordedAt));
      found.set(network, {
        behind: record.behind.length,
        behindSince: since.length === 0 ? undefined : Math.min(...since),
      });
    }
  }
  return found;
}
