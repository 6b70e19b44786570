/** Who has an address on a node, by three that know nothing of each other: the leases on its disk, the container runtime, the kernel. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { must } from '../../deploy/lab/commands.ts';
import { inNetns, kubectl, pathOnHost, whyFailed, type Lab, type LabNode } from '../../deploy/lab/lab.ts';
import { waitFor } from '../lab/harness.ts';

export interface HeldLease {
  readonly sandboxId: string;
  readonly pod: { readonly namespace: string; readonly name: string };
  readonly addresses: readonly string[];
}

/** Leases that are not released. */
export function heldLeases(lab: Lab, node: LabNode): HeldLease[] {
  const folder = pathOnHost(lab, node.name, '/var/lib/podwire/primary/leases');
  return readdirSync(folder)
    .filter((name) => !name.startsWith('.'))
    .flatMap((name) => {
      const lease = JSON.parse(readFileSync(join(folder, name), 'utf8')) as HeldLease & { releasedAt?: number };
      return lease.releasedAt === undefined ? [lease] : [];
    });
}

/** Sandboxes with a network namespace of their own that run, as containerd itself lists them. */
async function sandboxesOf(node: LabNode): Promise<string[]> {
  const ctr = (args: readonly string[]): Promise<string> =>
    must('ctr', ['-a', node.criSocket, '-n', 'k8s.io', ...args]);
  const ids = (await ctr(['containers', 'ls', '-q', 'labels."io.cri-containerd.kind"==sandbox'])).split('\n');
  const tasks = (await ctr(['tasks', 'ls'])).split('\n').map((line) => line.trim().split(/\s+/));
  return tasks.flatMap(([id = '', , status]) => (status === 'RUNNING' && ids.includes(id) ? [id] : []));
}

/** Sandboxes whose host ends the kernel has. */
export async function wiredSandboxes(node: LabNode): Promise<string[]> {
  const shown = await inNetns(node.netnsPath, 'ip', ['-j', 'link', 'show', 'type', 'veth']);
  if (shown.code !== 0) throw new Error(`links of ${node.name}: ${whyFailed(shown)}`);
  const links = JSON.parse(shown.stdout.trim() || '[]') as { ifalias?: string }[];
  return links.flatMap(({ ifalias }) => /^podwire-primary:([^:]+):/.exec(ifalias ?? '')?.[1] ?? []);
}

/** What the API says of its pods: `namespace/name` and addresses. */
async function addressesInApi(lab: Lab): Promise<Map<string, string>> {
  const { items } = JSON.parse(await kubectl(lab, ['get', 'pods', '-A', '-o', 'json'])) as {
    items: {
      metadata: { namespace: string; name: string };
      status: { phase: string; podIPs?: { ip: string }[] };
    }[];
  };
  return new Map(
    items
      .filter(({ status }) => status.phase === 'Running')
      .map(({ metadata, status }) => [
        `${metadata.namespace}/${metadata.name}`,
        (status.podIPs ?? []).map(({ ip }) => ip).join(),
      ]),
  );
}

/** Two sandboxes with one address, at this moment. */
export function duplicates(lab: Lab): string[] {
  const all = lab.nodes.flatMap((node) => heldLeases(lab, node)).flatMap(({ addresses }) => addresses);
  return all.filter((address, index) => all.indexOf(address) !== index);
}

/**
 * Waits until leases, runtime and kernel of every node name the same sandboxes, and the API has the leases' addresses of every pod that runs.
 *
 * @throws Error that says who names what
 */
export async function allAgree(lab: Lab, limitMs = 45_000): Promise<void> {
  await waitFor(
    'leases, runtime, kernel and API to name the same pods',
    async () => {
      const inApi = await addressesInApi(lab);
      for (const node of lab.nodes) {
        const leases = heldLeases(lab, node);
        const [disk, runtime, kernel] = [
          leases.map(({ sandboxId }) => sandboxId),
          await sandboxesOf(node),
          await wiredSandboxes(node),
        ].map((ids) => ids.map((id) => id.slice(0, 12)).sort());
        const said = JSON.stringify({ disk, runtime, kernel });
        if (String(disk) !== String(runtime) || String(disk) !== String(kernel))
          throw new Error(`${node.name}: ${said}`);
        for (const { pod, addresses } of leases) {
          const name = `${pod.namespace}/${pod.name}`;
          const known = inApi.get(name);
          if (known !== addresses.join()) throw new Error(`${name}: ${addresses.join()}, in the API ${String(known)}`);
          inApi.delete(name);
        }
      }
      if (inApi.size > 0) throw new Error(`pods without a lease: ${[...inApi.keys()].join()}`);
      const twice = duplicates(lab);
      if (twice.length > 0) throw new Error(`addresses of two sandboxes: ${twice.join()}`);
      return true;
    },
    { limitMs, everyMs: 300 },
  );
}
