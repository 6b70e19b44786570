/** `podwire reflect …`: Kubernetes state in etcd for the readers of KSR's tree. */
import type { Command } from 'commander';
import { register as registerConvert } from './reflect-convert.ts';
import { register as registerState } from './reflect-state.ts';

/** Adds the group to the program; each of its commands is a file `reflect-*.ts`. */
export function register(program: Command): void {
  const group = program.command('reflect').description('Kubernetes state in etcd, as Contiv KSR laid it out.');
  registerConvert(group);
  registerState(group);
}
