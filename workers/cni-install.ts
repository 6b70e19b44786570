/**
 * Puts podwire's CNI plugin on a node, or takes it away: a command of the node worker's image, for its init container and for the end.
 * What has the runtime call the plugin is written by the node worker itself, when it serves.
 */
import { Command, InvalidArgumentError } from 'commander';
import { join } from 'node:path';
import {
  installPlugin,
  PLUGIN_NAMES,
  removeConfigurations,
  type PluginName,
} from '../adapters/cni-server/installation.ts';
import { removeFile } from '../adapters/host/whole-files.ts';

const print = (line: string): void => void process.stdout.write(`${line}\n`);

const program = new Command('cni-install').description("podwire's CNI plugin on a node");
program
  .command('install')
  .requiredOption('--from <file>', 'the executable')
  .requiredOption('--to <folder>', "the runtime's folder of plugins")
  .option('--names <names>', `names to install it by, of ${PLUGIN_NAMES.join(',')}`, namesOf, [PLUGIN_NAMES[0]])
  .action(async ({ from, to, names }: { from: string; to: string; names: PluginName[] }) => {
    await installPlugin(from, to, names);
    print(`${names.join(', ')} installed in ${to}`);
  });
program
  .command('remove')
  .option('--configurations <folder>', "the runtime's folder of network configurations")
  .option(
    '--plugins <folder>',
    "the runtime's folder of plugins, once no pod is left whose network was made through it",
  )
  .option('--names <names>', 'names to remove', namesOf, [PLUGIN_NAMES[0]])
  .action(async (o: { configurations?: string; plugins?: string; names: PluginName[] }) => {
    if (o.configurations !== undefined) {
      const removed = await removeConfigurations(o.configurations);
      print(removed.length > 0 ? `${removed.join(', ')} removed` : 'no configuration of podwire was there');
    }
    if (o.plugins === undefined) return;
    for (const name of o.names)
      print(`${name} ${(await removeFile(join(o.plugins, name))) ? 'removed' : 'was not there'}`);
  });
await program.parseAsync();

function namesOf(text: string): PluginName[] {
  const names = text.split(',');
  const known = PLUGIN_NAMES.filter((name) => names.includes(name));
  if (known.length !== names.length) throw new InvalidArgumentError(`allowed: ${PLUGIN_NAMES.join(',')}`);
  return known;
}
