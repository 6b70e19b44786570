/**
 * Multus, where a test asks for it: the nodes' container runtime calls it for each pod, and it calls the cluster's own network and those that
 * the pod's annotation asks for at its creation. The plugin without its daemon; what a node keeps of it is the same with both.
 */
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { binaryCache, findGo, goCommand, intoCache } from './binaries.ts';
import { DEBIAN_CNI_DIR } from './cni-plugins.ts';
import { must } from './commands.ts';
import { pathOnHost, type Lab, type LabNode } from './lab.ts';
import { ON_NODE } from './layout.ts';
import { CLUSTER_NETWORK_FILE } from './node.ts';
import type { Progress } from './progress.ts';

const MULTUS_VERSION = 'v4.2.4';
const MODULE = join(import.meta.dirname, 'multus-build');
/** Its default. */
export const MULTUS_DIR = join(ON_NODE.cniLib, 'multus');

/** The runtime takes the first file by name. */
const CONFIG_FILE = join(ON_NODE.cniConf, '00-multus.conflist');
const KUBECONFIG = join(ON_NODE.cniConf, 'multus.d/multus.kubeconfig');
const PLUGIN = join(ON_NODE.cniBin, 'multus');

/**
 * Pods that are made on the node from now on are Multus'. Builds it at the first use.
 *
 * @param behind plugins that stand behind Multus in the runtime's list
 * @throws Error with the compiler's words
 */
export async function installMultus(
  lab: Lab,
  node: LabNode,
  progress: Progress,
  behind: readonly object[] = [],
): Promise<void> {
  const file = await ensureMultus(progress);
  const onHost = (path: string): string => pathOnHost(lab, node.name, path);
  copyFileSync(file, onHost(PLUGIN));
  await inMounts(node, ['mount', '--bind', ON_NODE.cniBin, DEBIAN_CNI_DIR]);
  mkdirSync(onHost(dirname(KUBECONFIG)), { recursive: true });
  writeFileSync(onHost(KUBECONFIG), readFileSync(lab.kubeconfigs.adminInside), { mode: 0o600 });
  const clusterNetwork = JSON.parse(
    readFileSync(onHost(join(ON_NODE.cniConf, CLUSTER_NETWORK_FILE)), 'utf8'),
  ) as object;
  const multus = { type: 'multus', kubeconfig: KUBECONFIG, delegates: [clusterNetwork] };
  const config = { cniVersion: '1.0.0', name: 'multus-cni-network', plugins: [multus, ...behind] };
  writeFileSync(onHost(`${CONFIG_FILE}.new`), JSON.stringify(config));
  renameSync(onHost(`${CONFIG_FILE}.new`), onHost(CONFIG_FILE));
}

/** Makes the node as it was; its pods of Multus' are to be gone. */
export async function removeMultus(lab: Lab, node: LabNode): Promise<void> {
  for (const path of [CONFIG_FILE, dirname(KUBECONFIG), MULTUS_DIR])
    rmSync(pathOnHost(lab, node.name, path), { recursive: true, force: true });
  // The runtime may be at it for a pod of somebody else.
  await inMounts(node, ['umount', '--lazy', DEBIAN_CNI_DIR]);
  rmSync(pathOnHost(lab, node.name, PLUGIN), { force: true });
}

/** The runtime looks for plugins in Debian's folder, which on a node is that of the host. */
const inMounts = (node: LabNode, words: readonly string[]): Promise<string> =>
  must('nsenter', [`--mount=${node.mountNsPath}`, '--', ...words]);

/** Path of the plugin; built when the cache has none: a minute on two cores where Go has compiled Kubernetes' clients before. */
async function ensureMultus(progress: Progress): Promise<string> {
  const cached = join(binaryCache(), `multus-${MULTUS_VERSION}`);
  if (existsSync(cached)) return cached;
  const go = findGo();
  if (go === undefined) throw new Error('Go is not installed, and Multus must be built. Install Go 1.24 or newer');
  await intoCache('multus', cached, (folder) => {
    const what = 'gopkg.in/k8snetworkplumbingwg/multus-cni.v4/cmd/multus';
    const words = ['build', '-C', MODULE, '-trimpath', '-ldflags', '-s -w', '-o', join(folder, 'multus'), what];
    return progress.task(`go build multus ${MULTUS_VERSION}`, () => goCommand(go, words));
  });
  return cached;
}
