/** `podwire primary`: pods on podwire's primary network, as etcd has them. */
import type { Command } from 'commander';
import { etcdSettings } from '../../config/etcd.ts';
import { hooksLeft } from '../../domain/primary/sandbox.ts';
import { addSettings, settingsOf } from '../command-settings.ts';
import { podArgument } from '../pod-argument.ts';
import { textTable } from '../text-table.ts';
import { withEtcd } from '../with-etcd.ts';

/** Adds the command to the program. */
export function register(program: Command): void {
  const command = program
    .command('primary')
    .description("Pods on podwire's primary network, with the ends of their pairs and their addresses.")
    .argument('[namespace/pod]', 'only this one');
  addSettings(command, etcdSettings).action(async (text: string | undefined) => {
    const wanted = text === undefined ? undefined : podArgument(text);
    const { listPrimarySandboxes } = await import('../../adapters/etcd/primary-sandboxes.ts');
    const all = await withEtcd(settingsOf(command, etcdSettings), listPrimarySandboxes);
    const shown = all.filter(
      ({ pod }) => wanted === undefined || (pod.namespace === wanted.namespace && pod.name === wanted.name),
    );
    const rows = shown.flatMap(({ node, pod, sandboxId, interfaces, postAdd }) =>
      interfaces.map(({ name, hostInterface, addresses }) => [
        ...[node, `${pod.namespace}/${pod.name}`, name, hostInterface, addresses.join(',')],
        ...[hooksLeft(postAdd).join(','), sandboxId],
      ]),
    );
    const head = ['node', 'pod', 'interface', 'on node', 'addresses', 'hooks left', 'sandbox'];
    process.stdout.write(
      textTable(
        head,
        rows.toSorted((one, other) => one.join().localeCompare(other.join())),
      ),
    );
  });
}
