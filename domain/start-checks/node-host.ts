/** What is looked for on the host of a node worker, from the facts that were found. */
import { DEFAULT_DST_PORT } from '../vxlan/vxlan.ts';
import { passed, type About, type Check } from './check.ts';

export interface VxlanDevice {
  readonly name: string;
  readonly vni: number | undefined;
  readonly port: number;
  /** Takes every VNI of its port (collect metadata), as those of Cilium and of OVN do. */
  readonly external: boolean;
}

export interface NodeHostFacts {
  readonly runtime: { readonly version: string } | { readonly unreachable: string };
  /** Device types that could not be made, and why. */
  readonly missingDevices: readonly { readonly kind: string; readonly why: string }[];
  /** Why no device could be tried at all. */
  readonly devicesUntried?: string;
  readonly sysctls: 'writable' | { readonly readOnly: string };
  /** By what links in pods are worked on, and why it is not netlink where nobody said so. */
  readonly linkKernel: { readonly access: 'netlink' | 'iproute2'; readonly why?: string };
  /** Absolute paths of programs that are not there. */
  readonly missingPrograms: readonly { readonly path: string; readonly needed: boolean; readonly why: string }[];
  /** Those of the node's own network namespace; undefined when they could not be listed. */
  readonly vxlanDevices: readonly VxlanDevice[] | undefined;
  /** Folders of one setting each: one of its paths is enough. */
  readonly folders: readonly {
    readonly setting: string;
    readonly paths: readonly string[];
    readonly present: boolean;
  }[];
}

export interface NodeHostTarget {
  readonly criSocket: string;
  readonly node: string;
}

/** UDP ports of VXLAN: the kernel's old default, and IANA's. */
const VXLAN_PORTS = [DEFAULT_DST_PORT, 4789];

export function nodeHostChecks(target: NodeHostTarget, facts: NodeHostFacts): Check[] {
  return [
    runtimeCheck(target, facts.runtime),
    ...deviceChecks(facts),
    sysctlsCheck(facts.sysctls),
    linkKernelCheck(facts.linkKernel),
    ...programChecks(facts.missingPrograms),
    ...vxlanChecks(facts.vxlanDevices),
    ...facts.folders.map(folderCheck),
  ];
}

function runtimeCheck({ criSocket }: NodeHostTarget, runtime: NodeHostFacts['runtime']): Check {
  const name = 'container-runtime';
  const about: About = { setting: 'PODWIRE_CRI_SOCKET', value: criSocket };
  if ('version' in runtime) return passed(name, runtime.version, about);
  return {
    ...{ name, state: 'error', ...about },
    text: `the container runtime does not answer: ${runtime.unreachable}`,
    allowed: 'the Unix socket of a runtime with the CRI, version v1',
    cure: `crictl --runtime-endpoint unix://${criSocket} version`,
  };
}

function deviceChecks({ missingDevices, devicesUntried }: NodeHostFacts): Check[] {
  const name = 'kernel-devices';
  if (devicesUntried !== undefined)
    return [
      {
        ...{ name, state: 'error' },
        text: `no network namespace can be made: ${devicesUntried}`,
        allowed: 'capabilities SYS_ADMIN and NET_ADMIN',
        cure: 'kubectl apply -k the overlay again (securityContext of podwire-node)',
      },
    ];
  if (missingDevices.length === 0) return [passed(name, 'vxlan, veth and bridge can be made')];
  return missingDevices.map(({ kind, why }): Check => ({
    // Without VXLAN nothing of the one dialect works; veth and bridge are what plugins make.
    ...{ name, state: kind === 'vxlan' ? 'error' : 'warning' },
    text: `the kernel makes no ${kind} device: ${why}`,
    allowed: 'a kernel with vxlan, veth and bridge',
    cure: `modprobe ${kind}, on the node; for good: echo ${kind} > /etc/modules-load.d/podwire-${kind}.conf`,
  }));
}

function sysctlsCheck(sysctls: NodeHostFacts['sysctls']): Check {
  const name = 'sysctls';
  if (sysctls === 'writable') return passed(name, '/proc/sys is writable');
  return {
    ...{ name, state: 'warning' },
    text: `/proc/sys is read-only: ${sysctls.readOnly}; sysctls of pods (accept_ra, CNI plugin tuning) are not set by it`,
    allowed: 'a writable /proc/sys in the container of the node worker',
    cure: 'capability SYS_ADMIN with AppArmor Unconfined (as shipped), or the overlay with a privileged node worker',
  };
}

function linkKernelCheck({ access, why }: NodeHostFacts['linkKernel']): Check {
  const name = 'link-kernel';
  const about: About = { setting: 'PODWIRE_LINK_KERNEL', value: access };
  if (why === undefined) return passed(name, `links in pods are worked on by ${access}`, about);
  return {
    ...{ name, state: 'warning', ...about },
    text: `netlink cannot be spoken from here, so that links in pods are worked on by iproute2, which is slower: ${why}`,
    allowed: 'Linux 4.20 or newer on amd64 or arm64, and a seccomp profile that allows setns and AF_NETLINK sockets',
    cure: 'kubectl apply -k the overlay again (securityContext of podwire-node); or set PODWIRE_LINK_KERNEL=iproute2, which is not warned of',
  };
}

const programChecks = (missing: NodeHostFacts['missingPrograms']): Check[] =>
  missing.length === 0
    ? [passed('programs', 'all are there')]
    : missing.map(({ path, needed, why }): Check => ({
        ...{ name: 'programs', state: needed ? 'error' : 'warning' },
        text: `${path} is missing: ${why}`,
        allowed: 'the image podwire/node, or a host with iproute2, util-linux and iptables',
        cure: 'apt-get install iproute2 util-linux iptables nftables',
      }));

function vxlanChecks(devices: NodeHostFacts['vxlanDevices']): Check[] {
  const name = 'vxlan-ports';
  if (devices === undefined) return [];
  const sharing = devices.filter(({ port }) => VXLAN_PORTS.includes(port));
  if (sharing.length === 0)
    return [passed(name, `no other VXLAN device of the node has port ${VXLAN_PORTS.join(' or ')}`)];
  return sharing.map((device): Check => {
    const vni = device.vni === undefined ? '' : ` (VNI ${device.vni})`;
    const who = `${device.name}${vni} of the node has UDP port ${device.port}`;
    if (!device.external)
      return passed(
        name,
        `${who}; no clash: links of pods have sockets of their own in the pods' network namespaces. Where it carries the pods' network, a link's MTU is 50 below the pod's`,
      );
    return {
      ...{ name, state: 'warning' },
      text: `${who} and takes every VNI: programs of the cluster's own network may take tunnels between pods for theirs`,
      allowed: 'another port in the network, for example: dstport=8473',
      cure: `ip -d link show ${device.name}, on the node; then dstport= in the networks' ConfigMap`,
    };
  });
}

function folderCheck({ setting, paths, present }: NodeHostFacts['folders'][number]): Check {
  const name = 'folders';
  const value = paths.join(',');
  if (present) return passed(name, `${value} is there`, { setting, value });
  return {
    ...{ name, state: 'warning', setting, value },
    text: `${value} is no folder here: networks that need it fail`,
    allowed: 'a folder that the node worker sees',
    cure: `mkdir -p ${paths[0] ?? ''}, on the node, and mount it into podwire-node`,
  };
}
