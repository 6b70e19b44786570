/**
 * podwire as the last plugin of a node's chain, where a test asks for it: the nodes' container runtime calls the cluster's own network, then
 * podwire's plugin, which asks the node worker.
 */
import { copyFileSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { builtFile } from './built.ts';
import { DEBIAN_CNI_DIR } from './cni-plugins.ts';
import { must } from './commands.ts';
import { pathOnHost, type Lab, type LabNode } from './lab.ts';
import { ON_NODE } from './layout.ts';
import { CLUSTER_NETWORK_FILE } from './node.ts';

/** Where node workers of a lab answer. */
export const CNI_SOCKET = '/run/podwire/cni.sock';
/** The runtime takes the first file by name. */
const CONFIG_FILE = join(ON_NODE.cniConf, '00-chained.conflist');
const PLUGIN = join(ON_NODE.cniBin, 'podwire-cni');

/** Pods that are made on the node from now on have their networks before they start. @throws Error where the plugin is not built */
export async function chainPodwire(lab: Lab, node: LabNode): Promise<void> {
  const onHost = (path: string): string => pathOnHost(lab, node.name, path);
  copyFileSync(builtFile('cni/podwire-cni'), onHost(PLUGIN));
  await callNodesPlugins(node);
  const own = JSON.parse(readFileSync(onHost(join(ON_NODE.cniConf, CLUSTER_NETWORK_FILE)), 'utf8')) as {
    readonly plugins: readonly object[];
  };
  const chain = { ...own, plugins: [...own.plugins, { type: 'podwire-cni', socket: CNI_SOCKET }] };
  writeFileSync(onHost(`${CONFIG_FILE}.new`), JSON.stringify(chain));
  renameSync(onHost(`${CONFIG_FILE}.new`), onHost(CONFIG_FILE));
}

/** Makes the node as it was; the pods that were made meanwhile are to be gone. */
export async function unchainPodwire(lab: Lab, node: LabNode): Promise<void> {
  rmSync(pathOnHost(lab, node.name, CONFIG_FILE), { force: true });
  await callHostsPlugins(node);
  rmSync(pathOnHost(lab, node.name, PLUGIN), { force: true });
}

/** The node's container runtime finds its plugins in the node's own folder, as it does on a machine of its own; in the lab it looks in Debian's, which is the host's. */
export async function callNodesPlugins(node: LabNode): Promise<void> {
  await inMounts(node, ['mount', '--bind', ON_NODE.cniBin, DEBIAN_CNI_DIR]);
}

/** Undoes `callNodesPlugins`. */
export async function callHostsPlugins(node: LabNode): Promise<void> {
  // The runtime may be at it for a pod of somebody else.
  await inMounts(node, ['umount', '--lazy', DEBIAN_CNI_DIR]);
}

const inMounts = (node: LabNode, words: readonly string[]): Promise<string> =>
  must('nsenter', [`--mount=${node.mountNsPath}`, '--', ...words]);
