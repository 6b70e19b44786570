/** A node's part in cluster-wide pools of addresses: it asks etcd for them, and finds out which of its owners are gone. */
import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { AddressCollector } from '../../activities/ipam/address-collector.ts';
import { createIpamCni } from '../../activities/ipam/ipam-cni.ts';
import type { NodeDeps } from '../../activities/network/deps.ts';
import { createLinkAddresses, type LinkAddresses } from '../../activities/network/vxlan/link-addresses.ts';
import { createAddressPools } from '../../adapters/etcd/address-pools.ts';
import type { Etcd } from '../../adapters/etcd/client.ts';
import { createPoolDeclarations } from '../../adapters/etcd/pool-declarations.ts';
import { readStoreState } from '../../adapters/etcd/store-state.ts';
import { ipCodec } from '../../adapters/ip/ip-codec.ts';
import { ipNumbers } from '../../adapters/ip/ip-numbers.ts';
import type { Logger } from '../../adapters/log/logger.ts';
import type { NodeConfig } from '../../config/node.ts';
import type { PodCni } from '../../domain/cni-server/pod-cni.ts';
import { ownerText } from '../../domain/ipam/owner.ts';
import { addressOwnersPrefix } from '../../domain/keys.ts';
import type { AddressPools } from '../../domain/ports/address-pools.ts';
import { everyInterval } from '../loops.ts';
import { Pace } from '../pace.ts';
import type { NodeConnections } from './node-connections.ts';
import { RecordsOfNode } from './records-of-node.ts';
import type { AddressMetrics } from './address-metrics.ts';

export interface Addresses {
  /** Answers other plugins that have podwire for their addresses. */
  readonly podCni: PodCni;
  /** What owners that are gone have left, until the signal is aborted. Never throws. */
  giveBack(signal: AbortSignal): Promise<unknown>;
}

/** A leak is found by two looks, within a minute; a node without addresses of pools is told of its first one. */
const PACE = { oftenMs: 20_000, seldomMs: 600_000, alertMs: 60_000 };

/** What this process knows of pools is shared by all that asks it for addresses. */
export const createPools = (etcd: Etcd): AddressPools =>
  createAddressPools(etcd, { ip: ipNumbers, now: () => Date.now(), random: Math.random });

/** Addresses of podwire's own links. */
export const createAddressesOfLinks = (etcd: Etcd, pools: AddressPools): LinkAddresses =>
  createLinkAddresses({ pools, ip: ipNumbers, isWhole: async () => (await readStoreState(etcd)).isWhole });

export function assembleAddresses(
  { node, netnsRoots }: Pick<NodeConfig, 'node' | 'netnsRoots'>,
  { etcd }: Pick<NodeConnections, 'etcd'>,
  { pools, runtime, store }: { readonly pools: AddressPools } & Pick<NodeDeps, 'runtime' | 'store'>,
  metrics: AddressMetrics,
  log: Logger,
): Addresses {
  const collector = new AddressCollector({
    ...{ node, pools, runtime },
    isThere: (netns) =>
      netnsRoots.includes(dirname(netns)) ? statSync(netns, { throwIfNoEntry: false }) !== undefined : undefined,
    attachments: async (podUid) =>
      (await store.listPodAttachments(node, podUid)).map(({ value }) => value.interfaceName),
    now: () => Date.now(),
    observer: {
      looked: (owners, missed) => metrics.looked(owners, missed),
      collected: (record) => {
        metrics.collected(record);
        const { pool, owner, addresses } = record;
        log.warn(
          { pool, owner: ownerText(owner), id: owner.id, addresses: addresses.map(({ address }) => address) },
          'addresses of an owner that is gone were given back',
        );
      },
    },
  });
  const pace = new Pace(PACE);
  const records = new RecordsOfNode([pace]);
  return {
    podCni: createIpamCni({
      ...{ node, pools, ip: ipCodec },
      declarations: createPoolDeclarations(etcd, ipNumbers),
      probe: () => readStoreState(etcd),
    }),
    giveBack: (signal) =>
      Promise.all([
        etcd.follow([{ prefix: addressOwnersPrefix(node) }], records, signal),
        everyInterval('addresses', pace, log, signal, async () => records.rest(pace, await collector.look())),
      ]),
  };
}
