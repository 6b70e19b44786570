/** One node: containerd, kubelet and kube-proxy in the node's network and mount namespaces, where everything lies at its usual place. */
import { renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Binaries } from './binaries.ts';
import { ensureCgroup } from './cgroups.ts';
import { DEBIAN_CNI_DIR } from './cni-plugins.ts';
import { keyPair } from './certificates.ts';
import { findProgram } from './commands.ts';
import { PAUSE_IMAGE } from './images.ts';
import { kubeconfigPath } from './kubeconfigs.ts';
import { CLUSTER_DOMAIN, DNS_ADDRESS, ON_NODE, POD_CIDR, STATIC_PODS } from './layout.ts';
import type { ClusterNetwork, LabLayout, NodeLayout } from './layout.ts';
import type { PartSpec } from './parts.ts';

/** Name of the cluster's own network in the CNI's files. */
export const PRIMARY_NETWORK = 'lab';
/** Its configuration, in the node's folder of CNI configurations. */
export const CLUSTER_NETWORK_FILE = '10-lab.conflist';

/** Makes the node's cgroup and configuration files; its directories are there (see `ensureNodeMounts`). */
export function writeNodeFiles(lab: LabLayout, node: NodeLayout, network: ClusterNetwork): void {
  ensureCgroup(`${lab.cgroup}/${node.name}`);
  if (network === 'bridge')
    writeWhole(join(node.cniConfDir, CLUSTER_NETWORK_FILE), JSON.stringify(cniConfig(node), null, 2));
  writeWhole(containerdConfigFile(node), containerdConfig(PLUGINS_OF[network]));
  writeWhole(kubeletConfigFile(node), JSON.stringify(kubeletConfig(lab, node), null, 2));
}

/** The runtime's folder of plugins: as Debian's containerd has it, so that what tests put into the node's is not for its own network; else the node's. */
const PLUGINS_OF: Readonly<Record<ClusterNetwork, string>> = { bridge: DEBIAN_CNI_DIR, podwire: ON_NODE.cniBin };

const onNode = (node: NodeLayout): Pick<PartSpec, 'netnsPath' | 'mountNsPath' | 'env'> => ({
  netnsPath: node.netnsPath,
  mountNsPath: node.mountNsPath,
  env: {},
});

/** The node's containerd. */
export function containerdPart(node: NodeLayout): PartSpec {
  return {
    name: `containerd-${node.name}`,
    ...onNode(node),
    file: findProgram('containerd') ?? '/usr/bin/containerd',
    args: ['--config', containerdConfigFile(node)],
  };
}

/** The node's kubelet. */
export function kubeletPart(lab: LabLayout, node: NodeLayout, binaries: Binaries): PartSpec {
  return {
    name: `kubelet-${node.name}`,
    ...onNode(node),
    file: binaries.kubelet,
    args: [
      `--config=${kubeletConfigFile(node)}`,
      `--kubeconfig=${kubeconfigPath(lab, `node-${node.name}`)}`,
      `--hostname-override=${node.name}`,
      `--node-ip=${node.address}`,
      `--root-dir=${ON_NODE.kubelet}`,
      `--cert-dir=${join(ON_NODE.kubelet, 'pki')}`,
    ],
  };
}

/** The node's kube-proxy: makes Services work for the node and its pods, by iptables in its network namespace. */
export function kubeProxyPart(lab: LabLayout, node: NodeLayout, binaries: Binaries): PartSpec {
  return {
    name: `kube-proxy-${node.name}`,
    ...onNode(node),
    file: binaries['kube-proxy'],
    args: [
      `--kubeconfig=${kubeconfigPath(lab, 'kube-proxy')}`,
      `--hostname-override=${node.name}`,
      '--proxy-mode=iptables',
      `--cluster-cidr=${POD_CIDR}`,
      // The whole machine's, which a namespace may not set.
      '--conntrack-max-per-core=0',
    ],
  };
}

function containerdConfigFile(node: NodeLayout): string {
  return join(node.stateDir, 'containerd.toml');
}

function kubeletConfigFile(node: NodeLayout): string {
  return join(node.stateDir, 'kubelet.json');
}

function cniConfig(node: NodeLayout): object {
  const ipam = {
    type: 'host-local',
    ranges: [[{ subnet: node.podCidr, gateway: node.podGateway }]],
    routes: [{ dst: '0.0.0.0/0' }],
  };
  // Hairpin: a pod reaches itself through a Service.
  const bridge = { type: 'bridge', bridge: 'cni0', isGateway: true, ipMasq: false, hairpinMode: true, ipam };
  return { cniVersion: '1.0.0', name: PRIMARY_NETWORK, plugins: [bridge] };
}

function containerdConfig(plugins: string): string {
  const text = JSON.stringify;
  return `version = 2
root = ${text(ON_NODE.containerd)}
state = ${text(dirname(ON_NODE.criSocket))}
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs", "io.containerd.tracing.processor.v1.otlp", "io.containerd.internal.v1.tracing",
]

[grpc]
  address = ${text(ON_NODE.criSocket)}

[plugins."io.containerd.internal.v1.opt"]
  path = ${text(join(ON_NODE.containerd, 'opt'))}

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = ${text(PAUSE_IMAGE)}
  disable_apparmor = true
  # Where root lacks CAP_SYS_RESOURCE, every sandbox would fail with "can't get final child's PID from pipe: EOF".
  restrict_oom_score_adj = true

  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = ${text(plugins)}
    conf_dir = ${text(ON_NODE.cniConf)}

  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"

    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"

      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
`;
}

/** KubeletConfiguration, kubelet.config.k8s.io/v1beta1. */
function kubeletConfig(lab: LabLayout, node: NodeLayout): object {
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: keyPair(lab, 'ca').cert },
    },
    authorization: { mode: 'Webhook' },
    containerRuntimeEndpoint: `unix://${ON_NODE.criSocket}`,
    podLogsDir: ON_NODE.podLogs,
    staticPodPath: join(ON_NODE.kubelet, STATIC_PODS),
    fileCheckFrequency: '1s',
    clusterDNS: [DNS_ADDRESS],
    clusterDomain: CLUSTER_DOMAIN,
    resolvConf: '',
    maxPods: 250,
    cgroupDriver: 'cgroupfs',
    // With QoS cgroups the kubelet names the containers' parent; without them all would land in the root's k8s.io.
    cgroupsPerQOS: true,
    cgroupRoot: `/${lab.cgroup}/${node.name}`,
    enforceNodeAllocatable: [],
    failSwapOn: false,
    localStorageCapacityIsolation: false,
    // Needs CAP_SYS_RESOURCE otherwise.
    oomScoreAdj: 0,
    // Gateways route between networks; the pod's own namespace is the only one that these reach.
    allowedUnsafeSysctls: ['net.ipv4.ip_forward', 'net.ipv4.conf.*', 'net.ipv6.conf.*'],
    serializeImagePulls: false,
    // The images cannot be had again, and a full disk of the machine is no reason to evict.
    imageGCHighThresholdPercent: 100,
    imageGCLowThresholdPercent: 99,
    evictionHard: {
      'memory.available': '0%',
      'nodefs.available': '0%',
      'nodefs.inodesFree': '0%',
      'imagefs.available': '0%',
    },
    // Leases of 8 s are renewed every 2 s; the controller manager gives a node 12 s.
    nodeLeaseDurationSeconds: 8,
    nodeStatusUpdateFrequency: '4s',
    kubeAPIQPS: 100,
    kubeAPIBurst: 200,
    eventRecordQPS: 0,
    shutdownGracePeriod: '0s',
    makeIPTablesUtilChains: false,
  };
}

function writeWhole(file: string, text: string): void {
  writeFileSync(`${file}.new`, text);
  renameSync(`${file}.new`, file);
}
