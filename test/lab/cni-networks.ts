/** CNI networks in tests: definitions, annotations, and what the plugins leave on a node. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { apply } from '../../deploy/demo/cluster.ts';
import type { PodRef } from '../../deploy/demo/kernel-look.ts';
import { kubectl, type Lab } from '../../deploy/lab/lab.ts';

/** Creates or changes NetworkAttachmentDefinitions; a value that is text is stored as it is. */
export async function defineNetworks(
  lab: Lab,
  namespace: string,
  configs: Readonly<Record<string, object | string>>,
): Promise<void> {
  await apply(
    lab,
    Object.entries(configs).map(([name, config]) => ({
      apiVersion: 'k8s.cni.cncf.io/v1',
      kind: 'NetworkAttachmentDefinition',
      metadata: { namespace, name },
      spec: { config: typeof config === 'string' ? config : JSON.stringify(config) },
    })),
  );
}

/** Sets the NPWG annotation of a pod; null takes it away. */
export async function wantNetworks(lab: Lab, pod: PodRef, networks: string | readonly object[] | null): Promise<void> {
  const key = 'k8s.v1.cni.cncf.io/networks';
  const text = networks === null || typeof networks === 'string' ? networks : JSON.stringify(networks);
  const change = text === null ? `${key}-` : `${key}=${text}`;
  await kubectl(lab, ['-n', pod.namespace, 'annotate', '--overwrite', 'pod', pod.name, change]);
}

export interface NpwgStatus {
  readonly name: string;
  readonly interface?: string;
  readonly ips?: readonly string[];
  readonly mac?: string;
}

/** NPWG's network-status annotation. */
export async function npwgStatus(lab: Lab, pod: PodRef): Promise<readonly NpwgStatus[]> {
  const path = '{.metadata.annotations.k8s\\.v1\\.cni\\.cncf\\.io/network-status}';
  const text = await kubectl(lab, ['-n', pod.namespace, 'get', 'pod', pod.name, '-o', `jsonpath=${path}`]);
  return text === '' ? [] : (JSON.parse(text) as NpwgStatus[]);
}

/** Addresses that host-local has reserved on a node for a network. */
export function reservations(lab: Lab, node: string, network: string): string[] {
  const cniLibDir = lab.nodes.find(({ name }) => name === node)?.cniLibDir ?? '';
  try {
    return readdirSync(join(cniLibDir, 'networks', network)).filter((file) => /^[0-9a-f.:]+$/.test(file));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Configuration of the bridge plugin, of IPAM host-local when there is a subnet. */
export function bridgeConfig(name: string, bridge: string, subnet?: string): object {
  const ipam = subnet === undefined ? {} : { type: 'host-local', ranges: [[{ subnet }]] };
  return { cniVersion: '1.1.0', name, type: 'bridge', bridge, ipam };
}
