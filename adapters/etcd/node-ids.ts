/** Numbers of nodes in etcd, below the key that contiv's agents use, so that both see each other's. */
import { z } from 'zod';
import { nodeIdClaimKey, nodeIdClaimsPrefix } from '../../domain/keys.ts';
import type { NodeIds } from '../../domain/ports/node-ids.ts';
import { nodeIdValue, type NodeIdEntry } from '../../domain/primary/node-id.ts';
import { keptNodeKey, nodeIdsPrefix } from '../../domain/reflect/keys.ts';
import type { Condition, Entry, Etcd } from './client.ts';
import { unchanged } from './record-entries.ts';

const entrySchema = z.object({ name: z.string().min(1) });
const NUMBER = /^[1-9]\d{0,9}$/;

/** @param tree prefix and label of the reflector whose tree they are in: `/vnf-agent/` and `contiv-ksr` */
export function createNodeIds(etcd: Etcd, tree: { readonly prefix: string; readonly label: string }): NodeIds {
  const prefix = nodeIdsPrefix(tree);
  const keyOf = (id: number): string => `${prefix}${id}`;
  /** The entry if it is the node's. */
  const ownEntry = async (id: number, node: string): Promise<Entry | undefined> => {
    const entry = await etcd.get(keyOf(id));
    return entry !== undefined && nameIn(entry.value) === node ? entry : undefined;
  };
  return {
    async read() {
      const [entries = [], claims = []] = await etcd.read([{ prefix }, { prefix: nodeIdClaimsPrefix() }]);
      return {
        entries: entries.flatMap(({ key, value }): NodeIdEntry[] => {
          const number = key.slice(prefix.length);
          return NUMBER.test(number) ? [{ id: Number(number), node: nameIn(value) }] : [];
        }),
        claims: claims.flatMap(({ key }) => {
          const [number = '', node = ''] = key.slice(nodeIdClaimsPrefix().length).split('/');
          return NUMBER.test(number) && node !== '' ? [{ id: Number(number), node }] : [];
        }),
      };
    },
    async create(id, node) {
      const { applied } = await etcd.transact(
        [{ key: keyOf(id), is: 'absent' }],
        [{ put: keyOf(id), value: nodeIdValue(id, node) }],
      );
      return applied;
    },
    async move(from, to, node) {
      const entry = await ownEntry(from, node);
      if (entry === undefined) return false;
      const isFree: Condition = { key: keyOf(to), is: 'absent' };
      const { applied } = await etcd.transact(
        [unchanged(entry), isFree],
        [{ remove: keyOf(from) }, { put: keyOf(to), value: nodeIdValue(to, node) }],
      );
      return applied;
    },
    async remove(id, node) {
      const entry = await ownEntry(id, node);
      if (entry !== undefined) await etcd.transact([unchanged(entry)], [{ remove: entry.key }]);
    },
    async keep(node) {
      await putIfAbsent(etcd, keptNodeKey(tree, node));
    },
    async claim(id, node) {
      await etcd.transact([], [{ put: nodeIdClaimKey(id, node), value: '' }]);
    },
    async unclaim(id, node) {
      await etcd.transact([], [{ remove: nodeIdClaimKey(id, node) }]);
    },
    async publish(id, node, nodeIp, managementIps) {
      const entry = await ownEntry(id, node);
      if (entry === undefined) return false;
      const value = nodeIdValue(id, node, nodeIp, managementIps);
      if (entry.value === value) return true;
      return (await etcd.transact([unchanged(entry)], [{ put: entry.key, value }])).applied;
    },
  };
}

const putIfAbsent = (etcd: Etcd, key: string): Promise<unknown> =>
  etcd.transact([{ key, is: 'absent' }], [{ put: key, value: '' }]);

/** undefined: it is not what an agent writes. */
function nameIn(value: string): string | undefined {
  try {
    return entrySchema.parse(JSON.parse(value)).name;
  } catch {
    return undefined;
  }
}
