/** `podwire ipam …`: cluster-wide pools of addresses. */
import type { Command } from 'commander';
import { register as registerDeclare } from './ipam-declare.ts';
import { register as registerImport } from './ipam-import.ts';
import { register as registerRelease } from './ipam-release.ts';
import { register as registerShow } from './ipam-show.ts';
import { register as registerStatus } from './ipam-status.ts';

/** Adds the group to the program; each of its commands is a file `ipam-*.ts`. */
export function register(program: Command): void {
  const group = program.command('ipam').description('Cluster-wide pools of addresses, and who has which.');
  registerStatus(group);
  registerShow(group);
  registerDeclare(group);
  registerRelease(group);
  registerImport(group);
}
