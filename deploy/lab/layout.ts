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
  dns: 53,
  dnsReady: 8181,
} as const;

export const CONTROL_ADDRESS = '172.30.0.2';
export const RACK_PREFIX_LENGTH = 24;
export const SERVICE_CIDR = '10.96.0.0/16';
export const SERVICE_ADDRESS = '10.96.0.1';
export const DNS_ADDRESS = '10.96.0.10';
/** Holds the pods of all nodes. */
export const POD_CIDR = '10.244.0.0/16';
export const CLUSTER_DOMAIN = 'cluster.local';

/**
 * What connects the pods of a lab: `bridge`, the reference plugins bridge and host-local with static routes between the nodes; `podwire`, podwire
 * itself, which gives nodes whose Node objects have pod CIDRs everything else.
 */
export type ClusterNetwork = (typeof CLUSTER_NETWORKS)[number];
export const CLUSTER_NETWORKS = ['bridge', 'podwire'] as const;
export const DEFAULT_NETWORK: ClusterNetwork = 'bridge';

/** Where things lie on a node, as its processes see it: the places that every distribution of Kubernetes uses. */
export const ON_NODE = {
  criSocket: '/run/containerd/containerd.sock',
  netns: '/run/netns',
  cniBin: '/opt/cni/bin',
  cniConf: '/etc/cni/net.d',
  cniNetworks: '/etc/cni/podwire.d',
  cniLib: '/var/lib/cni',
  cniRun: '/run/cni',
  kubelet: '/var/lib/kubelet',
  containerd: '/var/lib/containerd',
  podwire: '/var/lib/podwire',
  volumes: '/var/lib/volumes',
  podLogs: '/var/log/pods',
  containerLogs: '/var/log/containers',
} as const;

/** In the kubelet's folder: what it makes static pods from. */
export const STATIC_PODS = 'static-pods';

export interface NodeLayout {
  /** Name within Kubernetes: n1, n2, … */
  readonly name: string;
  readonly netns: string;
  readonly netnsPath: string;
  readonly address: string;
  readonly podCidr: string;
  /** Only podwire's network has IPv6. */
  readonly podCidrSix: string;
  readonly podGateway: string;
  readonly stateDir: string;
  readonly runDir: string;
  /** What /run is on the node. */
  readonly runFiles: string;
  /** containerd's socket as a file of the host; on the node it is `ON_NODE.criSocket`. */
  readonly criSocket: string;
  /** File that holds the node's mount namespace. */
  readonly mountNsPath: string;
  /** Folders of the host that a node has in place of the host's own: path on the node → path on the host. They outlive a reboot. */
  readonly folders: Readonly<Record<string, string>>;
  /** What /var/lib/cni is on the node. */
  readonly cniLibDir: string;
  /** What /opt/cni/bin is there: the reference plugins, and what tests put there. */
  readonly cniBinDir: string;
  /** What /etc/cni/net.d is there: the cluster's own network. */
  readonly cniConfDir: string;
  /** What /etc/cni/podwire.d is there: configurations of networks whose definitions have none; empty, for tests and people. */
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
  const runFiles = join(runDir, 'run');
  const onHost = (path: string): string => join(stateDir, 'files', path);
  const folders = Object.values(ON_NODE).filter((path) => !path.startsWith('/run/'));
  return {
    name,
    netns: `${lab.netnsPrefix}${name}`,
    netnsPath: join(NETNS_ROOT, `${lab.netnsPrefix}${name}`),
    address: `172.30.0.1${index}`,
    podCidr: `10.244.${index}.0/24`,
    podCidrSix: `fd00:10:244:${index}::/64`,
    podGateway: `10.244.${index}.1`,
    stateDir,
    runDir,
    runFiles,
    criSocket: join(runDir, ON_NODE.criSocket),
    mountNsPath: join(runDir, 'mount-ns', 'mnt'),
    folders: Object.fromEntries(folders.map((path) => [path, onHost(path)])),
    cniLibDir: onHost(ON_NODE.cniLib),
    cniBinDir: onHost(ON_NODE.cniBin),
    cniConfDir: onHost(ON_NODE.cniConf),
    cniNetworksDir: onHost(ON_NODE.cniNetworks),
  };
}

/** Layouts of the first `count` nodes. */
export function nodeLayouts(lab: LabLayout, count: number): NodeLayout[] {
  return Array.from({ length: count }, (_, i) => nodeLayout(lab, i + 1));
}
