/** The lab as a library: up, down, its parts, and looks into it that owe nothing to podwire's own code. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { RunResult } from '../../adapters/process/child.ts';
import { attempt, findProgram, must, whyFailed } from './commands.ts';
import { AGENT_IMAGE, TEST_IMAGE } from './images.ts';
import { apiserverUrls, kubeconfigPath } from './kubeconfigs.ts';
import { CONTROL_ADDRESS, labLayout, nodeLayouts, PORTS } from './layout.ts';
import type { ClusterNetwork, LabLayout, NodeLayout } from './layout.ts';
import { holderPart } from './node-mounts.ts';
import { partPid } from './parts.ts';
import { bootId, readState, withLabLock } from './state.ts';
import type { LabState } from './state.ts';
import { removeRunRoot, tearDown } from './teardown.ts';
import type { Progress } from './progress.ts';
import { bringUp } from './bring-up.ts';

export { partPid, restartPart, startPart, stopPart } from './parts.ts';
export type { PartSpec } from './parts.ts';
export { lineProgress, silentProgress } from './progress.ts';
export type { Progress } from './progress.ts';

export interface LabNode {
  name: string;
  /** Absolute path below /run/netns. */
  netnsPath: string;
  address: string;
  podCidr: string;
  podCidrSix: string;
  /** containerd's Unix socket as a path of the host. */
  criSocket: string;
  stateDir: string;
  /** Mount namespace of all of the node's processes. */
  mountNsPath: string;
  /** The node's root folder as the host sees it; see `pathOnHost`. */
  root: string;
  /** What /var/lib/cni is on the node. */
  cniLibDir: string;
  /** What /opt/cni/bin is on the node: the reference plugins; tests may put others there (see `resetCniPlugins`). */
  cniBinDir: string;
  /** What /etc/cni/net.d is on the node: the cluster's own network. */
  cniConfDir: string;
  /** What /etc/cni/podwire.d is on the node: configurations of networks whose definitions have none. */
  cniNetworksDir: string;
}

export interface Lab {
  name: string;
  dir: string;
  controlNetnsPath: string;
  controlAddress: string;
  network: ClusterNetwork;
  nodes: LabNode[];
  /** Files. `admin` goes through the host's loopback; the others are for processes inside the lab's namespaces. */
  kubeconfigs: { admin: string; adminInside: string; watcher: string; orchestrator: string; node: string };
  /** https URLs. */
  apiserver: { inside: string; host: string };
  /** podwire's own etcd, plain http: host:port. */
  etcd: { inside: string; host: string };
  /** gRPC as host:port; the UI's URL for a browser on the host; podwire's namespace when it is not `default`. */
  temporal: { inside: string; host: string; uiUrl: string; namespace?: string };
  binaries: { kubectl: string; temporal: string; etcdctl: string };
  /** Image for test pods, present on every node. */
  testImage: string;
  /** Image for kube-vxlan-controller's agent containers, present on every node. */
  agentImage: string;
}

/**
 * Starts a lab, or completes one that is partly there; returns when every part is ready. Nodes can be added to a lab, not taken away.
 *
 * @param o.stores whether the lab has a Temporal and an etcd of its own beside the cluster; on unless told otherwise
 * @throws Error with one line per problem of this machine, before anything is changed; or naming the part that did not come
 * up, with the end of its log. A failed or killed `labUp` can be repeated, or undone by `labDown`.
 */
export async function labUp(o: {
  name: string;
  nodes: number;
  /** Whether it has a Temporal and an etcd for podwire beside the cluster (default: yes); a lab that has them keeps them. */
  stores?: boolean;
  /** What connects its pods (default: what it has, else `bridge`). Nodes of `podwire` are Ready when podwire was started in it. */
  network?: ClusterNetwork | undefined;
  progress: Progress;
}): Promise<Lab> {
  const { name, nodes, stores = true, network, progress } = o;
  const state = await bringUp({ name, nodes, stores, network }, progress);
  return describe(state);
}

/** Removes a lab and everything it made, whatever state it is in. @throws Error naming what could not be removed. */
export async function labDown(o: { name: string; progress: Progress }): Promise<void> {
  labLayout(o.name);
  await withLabLock(o.name, () => tearDown(o.name, o.progress));
  removeRunRoot();
}

/** A lab that is up. @throws Error when there is none of that name, or its start was never completed. */
export async function openLab(name: string): Promise<Lab> {
  const state = readState(labLayout(name));
  const how = `start it with: npm run lab -- up${name === 'podwire' ? '' : ` --name ${name}`}`;
  if (state === undefined) throw new Error(`there is no lab '${name}'; ${how}`);
  if (state.bootId !== bootId()) throw new Error(`lab '${name}' was lost in a restart of the machine; ${how}`);
  if (state.phase !== 'up') throw new Error(`lab '${name}' was started only in part; ${how}`);
  return describe(state);
}

/** Runs kubectl as the lab's administrator and returns its stdout. @throws Error with its stderr. */
export async function kubectl(
  lab: Lab,
  args: string[],
  o: { input?: string; timeoutMs?: number } = {},
): Promise<string> {
  return must(lab.binaries.kubectl, args, { ...o, env: kubectlEnv(lab) });
}

/** Environment for a kubectl of this lab. */
export function kubectlEnv(lab: Lab): Record<string, string> {
  return { KUBECONFIG: lab.kubeconfigs.admin, HOME: lab.dir, KUBECACHEDIR: join(lab.dir, 'kubectl-cache') };
}

/** Runs a program inside a network namespace; never throws for what it did. */
export async function inNetns(
  path: string,
  file: string,
  args: string[],
  o: { input?: string; timeoutMs?: number } = {},
): Promise<RunResult> {
  const program = file.startsWith('/') ? file : findProgram(file);
  return attempt('nsenter', [`--net=${path}`, '--', program ?? file, ...args], o);
}

/**
 * A file of a node as a path of the host, e.g. `/run/netns/x` of n1. It leads through a process of the node that lasts as long as the lab,
 * into the node's mount namespace; programs that enter namespaces open it before they enter any. Absolute symbolic links of the node would
 * lead to the host's files; /var/run, the one that is met, is resolved here.
 */
export function pathOnHost(lab: Lab, nodeName: string, path: string): string {
  const node = lab.nodes.find(({ name }) => name === nodeName);
  if (node === undefined) throw new Error(`lab '${lab.name}' has no node '${nodeName}'`);
  return join(node.root, path.replace(/^\/var\/run\//, '/run/'));
}

/**
 * Network namespace file of a running pod as a path of the host, asked of containerd itself (not of the CRI, which podwire asks).
 *
 * @throws Error when the pod is absent, not scheduled, or has no running sandbox.
 */
export async function podNetnsPath(lab: Lab, pod: { namespace: string; name: string }): Promise<string> {
  const what = `pod ${pod.namespace}/${pod.name}`;
  const found = await kubectl(lab, [
    '-n',
    pod.namespace,
    'get',
    'pod',
    pod.name,
    '-o',
    // The runtime knows a static pod by the kubelet's UID.
    'jsonpath={.metadata.uid} {.spec.nodeName} {.metadata.annotations.kubernetes\\.io/config\\.mirror}',
  ]);
  const [apiUid = '', nodeName = '', uid = apiUid] = found.trim().split(' ');
  const node = lab.nodes.find((each) => each.name === nodeName);
  if (node === undefined) throw new Error(`${what} is on no node of the lab (nodeName '${nodeName}')`);
  const ctr = (args: string[]): Promise<string> => must('ctr', ['-a', node.criSocket, '-n', 'k8s.io', ...args]);
  const filter = `labels."io.kubernetes.pod.uid"==${uid},labels."io.cri-containerd.kind"==sandbox`;
  const sandboxes = (await ctr(['containers', 'ls', '-q', filter])).trim().split('\n');
  const running = (await ctr(['tasks', 'ls'])).split('\n').filter((line) => line.endsWith('RUNNING'));
  const sandbox = sandboxes.find((id) => id !== '' && running.some((line) => line.startsWith(`${id} `)));
  if (sandbox === undefined) throw new Error(`${what} has no running sandbox on ${nodeName}`);
  const info = JSON.parse(await ctr(['containers', 'info', sandbox])) as ContainerInfo;
  const path = info.Spec.linux.namespaces.find((each) => each.type === 'network')?.path;
  if (path === undefined) throw new Error(`${what}: sandbox ${sandbox} has no network namespace of its own`);
  return pathOnHost(lab, nodeName, path);
}

interface ContainerInfo {
  Spec: { linux: { namespaces: { type: string; path?: string }[] } };
}

function describe(state: LabState): Lab {
  const layout = labLayout(state.name);
  const api = apiserverUrls(state.ports.apiserver);
  const { kubectl: kubectlPath, temporal } = state.binaries;
  if (kubectlPath === undefined || temporal === undefined || !existsSync(temporal)) {
    throw new Error(`the binaries of lab '${state.name}' are gone; run 'npm run lab -- up' again`);
  }
  return {
    name: state.name,
    dir: layout.dir,
    controlNetnsPath: layout.controlNetnsPath,
    controlAddress: CONTROL_ADDRESS,
    network: state.network,
    nodes: nodeLayouts(layout, state.nodes).map((node) => describeNode(layout, node)),
    kubeconfigs: {
      admin: kubeconfigPath(layout, 'admin'),
      adminInside: kubeconfigPath(layout, 'admin-inside'),
      watcher: kubeconfigPath(layout, 'watcher'),
      orchestrator: kubeconfigPath(layout, 'orchestrator'),
      node: kubeconfigPath(layout, 'podwire-node'),
    },
    apiserver: { inside: api.inside, host: api.host },
    etcd: { inside: `${CONTROL_ADDRESS}:${PORTS.podwireEtcd}`, host: `127.0.0.1:${state.ports.etcd}` },
    temporal: {
      inside: `${CONTROL_ADDRESS}:${PORTS.temporal}`,
      host: `127.0.0.1:${state.ports.temporal}`,
      uiUrl: `http://127.0.0.1:${state.ports.temporalUi}`,
    },
    binaries: { kubectl: kubectlPath, temporal, etcdctl: findProgram('etcdctl') ?? '/usr/bin/etcdctl' },
    testImage: TEST_IMAGE,
    agentImage: AGENT_IMAGE,
  };
}

function describeNode(lab: LabLayout, node: NodeLayout): LabNode {
  const { name, netnsPath, address, podCidr, podCidrSix, criSocket, stateDir, mountNsPath } = node;
  const { cniLibDir, cniBinDir, cniConfDir, cniNetworksDir } = node;
  const holder = partPid(lab, holderPart(node).name);
  if (holder === undefined) {
    throw new Error(`the process that holds node ${name} of lab '${lab.name}' ended; run 'npm run lab -- up' again`);
  }
  return {
    ...{ name, netnsPath, address, podCidr, podCidrSix, criSocket, stateDir, mountNsPath },
    ...{ root: `/proc/${holder}/root`, cniLibDir, cniBinDir, cniConfDir, cniNetworksDir },
  };
}

/** Says in one line why a command inside the lab failed. */
export { whyFailed };
