/** What the NetworkPolicies of podwire's component are about: whom they hold for, whom those need, and whom they keep away from. */
import { inSystem, SYSTEM_NAMESPACE } from '../../deploy/lab/installed.ts';
import type { Lab } from '../../deploy/lab/lab.ts';
import { CONTROL_ADDRESS, DNS_ADDRESS, PORTS, SERVICE_ADDRESS } from '../../deploy/lab/layout.ts';
import type { PodRef } from '../../deploy/demo/kernel-look.ts';
import type { Target } from './connections.ts';
import { OUTSIDE_ADDRESS, type Outside } from './outside.ts';

/** All of podwire's pods but the node workers, which are in their nodes' own network. */
export async function boundPods(lab: Lab): Promise<PodRef[]> {
  const workloads = 'app.kubernetes.io/name in (podwire-orchestrator,podwire-watcher)';
  const text = await inSystem(lab, ['get', 'pods', '-l', workloads, '-o', 'jsonpath={.items[*].metadata.name}']);
  return text.split(' ').map((name) => ({ namespace: SYSTEM_NAMESPACE, name }));
}

/** What podwire's pods need, with these stores. */
export const neededBy = (stores: readonly Pick<Outside, 'name' | 'port'>[]): Target[] => [
  { what: 'DNS', address: DNS_ADDRESS, port: 53 },
  { what: 'the API server', address: SERVICE_ADDRESS, port: 443 },
  ...stores.map(({ name, port }) => ({ what: name, address: OUTSIDE_ADDRESS, port })),
];

/** What podwire's pods do not need, and any pod of the cluster reaches unless a policy says otherwise. */
export const othersIn = (lab: Lab): Target[] => [
  { what: 'another etcd', address: CONTROL_ADDRESS, port: PORTS.podwireEtcd },
  ...lab.nodes.map(({ name, address }) => ({ what: `the kubelet of ${name}`, address, port: 10250 })),
  ...lab.nodes.map(({ name, address }) => ({ what: `the worker of ${name}`, address, port: 9466 })),
];
