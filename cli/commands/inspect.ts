/** `podwire inspect`: networks as kube-vxlan-controller shows them, and pods, which it promised to. */
import type { Command } from 'commander';
import { networksAnswer, podsAnswer } from '../inspect/answers.ts';
import { fieldsOf } from '../inspect/render.ts';
import { addInspectSettings, inspecting } from '../inspect/session.ts';
import { netsText, podsText, shownNetworks, shownPods } from '../inspect/texts.ts';
import { addOutput, print, type OutputOption } from '../output.ts';
import { tell } from '../tell.ts';

const FIELDS_HELP = "any of pod,net,fdb,dev,route, separated by commas, or 'all'";

interface FieldsOption extends OutputOption {
  readonly fields: string;
}

/** Adds the commands to the program. */
export function register(program: Command): void {
  const inspect = program.command('inspect').description('Shows networks or pods with what their kernels say.');
  const nets = inspect
    .command('nets')
    .alias('networks')
    .description(
      'Members of networks, in the form of kube-vxlan-controller. Exit code 1: a node or a pod did not answer.',
    )
    .argument('<net...>', 'names of networks')
    .option('--fields <fields>', FIELDS_HELP, 'pod,net,fdb');
  addInspectSettings(addOutput(nets)).action((names: string[], options: FieldsOption) =>
    inspecting(nets, async ({ pods, look }) => {
      const fields = fieldsOf(options.fields);
      const networks = await shownNetworks(pods, names, fields, look);
      await print(networksAnswer(networks, fields), options, () => netsText(networks, fields));
    }),
  );
  const pods = inspect
    .command('pods')
    .description('All networks of pods. Exit code 1: there is no such pod, or it did not answer.')
    .argument('<pod...>', 'pods as NAMESPACE/POD, or names of pods in any namespace')
    .option('--fields <fields>', FIELDS_HELP, 'net,fdb,dev,route');
  addInspectSettings(addOutput(pods)).action((names: string[], options: FieldsOption) =>
    inspecting(pods, async ({ pods: all, look }) => {
      const found = names.flatMap((name) => {
        const matching = all.filter(({ pod }) => pod.name === name || `${pod.namespace}/${pod.name}` === name);
        if (matching.length === 0)
          tell(`no pod ${JSON.stringify(name)} that has the label and runs its agent, or just runs`);
        return matching;
      });
      const fields = fieldsOf(options.fields);
      const shown = await shownPods(found, fields, look);
      await print(podsAnswer(shown, fields), options, () => podsText(shown, fields));
    }),
  );
}
