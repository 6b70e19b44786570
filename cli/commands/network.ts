/** `podwire network add|del POD NET`: edits the pod's annotation, as Kaloom's helper scripts did, and nothing else. */
import { Option, type Command } from 'commander';
import { withNetwork, withoutNetwork, type ListDialect, type NamedNetwork } from '../../domain/pod/annotation-edit.ts';
import { isCniInterfaceName } from '../../domain/cni/interface-name.ts';
import { DEFAULT_DIALECT_SETTINGS, KALOOM_ANNOTATION, NPWG_NETWORKS_ANNOTATION } from '../../domain/settings.ts';
import { addSettings, settingsOf } from '../command-settings.ts';
import { apiSettings, openApi } from '../kube-api.ts';
import { podArgument, podText, type PodName } from '../pod-argument.ts';
import { UsageError } from '../usage-error.ts';

interface NetworkOptions {
  readonly dialect: ListDialect;
  readonly interface?: string;
}

/** Others edit pods too; each time the annotation is read again. */
const MAX_CONFLICTS = 5;
const NETWORK = /^(?:([a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?)\/)?([a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?)$/;

/** Adds the command to the program. */
export function register(program: Command): void {
  const group = program.command('network').description("Adds a network to a pod's annotation, or takes one out.");
  const dialect = (): Option =>
    new Option('--dialect <name>', 'whose annotation').choices(['npwg', 'kaloom']).default('npwg');
  for (const [verb, text] of [
    ['add', 'Adds a network; exit code 0 also when it is there already.'],
    ['del', 'Takes a network out; exit code 0 also when it is not there.'],
  ] as const) {
    const command = group
      .command(verb)
      .description(text)
      .argument('<namespace/pod>', 'the pod')
      .argument('<network>', 'name of the network, or NAMESPACE/NAME')
      .option('--interface <name>', 'interface in the pod (NPWG only)')
      .addOption(dialect());
    addSettings(command, apiSettings).action((pod: string, network: string, options: NetworkOptions) =>
      edit(verb, podArgument(pod), network, options, command),
    );
  }
}

async function edit(
  verb: 'add' | 'del',
  pod: PodName,
  networkText: string,
  options: NetworkOptions,
  command: Command,
): Promise<void> {
  const { dialect } = options;
  const network = networkArgument(networkText, options);
  const [{ podKeys }, { getPod, patchAnnotations }] = await Promise.all([
    import('../../adapters/kubernetes/pod-view.ts'),
    import('../../adapters/kubernetes/pods.ts'),
  ]);
  const key = dialect === 'npwg' ? NPWG_NETWORKS_ANNOTATION : KALOOM_ANNOTATION;
  const keys = podKeys({ ...DEFAULT_DIALECT_SETTINGS, kaloom: { ...DEFAULT_DIALECT_SETTINGS.kaloom, enabled: true } });
  const kube = await openApi(settingsOf(command, apiSettings));
  try {
    for (let conflicts = 0; conflicts < MAX_CONFLICTS; conflicts += 1) {
      const found = await getPod(kube, keys, pod.namespace, pod.name);
      if (found === undefined) throw new UsageError(`there is no pod ${podText(pod)}`);
      const change = verb === 'add' ? withNetwork : withoutNetwork;
      const edited = change(dialect, found.annotations[key], network, pod.namespace);
      if (edited.kind === 'unreadable') {
        throw new UsageError(
          `annotation ${key} of ${podText(pod)} ${edited.why}; it was left as it is, correct it first`,
        );
      }
      if (edited.kind === 'unchanged') return said(verb, pod, networkText, 'nothing to change');
      const value = edited.value ?? null;
      const outcome = await patchAnnotations(kube, found, {
        annotations: { [key]: value },
        asRead: found.resourceVersion,
        through: 'pod',
      });
      if (outcome === 'patched') return said(verb, pod, networkText, `${key}=${value ?? ''}`);
      if (outcome === 'gone') throw new UsageError(`pod ${podText(pod)} was deleted meanwhile`);
    }
    throw new UsageError(`pod ${podText(pod)} is being edited by others all the time; try again`);
  } finally {
    kube.close();
  }
}

function networkArgument(text: string, options: NetworkOptions): NamedNetwork {
  const [, namespace = '', name] = NETWORK.exec(text) ?? [];
  const interfaceName = options.interface ?? '';
  if (name === undefined)
    throw new UsageError(`${JSON.stringify(text)} is no network; expected NAME or NAMESPACE/NAME`);
  if (options.dialect === 'kaloom' && (namespace !== '' || interfaceName !== '')) {
    throw new UsageError("Kaloom's networks have neither a namespace nor an interface name of their own");
  }
  if (interfaceName !== '' && !isCniInterfaceName(interfaceName)) {
    throw new UsageError(
      `--interface ${JSON.stringify(interfaceName)} is no interface name; allowed: 1 to 15 letters, digits, ".", "_" and "-"`,
    );
  }
  return { namespace, name, interfaceName };
}

function said(verb: 'add' | 'del', pod: PodName, network: string, what: string): void {
  process.stdout.write(`${verb} ${network}: ${podText(pod)}: ${what}\n`);
}
