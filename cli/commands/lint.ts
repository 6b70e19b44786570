/** `podwire lint`: what podwire would make of an annotation, before it is on a pod. The same parser as the controllers'. */
import { Option, type Command } from 'commander';
import { ipCodec } from '../../adapters/ip/ip-codec.ts';
import type { NetworkSelection, ParsedSelections, SelectionProblem } from '../../domain/network-selection.ts';
import { MAX_ANNOTATION_BYTES } from '../../domain/openvnf/annotation.ts';
import { parseConfigMap, type DeclaredNetworks } from '../../domain/openvnf/config-map.ts';
import { isDnsLabel } from '../../domain/openvnf/names.ts';
import { parseSelections } from '../../domain/openvnf/selections.ts';
import type { PodView } from '../../domain/pod-view.ts';
import { DEFAULT_DIALECT_SETTINGS, type DialectSettings } from '../../domain/settings.ts';
import { readConfigMapFile } from '../config-map-file.ts';
import { nameOf, readText } from '../text-source.ts';
import { UsageError } from '../usage-error.ts';

/** Beyond the parser's own limit, so that an annotation slightly too long is a finding and not a failure to read. */
const MAX_INPUT_BYTES = 16 * MAX_ANNOTATION_BYTES;

const EXIT_PROBLEMS = 2;

interface LintOptions {
  readonly configmap?: string;
  readonly namespace: string;
  readonly inlineScope: DialectSettings['inlineScope'];
}

/** Adds the command to the program. */
export function register(program: Command): void {
  program
    .command('lint')
    .description(
      'Checks an annotation: prints its networks as JSON (exit code 0), or every mistake with its place (exit code 2).',
    )
    .argument('<file>', 'file with the value of the annotation, or - for standard input')
    .addOption(new Option('--dialect <name>', 'dialect of the annotation').choices(['openvnf']).default('openvnf'))
    .option(
      '--configmap <file>',
      'ConfigMap that declares networks: manifest (YAML or JSON) or "network: options" lines',
    )
    .option('-n, --namespace <name>', 'namespace of the pod', 'default')
    .addOption(
      new Option('--inline-scope <scope>', 'what a network belongs to that only the annotation declares')
        .choices(['namespace', 'cluster'])
        .default(DEFAULT_DIALECT_SETTINGS.inlineScope),
    )
    .action(lint);
}

async function lint(file: string, options: LintOptions): Promise<void> {
  if (!isDnsLabel(options.namespace)) {
    throw new UsageError(
      `--namespace ${JSON.stringify(options.namespace)} is no namespace; allowed: 1 to 63 lower-case letters, digits and "-"`,
    );
  }
  if (file === '-' && options.configmap === '-') throw new UsageError('only one of annotation and ConfigMap can be -');
  const annotation = await readText(file, MAX_INPUT_BYTES);
  const declared: DeclaredNetworks | 'absent' =
    options.configmap === undefined ? 'absent' : parseConfigMap(await readConfigMapFile(options.configmap), ipCodec);
  const settings = { ...DEFAULT_DIALECT_SETTINGS, inlineScope: options.inlineScope };
  const parsed = parseSelections({
    pod: podWith(annotation, options.namespace, settings),
    declared,
    settings,
    ip: ipCodec,
  });
  const warnings = [...parsed.warnings, ...(declared === 'absent' ? [] : brokenElsewhere(declared, parsed))];
  if (parsed.problems.length === 0) {
    const result = { networks: parsed.selections.map(described), warnings };
    process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
    return;
  }
  const place = nameOf(file);
  for (const found of parsed.problems) process.stderr.write(`${line(place, 'error', found)}\n`);
  for (const found of warnings) process.stderr.write(`${line(place, 'warning', found)}\n`);
  process.exitCode = EXIT_PROBLEMS;
}

function podWith(annotation: string, namespace: string, settings: DialectSettings): PodView {
  return {
    uid: '',
    namespace,
    name: '',
    nodeName: '',
    hostNetwork: false,
    phaseClass: 'waiting',
    deleting: false,
    podIPs: [],
    labels: { [settings.selector]: 'true' },
    annotations: { [settings.annotation]: annotation },
    publishedStatus: undefined,
  };
}

/** Broken entries that this annotation does not name: no mistake of the pod's, yet worth knowing. */
function brokenElsewhere(declared: DeclaredNetworks, parsed: ParsedSelections): SelectionProblem[] {
  return [...declared.broken]
    .filter(([network]) => !parsed.keep.includes(network))
    .flatMap(([, problems]) => problems)
    .map((found) => ({ ...found, message: `ConfigMap entry: ${found.message}` }));
}

const line = (place: string, kind: string, found: SelectionProblem): string =>
  `${place}:${found.line === undefined ? '' : `${found.line}:`} ${kind}: ${found.message} [${found.code}]`;

function described({ network, link }: NetworkSelection) {
  return {
    network: network.name,
    scope: network.scope,
    interface: link.interfaceName,
    id: link.vni,
    dstport: link.dstPort,
    dev: link.parent,
    ...(link.mtu === undefined ? {} : { mtu: link.mtu }),
    up: link.up,
    ips: link.addresses,
    routes: link.routes.map((route) => ({ dst: route.destination, gw: route.gateway })),
    peers: link.peers,
  };
}
