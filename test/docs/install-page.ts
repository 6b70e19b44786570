/** docs/install.md with the rules that its blocks keep to. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../runner/groups.ts';
import { readPage, type Page, type PageStep } from './page-commands.ts';

/** Why a block may be left out; each is about what a machine without a way out cannot have. */
const REASONS: readonly string[] = ['needs a registry of images'];

const PROGRAMS: readonly string[] = ['kubectl', 'helm', 'temporal', 'etcdctl', 'podwire', 'buildah', 'openssl'];

export const installPage = (): Page =>
  readPage(readFileSync(join(ROOT, 'docs/install.md'), 'utf8'), { reasons: REASONS, programs: PROGRAMS });

/** @throws Error when the page has no such group: its test would pass without having run anything */
export function stepsOfPage(group: string): readonly PageStep[] {
  const steps = installPage().groups.get(group);
  if (steps === undefined) throw new Error(`docs/install.md has no block of group ${group}`);
  return steps;
}
