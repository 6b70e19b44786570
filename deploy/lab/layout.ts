/** Everything of a lab derives from its name: paths, namespaces, addresses. Nothing here touches the machine. */
import { join } from 'node:path';

export const STATE_ROOT = '/var/lib/podwire-lab';
export const RUN_ROOT = '/run/podwire-lab';
export const NETNS_ROOT = '/run/netns';
export const MAX_NODES = 5;
export const DEFAULT_NODES = 3;
export const DEFAULT_NAME = 'podwire';

/** Ports inside the control namespace; every lab has its own, so they never clash. */
export const PORTS = {
  apiserver: 6443,
  kubernetesEtcd: 2379,
  kubernetesEtcdPeer: 2380,
  podwireEtcd: 2479,
  podwireEtcdPeer: 2480,
  temporal: 7233,
  temporalUi: 8233,
} as const;

export const CONTROL_ADDRESS = '172.30.0.2';
export const RACK_PREFIX_LENGTH = 24;
export const SERVICE_CIDR = '10.96.0.0/16';
export const SERVICE_ADDRESS = '10.96.0.1';

export interface NodeLayout {
  /** Name within Kubernetes: n1, n2, … */
  readonly name: string;
  readonly netns: string;
  readonly netnsPath: string;
  readonly address: string;
  readonly podCidr: string;
  readonly podGateway: string;
  readonly stateDir: string;
  readonly runDir: string;
  readonly criSocket: string;
  /** File that holds the node's mount namespace. */
  readonly mountNsPath: string;
  /** What /var/lib/cni is in that namespace; outlives the node's worker, its containerd, and a reboot. */
  readonly cniLibDir: string;
  /** What /run/cni is there. */
  readonly cniRunDir: string;
  /** Searched for plugins before all others; empty, for tests. */
  readonly cniBinDir: string;
  /** The worker's folder of network configurations; empty, for tests and people. */
  readonly cniNetworksDir: string;
}

export interface LabLayout {
  readonly name: string;
  readonly dir: string;
  readonly runDir: string;
  readonly stateFile: string;
  readonly partsDir: string;
  readonly logsDir: string;
  readonly pkiDir: string;
  readonly kubeconfigDir: string;
  readonly imagesDir: string;
  readonly rackNetns: string;
  readonly controlNetns: string;
  readonly controlNetnsPath: string;
  /** Every namespace of this lab begins so. */
  readonly netnsPrefix: string;
  /** Name of the cgroup that holds the containers, in each hierarchy. */
  readonly cgroup: string;
}

/**
 * Layout of a lab.
 *
 * @throws Error when the name is not 1–20 characters of a–z, 0–9 and '-', beginning with a letter: it becomes part of
 * namespace names, cgroup names and Unix socket paths (these must stay below 108 bytes, unix(7)).
 */
export function labLayout(name: string): LabLayout {
  if (!/^[a-z]([a-z0-9-]{0,18}[a-z0-9])?$/.test(name)) {
    throw new Error(`lab name '${name}' is not allowed: 1-20 characters of a-z, 0-9 and '-', beginning with a letter`);
  }
  const dir = join(STATE_ROOT, name);
  return {
    name,
    dir,
    runDir: join(RUN_ROOT, name),
    stateFile: join(dir, 'state.json'),
    partsDir: join(dir, 'parts'),
    logsDir: join(dir, 'logs'),
    pkiDir: join(dir, 'pki'),
    kubeconfigDir: join(dir, 'kubeconfig'),
    imagesDir: join(dir, 'images'),
    rackNetns: `pw-${name}-rack`,
    controlNetns: `pw-${name}-control`,
    controlNetnsPath: join(NETNS_ROOT, `pw-${name}-control`),
    netnsPrefix: `pw-${name}-`,
    cgroup: `podwire-lab-${name}`,
  };
}

/** Whether a namespace name belongs to this lab; `pw-a-b-n1` belongs to lab `a-b`, not to `a`. */
export function ownsNetns(lab: LabLayout, netns: string): boolean {
  return netns.startsWith(lab.netnsPrefix) && /^(rack|control|n[1-9])$/.test(netns.slice(lab.netnsPrefix.length));
}

/** Layout of node number `index`, counted from 1. */
export function nodeLayout(lab: LabLayout, index: number): NodeLayout {
  const name = `n${index}`;
  const runDir = join(lab.runDir, name);
  const stateDir = join(lab.dir, name);
  return {
    name,
    netns: `${lab.netnsPrefix}${name}`,
    netnsPath: join(NETNS_ROOT, `${lab.netnsPrefix}${name}`),
    address: `172.30.0.1${index}`,
    podCidr: `10.244.${index}.0/24`,
    podGateway: `10.244.${index}.1`,
    stateDir,
    runDir,
    criSocket: join(runDir, 'containerd.sock'),
    mountNsPath: join(runDir, 'mount-ns', 'mnt'),
    cniLibDir: join(stateDir, 'cni', 'lib'),
    cniRunDir: join(runDir, 'cni'),
    cniBinDir: join(stateDir, 'cni', 'bin'),
    cniNetworksDir: join(stateDir, 'cni', 'networks.d'),
  };
}

/** Layouts of the first `count` nodes. */
export function nodeLayouts(lab: LabLayout, count: number): NodeLayout[] {
  return Array.from({ length: count }, (_, i) => nodeLayout(lab, i + 1));
}
