/** What a part of the lab uses: CPU time, memory and its peak, open files; and what podwire keeps on disk and in etcd. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { partPid, type Lab, type LabNode } from '../../deploy/lab/lab.ts';
import { nodePart, ORCHESTRATOR_PART, WATCHER_PART } from '../../deploy/lab/podwire.ts';
import { readKeys } from '../lab/records.ts';
import { usageOf } from './process-usage.ts';

export const podwireParts = (nodes: readonly LabNode[]): string[] => [
  WATCHER_PART,
  ORCHESTRATOR_PART,
  ...nodes.map(({ name }) => nodePart(name)),
];
/** Of the lab, and used by podwire. */
export const BACKENDS = ['temporal', 'podwire-etcd', 'kube-apiserver', 'etcd'];

/** CPU milliseconds of each part so far, its ended children included. */
export const cpuOf = (lab: Lab, parts: readonly string[]): ReadonlyMap<string, number> =>
  new Map(
    parts.map((part) => {
      const { ownMs, childrenMs } = usageOf(lab, part);
      return [part, ownMs + childrenMs];
    }),
  );

/** Makes the present memory of a part its peak (proc(5), clear_refs). */
export function forgetPeak(lab: Lab, part: string): void {
  writeFileSync(`/proc/${pidOf(lab, part)}/clear_refs`, '5');
}

/** Largest resident memory since `forgetPeak`, in MiB; without the children. */
export function peakMiB(lab: Lab, part: string): number {
  const peak = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pidOf(lab, part)}/status`, 'utf8'))?.[1];
  return Number(peak) / 1024;
}

export const openFiles = (lab: Lab, part: string): number => readdirSync(`/proc/${pidOf(lab, part)}/fd`).length;

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

function pidOf(lab: Lab, part: string): number {
  const pid = partPid(lab, part);
  if (pid === undefined) throw new Error(`${part} does not run in lab ${lab.name}`);
  return pid;
}
