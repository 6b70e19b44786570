/** podwire's own processes in a lab: watcher and orchestrator beside the control plane, a node worker in every node's netns. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { BUILD, builtFile } from './built.ts';
import { CNI_SOCKET } from './chained.ts';
import { inNetns, partPid, startPart, stopPart, type Lab, type LabNode, type PartSpec } from './lab.ts';
import { installPlugin } from '../../adapters/cni-server/installation.ts';
import { readyNodes } from './api-request.ts';
import { labLayout, ON_NODE } from './layout.ts';
import { waitFor } from './waiting.ts';

/** Health ports; every part has a network namespace or a port of its own. */
const PORTS = { watcher: 9464, orchestrator: 9465, node: 9466 };

/** Pods of this namespace are served through their agent containers, those of all others by the workers of their nodes. */
export const EXEC_NAMESPACE = 'exec-backend';

export interface PodwireOptions {
  readonly logLevel?: string;
  /** More environment for every part (settings, failpoints). */
  readonly env?: Readonly<Record<string, string>>;
}

export const nodePart = (node: string): string => `podwire-node-${node}`;
export const WATCHER_PART = 'podwire-watcher';
export const ORCHESTRATOR_PART = 'podwire-orchestrator';

/** File in which a test names the places where a part shall die, wait or fail. */
export const failpointsFile = (lab: Lab, part: string): string => join(lab.dir, `failpoints-${part}.json`);

/** The processes of podwire in this lab, as `startPart` wants them. */
export function podwireParts(lab: Lab, options: PodwireOptions = {}): PartSpec[] {
  return [
    orchestratorSpec(lab, options),
    watcherSpec(lab, options),
    ...lab.nodes.map((node) => nodeSpec(lab, node, options)),
  ];
}

/** Starts what is missing and waits until every part serves. @throws Error naming the log of the part that does not */
export async function startPodwire(lab: Lab, options: PodwireOptions = {}): Promise<void> {
  builtFile('workers/node.js');
  if (lab.network === 'podwire') await installPlugins(lab);
  const parts = podwireParts(lab, options);
  await Promise.all(parts.map((part) => startPart(lab, part)));
  await Promise.all(parts.map((part) => waitUntilServing(lab, part.name)));
  if (lab.network === 'podwire') await waitUntilReady(lab);
}

/** As the init container of the manifests does it, where it is not done yet. */
async function installPlugins(lab: Lab): Promise<void> {
  const built = builtFile('cni/podwire-cni');
  const { size, mtimeMs } = statSync(built);
  for (const { cniBinDir } of lab.nodes) {
    const there = statSync(join(cniBinDir, 'podwire-cni'), { throwIfNoEntry: false });
    if (there?.size !== size || there.mtimeMs < mtimeMs) await installPlugin(built, cniBinDir, ['podwire-cni']);
  }
}

/** Node workers tell the runtime of the network, the runtime tells the kubelet, and that tells the API. */
async function waitUntilReady(lab: Lab): Promise<void> {
  const port = Number(new URL(lab.apiserver.host).port);
  await waitFor(
    'all nodes to be Ready',
    async () => {
      const ready = await readyNodes(labLayout(lab.name), port);
      return lab.nodes.every(({ name }) => ready.includes(name)) ? true : undefined;
    },
    { limitMs: 60_000, everyMs: 200 },
  );
}

/** Starts one part again after it was stopped or died. */
export async function startPodwirePart(lab: Lab, name: string, options: PodwireOptions = {}): Promise<void> {
  const spec = podwireParts(lab, options).find((part) => part.name === name);
  if (spec === undefined) throw new Error(`${name} is no part of podwire in lab ${lab.name}`);
  await startPart(lab, spec);
}

export async function stopPodwire(lab: Lab): Promise<void> {
  await Promise.all(podwireParts(lab).map((part) => stopPart(lab, part.name)));
}

async function waitUntilServing(lab: Lab, name: string): Promise<void> {
  const hint = `see: npm run lab -- --name ${lab.name} logs ${name}`;
  const ended = new Error(`${name} ended; ${hint}`);
  await waitFor(
    `${name} to be ready (${hint})`,
    async () => {
      if (partPid(lab, name) === undefined) throw ended;
      return (await isReady(lab, name)) ? true : undefined;
    },
    { limitMs: 30_000, everyMs: 100, giveUpOn: (error) => error === ended },
  );
}

async function isReady(lab: Lab, name: string): Promise<boolean> {
  const node = lab.nodes.find((candidate) => nodePart(candidate.name) === name);
  const port = node !== undefined ? PORTS.node : name === WATCHER_PART ? PORTS.watcher : PORTS.orchestrator;
  const url = `http://127.0.0.1:${port}/readyz`;
  const { code } = await inNetns(node?.netnsPath ?? lab.controlNetnsPath, 'busybox', [
    'wget',
    '-q',
    '-O',
    '/dev/null',
    url,
  ]);
  return code === 0;
}

/** The memory settings are those of the manifests. */
const part = (lab: Lab, name: string, script: string, options: PodwireOptions): Omit<PartSpec, 'netnsPath'> => ({
  name,
  file: process.execPath,
  args: ['--enable-source-maps', join(BUILD, script)],
  env: {
    TEMPORAL_ADDRESS: lab.temporal.inside,
    PODWIRE_ETCD_ENDPOINTS: lab.etcd.inside,
    PODWIRE_LOG_LEVEL: options.logLevel ?? 'info',
    PODWIRE_FAILPOINTS_FILE: failpointsFile(lab, name),
    PODWIRE_BACKEND_BY_NAMESPACE: `${EXEC_NAMESPACE}=exec`,
    ...options.env,
  },
});

function orchestratorSpec(lab: Lab, options: PodwireOptions): PartSpec {
  const spec = part(lab, ORCHESTRATOR_PART, 'workers/orchestrator.js', options);
  const env = {
    PODWIRE_KUBECONFIG: lab.kubeconfigs.orchestrator,
    PODWIRE_BIND_ADDRESS: `127.0.0.1:${PORTS.orchestrator}`,
  };
  const args = ['--max-semi-space-size=64', ...spec.args];
  return { ...spec, args, netnsPath: lab.controlNetnsPath, env: { ...env, ...spec.env } };
}

function watcherSpec(lab: Lab, options: PodwireOptions): PartSpec {
  const spec = part(lab, WATCHER_PART, 'watcher/main.js', options);
  const env = { PODWIRE_KUBECONFIG: lab.kubeconfigs.watcher, PODWIRE_BIND_ADDRESS: `127.0.0.1:${PORTS.watcher}` };
  return { ...spec, netnsPath: lab.controlNetnsPath, env: { ...env, ...spec.env } };
}

function nodeSpec(lab: Lab, node: LabNode, options: PodwireOptions): PartSpec {
  const spec = part(lab, nodePart(node.name), 'workers/node.js', options);
  // Those of the manifests: on its node everything lies where it lies on any.
  const env = {
    PODWIRE_NODE_NAME: node.name,
    PODWIRE_CRI_SOCKET: ON_NODE.criSocket,
    PODWIRE_NETNS_ROOTS: '/run/netns,/var/run/netns',
    PODWIRE_STATE_DIR: '/run/podwire',
    PODWIRE_CNI_BIN_DIRS: ON_NODE.cniBin,
    PODWIRE_CNI_STATE_DIR: '/var/lib/podwire/cni',
    PODWIRE_CNI_CONF_DIR: ON_NODE.cniNetworks,
    PODWIRE_BIND_ADDRESS: `127.0.0.1:${PORTS.node}`,
    PODWIRE_KUBECONFIG: lab.kubeconfigs.node,
    PODWIRE_CNI_SOCKET: CNI_SOCKET,
    ...(lab.network === 'podwire' ? { PODWIRE_PRIMARY: 'true', PODWIRE_CNI_CHAIN_DIR: ON_NODE.cniConf } : {}),
  };
  return { ...spec, netnsPath: node.netnsPath, mountNsPath: node.mountNsPath, env: { ...env, ...spec.env } };
}
