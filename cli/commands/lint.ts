/** `podwire lint`: what podwire would make of an annotation, before it is on a pod. The same parser as the controllers'. */
import { createHash } from 'node:crypto';
import { Option, type Command } from 'commander';
import { ipCodec } from '../../adapters/ip/ip-codec.ts';
import type { SettingsTable } from '../../config/cli-flags.ts';
import { dialectSettings } from '../../config/common.ts';
import { parseKaloomSelections } from '../../domain/kaloom/selections.ts';
import type {
  CniSelection,
  Dialect,
  NetworkSelection,
  ParsedSelections,
  SelectionProblem,
  VxlanSelection,
} from '../../domain/network-selection.ts';
import { parseNpwgSelections } from '../../domain/npwg/selections.ts';
import { MAX_ANNOTATION_BYTES } from '../../domain/openvnf/annotation.ts';
import { parseConfigMap, type DeclaredNetworks } from '../../domain/openvnf/config-map.ts';
import { GATEWAY_NOT_ON_LINK } from '../../domain/openvnf/link.ts';
import { isDnsLabel } from '../../domain/openvnf/names.ts';
import { parseSelections } from '../../domain/openvnf/selections.ts';
import type { PodView } from '../../domain/pod-view.ts';
import {
  DEFAULT_DIALECT_SETTINGS,
  KALOOM_ANNOTATION,
  NPWG_NETWORKS_ANNOTATION,
  type DialectSettings,
} from '../../domain/settings.ts';
import { addSettings, settingsOf } from '../command-settings.ts';
import { readConfigMapFile } from '../config-map-file.ts';
import { readDefinitions } from '../definition-files.ts';
import { nameOf, readText } from '../text-source.ts';
import { UsageError } from '../usage-error.ts';

/** Beyond the parser's own limit, so that an annotation slightly too long is a finding and not a failure to read. */
const MAX_INPUT_BYTES = 16 * MAX_ANNOTATION_BYTES;

const EXIT_PROBLEMS = 2;

interface LintOptions {
  readonly dialect: Dialect;
  readonly configmap?: string;
  readonly definitions?: string;
  readonly namespace: string;
  readonly inlineScope?: DialectSettings['inlineScope'];
}

/** What the administrator decides; the same flags and variables as podwire's processes have. */
const lintSettings = {
  compatibility: dialectSettings.compatibility,
  npwgNamespaceIsolation: dialectSettings.npwgNamespaceIsolation,
  npwgSharedNamespaces: dialectSettings.npwgSharedNamespaces,
  kaloomNamespace: dialectSettings.kaloomNamespace,
  cniPluginTypes: dialectSettings.cniPluginTypes,
  cniHostKeys: dialectSettings.cniHostKeys,
} as const satisfies SettingsTable;

/** Adds the command to the program. */
export function register(program: Command): void {
  const command = program
    .command('lint')
    .description(
      'Checks an annotation: prints its networks as JSON (exit code 0), or every mistake with its place (exit code 2).',
    )
    .argument('<file>', 'file with the value of the annotation, or - for standard input')
    .addOption(
      new Option('--dialect <name>', 'dialect of the annotation')
        .choices(['openvnf', 'npwg', 'kaloom'])
        .default('openvnf'),
    )
    .option(
      '--configmap <file>',
      'openvnf: ConfigMap that declares networks, manifest (YAML or JSON) or "network: options" lines',
    )
    .option(
      '--definitions <file>',
      'npwg, kaloom: manifests of NetworkAttachmentDefinitions or Networks (YAML or JSON), to be checked too',
    )
    .option('-n, --namespace <name>', 'namespace of the pod', 'default')
    .addOption(
      new Option(
        '--inline-scope <scope>',
        'openvnf: what a network belongs to that only the annotation declares',
      ).choices(['namespace', 'cluster']),
    );
  addSettings(command, lintSettings).action((file: string, options: LintOptions) => lint(file, options, command));
}

async function lint(file: string, options: LintOptions, command: Command): Promise<void> {
  if (!isDnsLabel(options.namespace)) {
    throw new UsageError(
      `--namespace ${JSON.stringify(options.namespace)} is no namespace; allowed: 1 to 63 lower-case letters, digits and "-"`,
    );
  }
  refuseMisplaced(options);
  if (file === '-' && (options.configmap === '-' || options.definitions === '-')) {
    throw new UsageError(
      `only one of annotation and ${options.configmap === '-' ? 'ConfigMap' : 'definitions'} can be -`,
    );
  }
  const annotation = await readText(file, MAX_INPUT_BYTES);
  const settings = settingsFor(options, command);
  const parsed =
    options.dialect === 'openvnf'
      ? await lintOpenvnf(annotation, options, settings)
      : await lintCni(annotation, options, settings);
  if (parsed.problems.length === 0 && !parsed.warnings.some(isMistake)) {
    const result = { networks: parsed.selections.map(described), warnings: parsed.warnings };
    process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
    return;
  }
  const place = nameOf(file);
  for (const found of parsed.problems) process.stderr.write(`${line(place, 'error', found)}\n`);
  for (const found of parsed.warnings) process.stderr.write(`${line(place, 'warning', found)}\n`);
  process.exitCode = EXIT_PROBLEMS;
}

/** Of the warnings, what changes nothing that is attached and is never meant: the network is there without it. */
const isMistake = ({ code }: SelectionProblem): boolean => code === GATEWAY_NOT_ON_LINK;

function refuseMisplaced({ dialect, configmap, definitions }: LintOptions): void {
  if (dialect !== 'openvnf' && configmap !== undefined) throw new UsageError('--configmap is for --dialect openvnf');
  if (dialect === 'openvnf' && definitions !== undefined) {
    throw new UsageError('--definitions is for --dialect npwg and --dialect kaloom');
  }
}

function settingsFor(options: LintOptions, command: Command): DialectSettings {
  const values = settingsOf(command, lintSettings);
  const { compatibility } = values;
  return {
    ...DEFAULT_DIALECT_SETTINGS,
    inlineScope: options.inlineScope ?? (compatibility === 'podwire' ? 'namespace' : 'cluster'),
    compatibility,
    npwg: {
      enabled: true,
      namespaceIsolation: values.npwgNamespaceIsolation,
      sharedNamespaces: values.npwgSharedNamespaces,
    },
    kaloom: { enabled: true, namespace: values.kaloomNamespace },
    cniPolicy: { pluginTypes: values.cniPluginTypes, hostKeys: values.cniHostKeys },
  };
}

async function lintOpenvnf(annotation: string, options: LintOptions, settings: DialectSettings) {
  const declared: DeclaredNetworks | 'absent' =
    options.configmap === undefined
      ? 'absent'
      : parseConfigMap(await readConfigMapFile(options.configmap), ipCodec, settings.compatibility);
  const labels = { [settings.selector]: 'true' };
  const pod = podWith({ [settings.annotation]: annotation }, options.namespace, labels);
  const parsed = parseSelections({ pod, declared, settings, ip: ipCodec });
  return {
    ...parsed,
    warnings: [...parsed.warnings, ...(declared === 'absent' ? [] : brokenElsewhere(declared, parsed))],
  };
}

/** Without definitions only the annotation is judged: no lookup. */
async function lintCni(annotation: string, options: LintOptions, settings: DialectSettings): Promise<ParsedSelections> {
  const lookup =
    options.definitions === undefined
      ? undefined
      : await readDefinitions(options.definitions, { nad: options.namespace, kaloom: settings.kaloom.namespace });
  const key = options.dialect === 'npwg' ? NPWG_NETWORKS_ANNOTATION : KALOOM_ANNOTATION;
  const pod = podWith({ [key]: annotation }, options.namespace, {});
  return options.dialect === 'npwg'
    ? parseNpwgSelections({ pod, lookup, settings, ip: ipCodec })
    : parseKaloomSelections({ pod, lookup, settings, md5 });
}

const md5 = (text: string): string => createHash('md5').update(text).digest('hex');

function podWith(annotations: PodView['annotations'], namespace: string, labels: PodView['labels']): PodView {
  return {
    uid: '',
    namespace,
    name: '',
    nodeName: '',
    hostNetwork: false,
    phaseClass: 'waiting',
    deleting: false,
    podIPs: [],
    labels,
    annotations,
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

const described = (selection: NetworkSelection) =>
  selection.kind === 'vxlan' ? describedLink(selection) : describedAttachment(selection);

function describedLink({ network, link }: VxlanSelection) {
  return {
    network: network.name,
    scope: network.scope,
    interface: link.interfaceName,
    id: link.vni,
    dstport: link.dstPort,
    ...(link.srcPorts === undefined ? {} : { srcport: `${link.srcPorts.first}-${link.srcPorts.last}` }),
    dev: link.parent,
    ...(link.mtu === undefined ? {} : { mtu: link.mtu }),
    up: link.up,
    ips: link.addresses,
    routes: link.routes.map((route) => ({ dst: route.destination, gw: route.gateway })),
    peers: link.peers,
    ...(link.flood === undefined ? {} : { flood: link.flood }),
  };
}

/** Without an interface podwire chooses a free `netN`. */
function describedAttachment({ network, cni, config }: CniSelection) {
  return {
    network: network.name,
    scope: network.scope,
    ...(cni.interfaceName === '' ? {} : { interface: cni.interfaceName }),
    runtimeConfig: cni.capabilityArgs,
    ...(cni.args.length === 0 ? {} : { args: Object.fromEntries(cni.args) }),
    ...(cni.configArgs === undefined ? {} : { cniArgs: cni.configArgs }),
    ...(cni.defaultRoute.length === 0 && cni.noDefaultRoute !== true ? {} : { defaultRoute: cni.defaultRoute }),
    ...(config.text === '' ? {} : { config: config.text }),
  };
}
