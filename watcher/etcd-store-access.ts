/** `StoreAccess` on podwire's etcd. */
import type { Etcd } from '../adapters/etcd/client.ts';
import { holdingObjects } from '../adapters/etcd/network-holds.ts';
import { beginIncarnation, declareKnown, readStoreState } from '../adapters/etcd/store-state.ts';
import { tunnelsPrefix } from '../domain/keys.ts';
import type { StoreAccess } from './rebuild.ts';

export const etcdStoreAccess = (etcd: Etcd): StoreAccess => ({
  state: () => readStoreState(etcd),
  begin: (id, since) => beginIncarnation(etcd, id, since),
  declareKnown: (what, id) => declareKnown(etcd, what, id),
  holdingObjects: () => holdingObjects(etcd),
  reservedTunnels: async () =>
    new Set((await etcd.keys(tunnelsPrefix())).map((key) => key.slice(tunnelsPrefix().length))),
});
