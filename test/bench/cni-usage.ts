/** What a part of the lab uses: CPU time, memory and its peak, open files; and what podwire keeps on disk and in etcd. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Lab, LabNode } from '../../deploy/lab/lab.ts';
import { nodePart, ORCHESTRATOR_PART, WATCHER_PART } from '../../deploy/lab/podwire.ts';
import { readKeys } from '../lab/records.ts';
import type { MeasuredPodwire } from './measured-podwire.ts';
import { pidsOf, usageOf } from './process-usage.ts';

export const podwireParts = (nodes: readonly LabNode[]): string[] => [
  WATCHER_PART,
  ORCHESTRATOR_PART,
  ...nodes.map(({ name }) => nodePart(name)),
];
/** Of the lab, and used by podwire. */
export const BACKENDS = ['temporal', 'podwire-etcd', 'kube-apiserver', 'etcd'];

/** CPU milliseconds of each part so far, its ended children included. */
export const cpuOf = (podwire: MeasuredPodwire, parts: readonly string[]): ReadonlyMap<string, number> =>
  new Map(
    parts.map((part) => {
      const { ownMs, childrenMs } = usageOf(podwire, part);
      return [part, ownMs + childrenMs];
    }),
  );

/** Makes the present memory of a part its peak (proc(5), clear_refs). */
export function forgetPeak(podwire: MeasuredPodwire, part: string): void {
  for (const pid of pidsOf(podwire, part)) writeFileSync(`/proc/${pid}/clear_refs`, '5');
}

/** Largest resident memory since `forgetPeak`, in MiB, of all replicas together; without their children. */
export function peakMiB(podwire: MeasuredPodwire, part: string): number {
  const peaks = pidsOf(podwire, part).map(
    (pid) => /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1],
  );
  return peaks.reduce((sum, peak) => sum + Number(peak) / 1024, 0);
}

export const openFiles = (podwire: MeasuredPodwire, part: string): number =>
  pidsOf(podwire, part).reduce((sum, pid) => sum + readdirSync(`/proc/${pid}/fd`).length, 0);

/** Files below the folders that podwire and the plugins keep on a node. */
export function nodeFiles({ root, cniLibDir }: LabNode): Record<'podwire' | 'journal' | 'plugins', number> {
  return {
    podwire: filesBelow(join(root, '/run/podwire')),
    journal: filesBelow(join(root, '/var/lib/podwire/cni')),
    plugins: filesBelow(cniLibDir),
  };
}

/** Keys of podwire's etcd by their first word: `attachments`, `pods`, … */
export async function keysByKind(lab: Lab): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  for (const { key } of await readKeys(lab)) {
    const kind = key.split('/')[2] ?? key;
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return counts;
}

function filesBelow(folder: string): number {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => !entry.isDirectory()).length;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
}
