/**
 * Which files of the long groups a run takes.
 *
 * All of them together with the rest of the suite take longer than a merge may wait, so that a run takes what looks at every part, and a
 * third of what looks at one part for long; its seed, which it prints, says which. Three runs with the seeds 0, 1 and 2 take every file,
 * and so does `npm run test:everything` alone.
 */
import { basename } from 'node:path';

/** In every run. */
const ALWAYS = ['cni-crash-points', 'crash-points', 'outages', 'primary-crash-points'];

/** Each third takes about eight minutes. */
const THIRDS = [
  [
    'agents',
    'cni-chain',
    'cold-plug-crash-points',
    'cut-off',
    'join-storm',
    'migration',
    'multus',
    'node-gone',
    'primary-node-lives',
    'thousand-sandboxes',
  ],
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
    'primary-churn',
    'primary-hooks',
    'slow-dependencies',
    'teardown',
    'temporal-lost',
    'worker-stopped',
  ],
];

/** What the installed group looks at in turns: each brings podwire in another way, with a minute or two of applying and waiting. */
const INSTALLED_IN_TURNS = ['cni-server', 'existing', 'stores'];

const nameOf = (file: string): string => basename(file, '.test.ts');

export interface Chosen {
  readonly chosen: string[];
  /** Names of those that other seeds take. */
  readonly left: string[];
}

/** Of test/full. @throws Error when a file stands in no list or a list names a file that is not there */
export function chosenBySeed(files: readonly string[], seed: number): Chosen {
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
  return parted(files, (file) => taken.has(nameOf(file)));
}

/**
 * Of the installed group: what looks at every part, and one of what looks at one way to bring podwire.
 * @throws Error when a file that is listed is not there
 */
export function installedBySeed(files: readonly string[], seed: number): Chosen {
  const missing = INSTALLED_IN_TURNS.filter((name) => !files.some((file) => nameOf(file) === name));
  if (missing.length > 0) throw new Error(`test/runner/by-seed.ts: listed and not there: ${missing.join(', ')}`);
  return parted(files, (file) => {
    const turn = INSTALLED_IN_TURNS.indexOf(nameOf(file));
    return turn === -1 || turn === seed % INSTALLED_IN_TURNS.length;
  });
}

/** Every third file: of what has run on this machine's Node already. */
export function everyThird(files: readonly string[], seed: number): Chosen {
  return parted(files, (_file, index) => index % 3 === seed % 3);
}

function parted(files: readonly string[], isTaken: (file: string, index: number) => boolean): Chosen {
  const chosen = files.filter(isTaken);
  return { chosen, left: files.filter((file) => !chosen.includes(file)).map(nameOf) };
}
