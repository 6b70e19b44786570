/** What must hold before anything on the machine is changed; each problem is one line that says what to do. */
import { existsSync } from 'node:fs';
import { attempt, findProgram, whyFailed } from './commands.ts';

/** Kernel device types that the lab and podwire need, with the words that make one. */
const DEVICES = [
  ['veth', ['type', 'veth', 'peer', 'name', 'probe-peer']],
  ['bridge', ['type', 'bridge']],
  ['vxlan', ['type', 'vxlan', 'id', '1', 'dstport', '8472']],
] as const;

/**
 * Looks for reasons why a lab cannot run here.
 *
 * @param missingBinaries binaries that would have to be built.
 * @returns one line per problem; empty when all is well.
 */
export async function preflightProblems(missingBinaries: readonly string[], go: string | undefined): Promise<string[]> {
  if (process.platform !== 'linux') return [`the lab needs Linux (namespaces, cgroups); this is ${process.platform}`];
  const problems: string[] = [];
  if (process.getuid?.() !== 0)
    problems.push('the lab needs root (namespaces, mounts, cgroups): run it as root or with sudo');
  if (missingBinaries.length > 0 && go === undefined) {
    problems.push(
      `Go is not installed, and ${missingBinaries.join(', ')} must be built: install Go 1.24 or newer, or put them into the cache`,
    );
  }
  if (existsSync('/var/lib/kubelet/config.yaml')) {
    problems.push(
      'this machine is a Kubernetes node already (/var/lib/kubelet/config.yaml): its kubelet and the lab would share device plugin sockets',
    );
  }
  if (findProgram('apt-get') === undefined && findProgram('containerd') === undefined) {
    problems.push(
      'no apt-get here, and containerd is missing: install etcd, containerd, runc, CNI plugins, iproute2, socat and busybox yourself',
    );
  }
  // Without root the probe could only fail for that reason.
  if (problems.length === 0 && findProgram('ip') !== undefined) problems.push(...(await missingDevices()));
  return problems;
}

/** Tries each device type in a network namespace that ends with the probe. */
export async function missingDevices(): Promise<string[]> {
  const problems: string[] = [];
  for (const [kind, words] of DEVICES) {
    const added = await attempt('unshare', ['--net', '--', 'ip', 'link', 'add', 'probe', ...words]);
    if (added.code === 0) continue;
    const why = whyFailed(added);
    if (why.includes('unshare')) return [`network namespaces cannot be made here: ${why}`];
    problems.push(`the kernel has no ${kind} devices (module missing?): ${why}`);
  }
  return problems;
}
