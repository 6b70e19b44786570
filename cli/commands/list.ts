/** `podwire list pods`: addresses of pods in their networks, in the form of kube-vxlan-controller. */
import type { Command } from 'commander';
import { listAnswer } from '../inspect/answers.ts';
import { addInspectSettings, inspecting } from '../inspect/session.ts';
import { listedPods, podsListText } from '../inspect/texts.ts';
import { addOutput, print, type OutputOption } from '../output.ts';

/** Adds the command to the program. */
export function register(program: Command): void {
  const list = program.command('list').description('Lists pods in the form of kube-vxlan-controller.');
  const pods = list
    .command('pods')
    .description(
      'One line for each IPv4 address: NAMESPACE/POD NETWORK ADDRESS. Exit code 1: a node or a pod did not answer.',
    )
    .argument('[prefix...]', 'only pods whose names begin so');
  addInspectSettings(addOutput(pods)).action((prefixes: string[], output: OutputOption) =>
    inspecting(pods, async ({ pods: all, look }) => {
      const listed = await listedPods(all, prefixes, look);
      await print(listAnswer(listed), output, () => podsListText(listed));
    }),
  );
}
