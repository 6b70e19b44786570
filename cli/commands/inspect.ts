/** `podwire inspect`: networks as kube-vxlan-controller shows them, and pods, which it promised to. */
import type { Command } from 'commander';
import { fieldsOf } from '../inspect/render.ts';
import { addInspectSettings, inspecting } from '../inspect/session.ts';
import { netsText, podsText } from '../inspect/texts.ts';
import { tell } from '../tell.ts';

const FIELDS_HELP = "any of pod,net,fdb,dev,route, separated by commas, or 'all'";

interface FieldsOption {
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
  addInspectSettings(nets).action((names: string[], { fields }: FieldsOption) =>
    inspecting(nets, async ({ pods, look }) => {
      process.stdout.write(await netsText(pods, names, fieldsOf(fields), look));
    }),
  );
  const pods = inspect
    .command('pods')
    .description('All networks of pods. Exit code 1: there is no such pod, or it did not answer.')
    .argument('<pod...>', 'pods as NAMESPACE/POD, or names of pods in any namespace')
    .option('--fields <fields>', FIELDS_HELP, 'net,fdb,dev,route');
  addInspectSettings(pods).action((names: string[], { fields }: FieldsOption) =>
    inspecting(pods, async ({ pods: all, look }) => {
      const found = names.flatMap((name) => {
        const matching = all.filter(({ pod }) => pod.name === name || `${pod.namespace}/${pod.name}` === name);
        if (matching.length === 0)
          tell(`no pod ${JSON.stringify(name)} that has the label and runs its agent, or just runs`);
        return matching;
      });
      process.stdout.write(await podsText(found, fieldsOf(fields), look));
    }),
  );
}
