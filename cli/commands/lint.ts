/** `podwire lint`: what podwire would make of an annotation, or of a manifest, before it is in the cluster. */
import { Option, type Command } from 'commander';
import type { SettingsTable } from '../../config/cli-flags.ts';
import { dialectSettings } from '../../config/common.ts';
import { MAX_ANNOTATION_BYTES } from '../../domain/openvnf/annotation.ts';
import { isDnsLabel } from '../../domain/openvnf/names.ts';
import {
  DEFAULT_DIALECT_SETTINGS,
  KALOOM_ANNOTATION,
  NPWG_NETWORKS_ANNOTATION,
  type DialectSettings,
} from '../../domain/settings.ts';
import { addSettings, settingsOf } from '../command-settings.ts';
import {
  described,
  isMistake,
  judge,
  line,
  readSurroundings,
  type LintedPod,
  type LintOptions,
} from '../lint/judge.ts';
import { lintManifests, looksLikeManifest } from '../lint/manifests.ts';
import { manifestsIn } from '../manifest-objects.ts';
import { nameOf, readText } from '../text-source.ts';
import { UsageError } from '../usage-error.ts';

/** Beyond the parser's own limit, so that an annotation slightly too long is a finding and not a failure to read. */
const MAX_INPUT_BYTES = 16 * MAX_ANNOTATION_BYTES;

const EXIT_PROBLEMS = 2;

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
      'Checks an annotation, or the annotations of whole manifests: prints the networks as JSON (exit code 0), or every mistake with its place (exit code 2).',
    )
    .argument(
      '<file>',
      'file with the value of the annotation, or manifests of what makes pods, or - for standard input',
    )
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
      'npwg, kaloom: manifests of NetworkAttachmentDefinitions, Networks or ClusterNetworks (YAML or JSON), to be checked too',
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
  if (file === '-' && (options.configmap === '-' || options.definitions === '-')) {
    throw new UsageError(
      `only one of annotation and ${options.configmap === '-' ? 'ConfigMap' : 'definitions'} can be -`,
    );
  }
  const text = await readText(file, MAX_INPUT_BYTES);
  const settings = settingsFor(options, command);
  if (looksLikeManifest(text)) return lintFile(text, file, options, settings);
  refuseMisplaced(options);
  const around = await readSurroundings(options, settings);
  const parsed = judge(options.dialect, alone(text, options, settings), around, settings);
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

async function lintFile(text: string, file: string, options: LintOptions, settings: DialectSettings): Promise<void> {
  const around = await readSurroundings(options, settings);
  const report = lintManifests(await manifestsIn(text, file), nameOf(file), options, around, settings);
  if (!report.hasProblems) {
    process.stdout.write(`${JSON.stringify(report.result, null, 2)}\n`);
    return;
  }
  for (const found of report.lines) process.stderr.write(`${found}\n`);
  process.exitCode = EXIT_PROBLEMS;
}

/** A pod that has nothing but the annotation, and what it needs to be read. */
function alone(annotation: string, { dialect, namespace }: LintOptions, settings: DialectSettings): LintedPod {
  if (dialect === 'openvnf')
    return { namespace, annotations: { [settings.annotation]: annotation }, labels: { [settings.selector]: 'true' } };
  const key = dialect === 'npwg' ? NPWG_NETWORKS_ANNOTATION : KALOOM_ANNOTATION;
  return { namespace, annotations: { [key]: annotation }, labels: {} };
}

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
      adoptForeign: false,
    },
    kaloom: { enabled: true, namespace: values.kaloomNamespace },
    cniPolicy: { pluginTypes: values.cniPluginTypes, hostKeys: values.cniHostKeys },
  };
}
