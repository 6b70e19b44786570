/** What images are made of, as one hash: the same hash, the same images. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { attempt, findProgram } from './commands.ts';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** What .dockerignore lets through. */
export const INPUTS: readonly string[] = [
  ...['package.json', 'package-lock.json', '.npmrc', '.dockerignore', 'tsconfig.json', 'tsconfig.build.json'],
  ...['domain', 'workflows', 'activities', 'adapters', 'config', 'workers', 'watcher', 'cli', 'cni', 'deploy/images'],
];

export interface Revision {
  /** Of the last commit that touched an input, with `-dirty` when a file differs from it; empty outside a checkout. */
  readonly commit: string;
  /** ISO 8601, of that commit. */
  readonly date: string;
}

/** The commit that the sources of images come from. @param root of a checkout, or of a copy of the sources */
export async function revision(root = ROOT): Promise<Revision> {
  if (findProgram('git') === undefined) return { commit: '', date: '' };
  // Another user's checkout is read, nothing of it is run.
  const git = ['-c', `safe.directory=${root.replace(/\/$/, '')}`, '-C', root];
  const last = await attempt('git', [...git, 'log', '-1', '--format=%H %cI', '--', ...INPUTS]);
  const [commit = '', date = ''] = last.code === 0 ? last.stdout.trim().split(' ') : [];
  if (commit === '') return { commit, date };
  const changed = await attempt('git', [...git, 'status', '--porcelain', '--', ...INPUTS]);
  return { commit: changed.stdout.trim() === '' ? commit : `${commit}-dirty`, date };
}

/** @param more further strings that decide what the images are */
export function inputsHash(more: readonly string[], root = ROOT): string {
  const hash = createHash('sha256').update(JSON.stringify(more));
  for (const file of INPUTS.flatMap((input) => filesBelow(join(root, input)))) {
    hash.update(`\0${relative(root, file)}\0${statSync(file).mode & 0o111}\0`).update(readFileSync(file));
  }
  return hash.digest('hex').slice(0, 16);
}

function filesBelow(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path)
    .sort()
    .flatMap((entry) => filesBelow(join(path, entry)));
}
