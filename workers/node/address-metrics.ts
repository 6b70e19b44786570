/** Figures of a node's addresses of cluster-wide pools. */
import { Counter, Gauge, type Registry } from 'prom-client';
import type { AddressObserver } from '../../activities/ipam/address-collector.ts';

export type AddressMetrics = AddressObserver;

export function addressMetrics(registry: Registry): AddressMetrics {
  const owners = new Gauge({
    name: 'podwire_node_pool_owners',
    help: 'Interfaces of the node with addresses of cluster-wide pools; missed: nothing of them was found at the last look',
    labelNames: ['state'],
    registers: [registry],
  });
  const collected = new Counter({
    name: 'podwire_node_pool_owners_collected_total',
    help: 'Interfaces whose addresses were given back because they were gone without having said so, by kind (pod, container)',
    labelNames: ['kind'],
    registers: [registry],
  });
  return {
    looked: (all, missed) => {
      owners.set({ state: 'found' }, all - missed);
      owners.set({ state: 'missed' }, missed);
    },
    collected: ({ owner }) => collected.inc({ kind: owner.kind }),
  };
}
