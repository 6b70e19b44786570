/** A node whose pods' network is podwire's: its real leases and its real steps over a kernel and a runtime that say what a test wants. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSandboxSteps, sandboxActivities } from '../../activities/primary/sandbox-steps.ts';
import type { SandboxActivities } from '../../activities/primary/sandbox-contract.ts';
import type { Etcd } from '../../adapters/etcd/client.ts';
import { createPrimarySandboxes } from '../../adapters/etcd/primary-sandboxes.ts';
import { ipNumbers } from '../../adapters/ip/ip-numbers.ts';
import { openLeaseFiles } from '../../adapters/primary/lease-files.ts';
import type { LeaseStore } from '../../domain/ports/lease-store.ts';
import type { PrimarySandboxes } from '../../domain/ports/primary-sandboxes.ts';
import { podRange } from '../../domain/primary/addressing.ts';
import type { LeaseRange } from '../../domain/primary/leases.ts';
import { sandboxOf, type PrimarySandbox } from '../../domain/primary/sandbox.ts';

export interface SandboxNode {
  readonly leases: LeaseStore;
  readonly records: PrimarySandboxes;
  readonly activities: SandboxActivities;
  /** What the kernel was asked for, and what the steps have hit: `unwire pwp…`, `check pwp…`. */
  readonly asked: string[];
  /** By failpoint: how often it fails still. */
  readonly faults: Map<string, number>;
  /** What a look into the kernel finds missing. */
  missing: readonly string[];
  /** Whether the runtime tells of sandboxes. */
  isListed: boolean;
  add(sandboxId: string): Promise<PrimarySandbox>;
  release(sandboxId: string): Promise<void>;
  /** The highest number of a lease of the sandbox. */
  sequenceOf(sandboxId: string): number;
  close(): Promise<void>;
}

const RANGES: readonly LeaseRange[] = ['10.1.1.0/24', 'fd00:1::/64'].map((text) => {
  const subnet = ipNumbers.subnet(text);
  if (subnet === undefined) throw new Error(text);
  return { ...podRange(subnet), text, excluded: [] };
});

export async function startSandboxNode(node: string, etcd: Etcd): Promise<SandboxNode> {
  const dir = mkdtempSync(join(tmpdir(), 'podwire-sandbox-node-'));
  const leases = await openLeaseFiles({ dir: join(dir, 'leases'), restMs: 60_000, ip: ipNumbers });
  const records = createPrimarySandboxes(etcd, ipNumbers, '/vnf-agent/');
  const asked: string[] = [];
  const faults = new Map<string, number>();
  const world = { missing: [] as readonly string[], isListed: true };
  const steps = createSandboxSteps({
    ...{ node, leases, records, ip: ipNumbers, mtu: () => 1450, subnets: { ranges: RANGES } },
    wiring: {
      wire: async () => [],
      check: async (_, { hostName }) => {
        asked.push(`check ${hostName}`);
        return world.missing;
      },
      unwire: async ({ hostName }) => asked.push(`unwire ${hostName}`) > 0,
    },
    links: {
      open: async (path) => ({ identity: { path, inode: '1', ctimeNs: '1' }, close: async () => undefined }),
    },
    runtime: {
      describe: async (id) =>
        world.isListed
          ? {
              ...{ id, podUid: 'u', namespace: 'shop', name: id, ready: true, createdAt: '1' },
              ...{ hostNetwork: false, netnsPath: `/run/netns/${id}`, podIPs: [] },
            }
          : undefined,
    },
    failpoints: {
      hit: async (name) => {
        const left = faults.get(name) ?? 0;
        if (left === 0) return;
        faults.set(name, left - 1);
        asked.push(`failed ${name}`);
        throw new Error(`failpoint ${name}`);
      },
    },
  });
  const found = (sandboxId: string): PrimarySandbox => {
    const sandbox = sandboxOf(leases.leases(), sandboxId, ipNumbers);
    if (sandbox === undefined) throw new Error(`there is no lease of ${sandboxId}`);
    return sandbox;
  };
  return Object.assign(world, {
    ...{ leases, records, asked, faults, activities: sandboxActivities(steps) },
    add: async (sandboxId: string) => {
      await leases.allocate({ sandboxId, ifName: 'eth0', pod: { namespace: 'shop', name: sandboxId } }, RANGES);
      return found(sandboxId);
    },
    release: async (sandboxId: string) => void (await leases.release({ sandboxId, ifName: 'eth0' })),
    sequenceOf: (sandboxId: string) =>
      Math.max(...leases.leases().flatMap((lease) => (lease.sandboxId === sandboxId ? [lease.sequence] : []))),
    close: async () => {
      await leases.close();
      rmSync(dir, { recursive: true });
    },
  });
}
