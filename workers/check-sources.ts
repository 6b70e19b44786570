/** What the parts look for at their start: adapters that find out, and the model that judges, put together. */
import type { CriClient } from '../adapters/cri/client.ts';
import type { EtcdOptions } from '../adapters/etcd/client.ts';
import type { KubeClient } from '../adapters/kubernetes/client.ts';
import { serverOf } from '../adapters/kubernetes/kube-config.ts';
import type { Run } from '../adapters/process/child.ts';
import { etcdFacts } from '../adapters/start-checks/etcd-facts.ts';
import { kubernetesFacts } from '../adapters/start-checks/kubernetes-facts.ts';
import { nodeHostFacts } from '../adapters/start-checks/node-facts.ts';
import { temporalFacts } from '../adapters/start-checks/temporal-facts.ts';
import type { TemporalClient, TemporalOptions } from '../adapters/temporal/connection.ts';
import type { NodeConfig } from '../config/node.ts';
import { nodeQueue } from '../domain/messages.ts';
import { etcdChecks } from '../domain/start-checks/etcd.ts';
import { kubernetesChecks, type ApiRight, type DefinitionKindFacts } from '../domain/start-checks/kubernetes.ts';
import { nodeHostChecks, type NodeHostFacts } from '../domain/start-checks/node-host.ts';
import { temporalChecks } from '../domain/start-checks/temporal.ts';
import type { CheckSource } from './start-checks.ts';

/** @param o.make whether missing search attributes are made. @param o.node whose task queue is looked at */
export function temporalSource(
  options: TemporalOptions,
  client: TemporalClient,
  o: { readonly make?: boolean; readonly node?: string } = {},
): CheckSource {
  const { address, namespace } = options;
  const target = { address, namespace, nodeQueue: o.node === undefined ? undefined : nodeQueue(o.node) };
  return {
    name: 'temporal',
    ask: async () => temporalChecks(target, await temporalFacts(client.client, target, o.make === true)),
  };
}

const OWN_ETCD = { setting: 'PODWIRE_ETCD_ENDPOINTS', prefix: '/podwire/' };

/** @param at what names it, for people, and where a key is written to try; none in a tree that others read */
export function etcdSource(
  options: EtcdOptions,
  at: { readonly setting: string; readonly prefix?: string } = OWN_ETCD,
): CheckSource {
  const { setting, prefix } = at;
  const target = { endpoints: options.endpoints, setting, prefix, user: options.auth?.username };
  return { name: 'etcd', ask: async () => etcdChecks(target, await etcdFacts(options, prefix)) };
}

export function kubernetesSource(
  kube: KubeClient,
  at: { readonly kubeconfig: string | undefined; readonly setting?: string },
  rights: readonly ApiRight[],
  kinds: readonly DefinitionKindFacts['kind'][] = [],
): CheckSource {
  const { kubeconfig, setting = 'PODWIRE_KUBECONFIG' } = at;
  const target = { kubeconfig, setting, server: serverOf(kubeconfig) };
  return { name: 'kubernetes', ask: async () => kubernetesChecks(target, await kubernetesFacts(kube, rights, kinds)) };
}

export function nodeHostSource(
  config: NodeConfig,
  cri: CriClient,
  run: Run,
  linkKernel: NodeHostFacts['linkKernel'],
): CheckSource {
  const { criSocket, node } = config;
  const folders = [
    { setting: 'PODWIRE_CNI_BIN_DIRS', paths: config.cniBinDirs },
    { setting: 'PODWIRE_NETNS_ROOTS', paths: config.netnsRoots },
    ...(config.cniConfDir === undefined ? [] : [{ setting: 'PODWIRE_CNI_CONF_DIR', paths: [config.cniConfDir] }]),
  ];
  return {
    name: 'node',
    ask: async () => nodeHostChecks({ criSocket, node }, await nodeHostFacts({ cri, run, folders, linkKernel })),
  };
}
