/**
 * Which files of test/full a run takes.
 *
 * All of them together with the rest of the suite take longer than a merge may wait, so that a run takes what looks at every part, and a
 * third of what looks at one part for long; its seed, which it prints, says which. Three runs with the seeds 0, 1 and 2 take every file,
 * and so does `npm run test:everything` alone.
 */
import { basename } from 'node:path';

/** In every run. */
const ALWAYS = ['cni-crash-points', 'crash-points', 'outages'];

/** Each third takes about eight minutes. */
const THIRDS = [
  ['agents', 'cni-chain', 'cold-plug-crash-points', 'cut-off', 'join-storm', 'migration', 'multus', 'node-gone'],
  [
    'cni-edit-crash-points',
    'cni-figures',
    'cni-long-outage',
    'cni-plugin-disappears',
    'cni-reboot',
    'reflect-outages',
    'slow-burst',
  ],
  [
    'etcd-lost',
    'gate-kept-shut',
    'lab-life',
    'list-pods',
    'slow-dependencies',
    'teardown',
    'temporal-lost',
    'worker-stopped',
  ],
];

const nameOf = (file: string): string => basename(file, '.test.ts');

/** @throws Error when a file stands in no list or a list names a file that is not there */
export function chosenBySeed(files: readonly string[], seed: number): { chosen: string[]; left: string[] } {
  const known = [...ALWAYS, ...THIRDS.flat()];
  const names = files.map(nameOf);
  const unlisted = names.filter((name) => !known.includes(name));
  const missing = known.filter((name) => !names.includes(name));
  if (unlisted.length + missing.length > 0) {
    throw new Error(
      `test/runner/by-seed.ts: in no list: ${unlisted.join(', ') || 'none'}; listed and not there: ${missing.join(', ') || 'none'}`,
    );
  }
  const taken = new Set([...ALWAYS, ...(THIRDS[seed % THIRDS.length] ?? [])]);
  return {
    chosen: files.filter((file) => taken.has(nameOf(file))),
    left: names.filter((name) => !taken.has(name)),
  };
}
