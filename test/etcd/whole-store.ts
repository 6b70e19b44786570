/** An etcd as it is once the watcher and the node workers have seen that nothing is to be written back. */
import type { Etcd } from '../../adapters/etcd/client.ts';
import { beginIncarnation, declareKnown } from '../../adapters/etcd/store-state.ts';
import { createNodeStore } from '../../adapters/etcd/node-store.ts';

export async function makeWhole(etcd: Etcd, nodes: readonly string[] = ['n1', 'n2', 'n3']): Promise<void> {
  await beginIncarnation(etcd, 'test', '2026-01-01T00:00:00Z');
  await declareKnown(etcd, 'ids', 'test');
  await declareKnown(etcd, 'whole', 'test');
  for (const node of nodes) await createNodeStore(etcd).putRestored(node);
}
