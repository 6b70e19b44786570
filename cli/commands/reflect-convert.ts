/** `podwire reflect convert`: Kubernetes objects in, etcd keys and values out. */
import type { Command } from 'commander';

/** Adds the command to the group. */
export function register(group: Command): void {
  group.command('convert').description('Shows the etcd key and value of Kubernetes objects.');
}
