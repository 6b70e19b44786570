/** The groups of tests, in the order in which they run: what fails fast comes first. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NODE_VERSION } from '../../deploy/lab/node-binary.ts';
import { chosenBySeed, everyThird, installedBySeed, type Chosen } from './by-seed.ts';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface Group {
  readonly name: string;
  /** Below test/; undefined for the checks, which are programs. */
  readonly folder?: string;
  /** Test files at once. One where they share a thing that some of them break. */
  readonly concurrency: number;
  readonly needsLab: boolean;
  /** How podwire runs in the lab: `manifests` (pods; the default) or `host` (processes, for failpoints and signals). */
  readonly podwire?: 'manifests' | 'host';
  readonly limitMs: number;
  /** Only with --full; may be empty. */
  readonly fullOnly?: boolean;
  /** By the Node of the images, not by this machine's. */
  readonly onNodeOfImages?: boolean;
  /** Which of its files a seed takes; all of them without one. */
  readonly bySeed?: (files: readonly string[], seed: number) => Chosen;
}

const minutes = (count: number): number => count * 60_000;

const WITHOUT_LAB: readonly Group[] = [
  { name: 'checks', concurrency: 1, needsLab: false, limitMs: minutes(10) },
  { name: 'unit', folder: 'unit', concurrency: 2, needsLab: false, limitMs: minutes(10) },
  { name: 'replay', folder: 'replay', concurrency: 2, needsLab: false, limitMs: minutes(10) },
  // What kubectl and helm make of what is shipped: both are built into a cache at the first use.
  { name: 'deploy', folder: 'deploy', concurrency: 2, needsLab: false, limitMs: minutes(30) },
  { name: 'kernel', folder: 'kernel', concurrency: 2, needsLab: false, limitMs: minutes(10) },
  // The CNI plugin's executable, which is made at the first use.
  { name: 'cni-server', folder: 'cni-server', concurrency: 2, needsLab: false, limitMs: minutes(10) },
  { name: 'etcd', folder: 'etcd', concurrency: 3, needsLab: false, limitMs: minutes(10) },
  { name: 'workflows', folder: 'workflows', concurrency: 2, needsLab: false, limitMs: minutes(15) },
];

const WITH_LAB: readonly Group[] = [
  { name: 'watcher', folder: 'watcher', concurrency: 2, needsLab: true, limitMs: minutes(5) },
  { name: 'lab', folder: 'lab', concurrency: 1, needsLab: true, limitMs: minutes(20) },
  { name: 'cli', folder: 'cli', concurrency: 1, needsLab: true, limitMs: minutes(10) },
  { name: 'hosted', folder: 'hosted', concurrency: 1, needsLab: true, podwire: 'host', limitMs: minutes(15) },
  { name: 'faults', folder: 'faults', concurrency: 1, needsLab: true, podwire: 'host', limitMs: minutes(20) },
  // Makes a lab of its own, whose only network is podwire; the other one is not used meanwhile.
  { name: 'primary', folder: 'primary', concurrency: 1, needsLab: true, podwire: 'host', limitMs: minutes(10) },
  {
    ...{ name: 'full', folder: 'full', concurrency: 1, needsLab: true, podwire: 'host', limitMs: minutes(75) },
    fullOnly: true,
    bySeed: chosenBySeed,
  },
  // The long ones about podwire as pods.
  {
    ...{ name: 'installed', folder: 'installed', concurrency: 1, needsLab: true, limitMs: minutes(30) },
    fullOnly: true,
    bySeed: installedBySeed,
  },
];

export const majorOf = (version: string): string => version.split('.')[0] ?? '';

/** What podwire runs on as pods may do otherwise than what it runs on here. */
const AGAIN: readonly Group[] = WITHOUT_LAB.filter(({ name }) => ['unit', 'replay', 'workflows'].includes(name)).map(
  (group) => ({
    ...{ ...group, name: `${group.name}-node${majorOf(NODE_VERSION)}`, fullOnly: true, onNodeOfImages: true },
    bySeed: everyThird,
  }),
);

export const GROUPS: readonly Group[] = [...WITHOUT_LAB, ...AGAIN, ...WITH_LAB];

/** Absolute paths of a group's test files, sorted; empty when the folder does not exist. */
export function testFiles(group: Group): string[] {
  if (group.folder === undefined) return [];
  const folder = join(ROOT, 'test', group.folder);
  let found: string[];
  try {
    found = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  return found
    .filter((file) => file.endsWith('.test.ts'))
    .sort()
    .map((file) => join(folder, file));
}
