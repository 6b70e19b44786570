/** CNI networks in tests: definitions, annotations, and what the plugins leave on a node. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { apply } from '../../deploy/demo/cluster.ts';
import type { PodRef } from '../../deploy/demo/kernel-look.ts';
import { inNetns, kubectl, type Lab, type LabNode } from '../../deploy/lab/lab.ts';
import { waitFor } from '../../deploy/lab/waiting.ts';
import type { NetworkStatus } from '../../domain/status/podwire-status.ts';
import type { CniAttachmentRecord } from '../../domain/records.ts';
import { readKeys } from './records.ts';
import { publishedStatus } from './status-truth.ts';

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

/** NPWG's network-status annotation, without podwire's entry of the pod's own network. */
export async function npwgStatus(lab: Lab, pod: PodRef): Promise<readonly NpwgStatus[]> {
  const path = '{.metadata.annotations.k8s\\.v1\\.cni\\.cncf\\.io/network-status}';
  const text = await kubectl(lab, ['-n', pod.namespace, 'get', 'pod', pod.name, '-o', `jsonpath=${path}`]);
  const entries = text === '' ? [] : (JSON.parse(text) as NpwgStatus[]);
  return entries.filter(({ name, interface: interfaceName }) => name !== 'default' || interfaceName !== 'eth0');
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

/** Takes NetworkAttachmentDefinitions away. */
export async function removeNetworkDefinitions(lab: Lab, namespace: string, names: readonly string[]): Promise<void> {
  const kind = 'network-attachment-definitions.k8s.cni.cncf.io';
  await kubectl(lab, ['-n', namespace, 'delete', kind, '--ignore-not-found', ...names]);
}

/** Waits until podwire's own status of a pod says what is wished, in the order of the annotation. @throws Error with the last status */
export async function waitStatus(
  lab: Lab,
  pod: PodRef,
  desired: readonly string[] | ((status: readonly NetworkStatus[]) => boolean),
  limitMs = 15_000,
): Promise<readonly NetworkStatus[]> {
  let last = 'not looked at';
  const fits = typeof desired === 'function' ? desired : (status: readonly NetworkStatus[]) => same(status, desired);
  return waitFor(
    `status of ${pod.name} to be ${typeof desired === 'function' ? 'as wished' : desired.join(', ') || 'empty'}`,
    async () => {
      const status = await publishedStatus(lab, pod);
      last = JSON.stringify(status);
      return fits(status) ? status : undefined;
    },
    { limitMs, everyMs: 100 },
  ).catch((error: unknown) => {
    throw new Error(`${(error as Error).message}; last seen: ${last}`, { cause: error });
  });
}

const same = (status: readonly NetworkStatus[], desired: readonly string[]): boolean =>
  status.map((entry) => `${entry.interface ?? entry.name} ${entry.state}`).join() === desired.join();

/** The lab's node of that name. @throws Error when there is none */
export function labNode(lab: Lab, name: string): LabNode {
  const found = lab.nodes.find((node) => node.name === name);
  if (found === undefined) throw new Error(`the lab has no node ${name}`);
  return found;
}

/** Ports of a bridge in a node's own namespace: one for each pod that is attached to it. */
export async function bridgePorts(lab: Lab, node: string, bridge: string): Promise<string[]> {
  const result = await inNetns(labNode(lab, node).netnsPath, 'ip', ['-j', 'link', 'show', 'master', bridge]);
  // A bridge that is not there has none.
  if (result.code !== 0) return [];
  const text = result.stdout.trim();
  return (text === '' ? [] : (JSON.parse(text) as { ifname?: string }[])).flatMap(({ ifname }) => ifname ?? []);
}

/** Attachment records of a pod, as they are in etcd. */
export async function cniRecords(lab: Lab, podUid: string): Promise<CniAttachmentRecord[]> {
  const keys = await readKeys(lab, '/podwire/attachments/');
  return keys.map(({ value }) => value as CniAttachmentRecord).filter((record) => record.podUid === podUid);
}

/** Waits until nothing of a namespace is attached any more: a plugin that is taken away before cannot be asked to detach. */
export async function waitDetached(lab: Lab, namespace: string, limitMs = 30_000): Promise<void> {
  const look = async (): Promise<true | undefined> => {
    const keys = await readKeys(lab, '/podwire/attachments/');
    return keys.some(({ value }) => (value as CniAttachmentRecord).namespace === namespace) ? undefined : true;
  };
  await waitFor(`no attachment in namespace ${namespace}`, look, { limitMs });
}
