/** One node: a containerd and a kubelet in the node's network namespace, each with directories of its own. */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Binaries } from './binaries.ts';
import { ensureCgroup } from './cgroups.ts';
import { DEBIAN_CNI_DIR } from './cni-plugins.ts';
import { keyPair } from './certificates.ts';
import { findProgram } from './commands.ts';
import { PAUSE_IMAGE } from './images.ts';
import { kubeconfigPath } from './kubeconfigs.ts';
import type { LabLayout, NodeLayout } from './layout.ts';
import type { PartSpec } from './parts.ts';

/** Name of the node's primary network in the CNI's own files; unique on the machine, so that teardown finds them. */
export function cniNetworkName(lab: LabLayout, node: NodeLayout): string {
  return `${lab.cgroup}.${node.name}`;
}

/** Makes the node's directories, cgroup and configuration files. */
export function writeNodeFiles(lab: LabLayout, node: NodeLayout): void {
  for (const dir of [node.runDir, cniConfDir(node), join(node.stateDir, 'kubelet'), join(node.stateDir, 'pod-logs')]) {
    mkdirSync(dir, { recursive: true, mode: 0o755 });
  }
  ensureCgroup(`${lab.cgroup}/${node.name}`);
  writeWhole(join(cniConfDir(node), '10-lab.conflist'), JSON.stringify(cniConfig(lab, node), null, 2));
  writeWhole(containerdConfigFile(node), containerdConfig(node));
  writeWhole(kubeletConfigFile(node), JSON.stringify(kubeletConfig(lab, node), null, 2));
}

/** The node's containerd. */
export function containerdPart(node: NodeLayout): PartSpec {
  return {
    name: `containerd-${node.name}`,
    netnsPath: node.netnsPath,
    file: findProgram('containerd') ?? '/usr/bin/containerd',
    args: ['--config', containerdConfigFile(node)],
    env: {},
  };
}

/** The node's kubelet. */
export function kubeletPart(lab: LabLayout, node: NodeLayout, binaries: Binaries): PartSpec {
  return {
    name: `kubelet-${node.name}`,
    netnsPath: node.netnsPath,
    file: binaries.kubelet,
    args: [
      `--config=${kubeletConfigFile(node)}`,
      `--kubeconfig=${kubeconfigPath(lab, `node-${node.name}`)}`,
      `--hostname-override=${node.name}`,
      `--node-ip=${node.address}`,
      `--root-dir=${join(node.stateDir, 'kubelet')}`,
      `--cert-dir=${join(node.stateDir, 'kubelet', 'pki')}`,
    ],
    env: {},
  };
}

function cniConfDir(node: NodeLayout): string {
  return join(node.stateDir, 'cni', 'conf');
}

function containerdConfigFile(node: NodeLayout): string {
  return join(node.stateDir, 'containerd.toml');
}

function kubeletConfigFile(node: NodeLayout): string {
  return join(node.stateDir, 'kubelet.json');
}

function cniConfig(lab: LabLayout, node: NodeLayout): object {
  return {
    cniVersion: '1.0.0',
    name: cniNetworkName(lab, node),
    plugins: [
      {
        type: 'bridge',
        bridge: 'cni0',
        isGateway: true,
        ipMasq: false,
        ipam: {
          type: 'host-local',
          ranges: [[{ subnet: node.podCidr, gateway: node.podGateway }]],
          routes: [{ dst: '0.0.0.0/0' }],
          // All nodes share the machine's file system.
          dataDir: join(node.stateDir, 'cni', 'addresses'),
        },
      },
    ],
  };
}

function containerdConfig(node: NodeLayout): string {
  const text = JSON.stringify;
  return `version = 2
root = ${text(join(node.stateDir, 'containerd'))}
state = ${text(join(node.runDir, 'containerd'))}
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs", "io.containerd.tracing.processor.v1.otlp", "io.containerd.internal.v1.tracing",
]

[grpc]
  address = ${text(node.criSocket)}

[plugins."io.containerd.internal.v1.opt"]
  path = ${text(join(node.stateDir, 'opt'))}

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = ${text(PAUSE_IMAGE)}
  disable_apparmor = true
  # Where root lacks CAP_SYS_RESOURCE, every sandbox would fail with "can't get final child's PID from pipe: EOF".
  restrict_oom_score_adj = true
  # Pod namespaces are mounted below the state directory instead of /var/run/netns, which all nodes would share.
  netns_mounts_under_state_dir = true

  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = ${text(DEBIAN_CNI_DIR)}
    conf_dir = ${text(cniConfDir(node))}

  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"

    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"

      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
        Root = ${text(join(node.runDir, 'runc'))}
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
    containerRuntimeEndpoint: `unix://${node.criSocket}`,
    podLogsDir: join(node.stateDir, 'pod-logs'),
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
