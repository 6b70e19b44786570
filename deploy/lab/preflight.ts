/** What must hold before anything on the machine is changed; each problem is one line that says what to do. */
import { existsSync } from 'node:fs';
import type { RunResult } from '../../adapters/process/child.ts';
import { binaryCache } from './binaries.ts';
import { attempt, findProgram, whyFailed } from './commands.ts';

/** Kernel device types that the lab and podwire need, with the words that make one. */
const DEVICES = [
  ['veth', ['type', 'veth', 'peer', 'name', 'probe-peer']],
  ['bridge', ['type', 'bridge']],
  ['vxlan', ['type', 'vxlan', 'id', '1', 'dstport', '8472']],
] as const;

/** What a lab asks of the machine. */
export interface Host {
  readonly platform: string;
  /** Effective user; undefined where there are none. */
  readonly uid: number | undefined;
  /** Whether this very machine is a node of some Kubernetes cluster. */
  readonly isKubernetesNode: boolean;
  readonly hasProgram: (name: string) => boolean;
  /** Adds a link of these words in a network namespace that ends with it. */
  readonly tryDevice: (words: readonly string[]) => Promise<RunResult>;
}

/** The machine that this runs on. */
export const thisHost = (): Host => ({
  platform: process.platform,
  uid: process.geteuid?.(),
  isKubernetesNode: existsSync('/var/lib/kubelet/config.yaml'),
  hasProgram: (name) => findProgram(name) !== undefined,
  tryDevice: (words) => attempt('unshare', ['--net', '--', 'ip', 'link', 'add', 'probe', ...words]),
});

/**
 * Looks for reasons why a lab cannot run here.
 *
 * @param missingBinaries binaries that would have to be built.
 * @param go path of the go command, if there is one.
 * @returns one line per problem; empty when all is well.
 */
export async function preflightProblems(
  host: Host,
  missingBinaries: readonly string[],
  go: string | undefined,
): Promise<string[]> {
  if (host.platform !== 'linux') {
    return [`the lab needs Linux (namespaces, cgroups), and this is ${host.platform}: run it on a Linux machine`];
  }
  const problems: string[] = [];
  if (host.uid !== 0) problems.push('the lab needs root (namespaces, mounts, cgroups): run it as root or with sudo');
  if (missingBinaries.length > 0 && go === undefined) {
    problems.push(
      `Go is not installed, and ${missingBinaries.join(', ')} must be built: install Go 1.24 or newer, or put them into ${binaryCache()}`,
    );
  }
  if (host.isKubernetesNode) {
    problems.push(
      'this machine is a Kubernetes node already (/var/lib/kubelet/config.yaml), and its kubelet and the lab would share device plugin sockets: use another machine',
    );
  }
  if (!host.hasProgram('apt-get') && !host.hasProgram('containerd')) {
    problems.push(
      'no apt-get here, and containerd is missing: install etcd, containerd, runc, CNI plugins, iproute2, socat and busybox yourself',
    );
  }
  // Without root the probe could only fail for that reason.
  if (problems.length === 0 && host.hasProgram('ip')) problems.push(...(await missingDevices(host)));
  return problems;
}

/** Tries each device type. @returns one line for each that the kernel does not have */
export async function missingDevices(host: Host): Promise<string[]> {
  const problems: string[] = [];
  for (const [kind, words] of DEVICES) {
    const added = await host.tryDevice(words);
    if (added.code === 0) continue;
    const why = whyFailed(added).replaceAll('\n', ' ');
    if (why.includes('unshare'))
      return [`network namespaces cannot be made here, which takes root with CAP_SYS_ADMIN: ${why}`];
    problems.push(
      `the kernel has no ${kind} devices (${why}): load its module (modprobe ${kind}) or use another kernel`,
    );
  }
  return problems;
}
