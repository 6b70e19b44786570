/** `podwire list pods`: addresses of pods in their networks, in the form of kube-vxlan-controller. */
import type { Command } from 'commander';
import { addInspectSettings, inspecting } from '../inspect/session.ts';
import { podsListText } from '../inspect/texts.ts';

/** Adds the command to the program. */
export function register(program: Command): void {
  const list = program.command('list').description('Lists pods in the form of kube-vxlan-controller.');
  const pods = list
    .command('pods')
    .description(
      'One line for each IPv4 address: NAMESPACE/POD NETWORK ADDRESS. Exit code 1: a node or a pod did not answer.',
    )
    .argument('[prefix...]', 'only pods whose names begin so');
  addInspectSettings(pods).action((prefixes: string[]) =>
    inspecting(pods, async ({ pods: all, look }) => {
      process.stdout.write(await podsListText(all, prefixes, look));
    }),
  );
}
