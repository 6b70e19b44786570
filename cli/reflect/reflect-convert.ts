/** `podwire reflect convert`: Kubernetes objects in, etcd keys and values out. The same code as the controllers'. */
import type { Command } from 'commander';
import type { SettingsTable } from '../../config/cli-flags.ts';
import { reflectSettings } from '../../config/reflect/reflect.ts';
import type { ReflectCodec } from '../../domain/ports/reflect-codec.ts';
import { convert, convertSlices, type Conversion } from '../../domain/reflect/convert.ts';
import { keyOf } from '../../domain/reflect/keys.ts';
import { isNamespaced, type ReflectKind } from '../../domain/reflect/kinds.ts';
import { serviceOfSlice } from '../../domain/reflect/mapping/slices.ts';
import { firstFamilyOf, isDualStack } from '../../domain/reflect/slices-only.ts';
import { MAX_VALUE_BYTES, type ReflectSettings } from '../../domain/reflect/settings.ts';
import { isDnsLabel } from '../../domain/openvnf/names.ts';
import { addSettings, settingsOf } from '../command-settings.ts';
import { readManifests, type ManifestObject } from '../manifest-objects.ts';
import { nameOf } from '../text-source.ts';
import { UsageError } from '../usage-error.ts';

const EXIT_PROBLEMS = 2;

const settingsTable = {
  layout: { ...reflectSettings.reflectLayout, flag: 'layout' },
  encoding: { ...reflectSettings.reflectEncoding, flag: 'encoding' },
  prefix: { ...reflectSettings.reflectPrefix, flag: 'prefix' },
  label: { ...reflectSettings.reflectLabel, flag: 'label' },
} as const satisfies SettingsTable;

/** Group and kind of what is reflected; one pod can be two things. */
const KINDS: Readonly<Record<string, readonly ReflectKind[]>> = {
  '/Namespace': ['namespace'],
  '/Pod': ['pod', 'sfcPod'],
  'networking.k8s.io/NetworkPolicy': ['policy'],
  'extensions/NetworkPolicy': ['policy'],
  '/Service': ['service'],
  '/Endpoints': ['endpoints'],
  '/Node': ['node'],
};
const SLICE = 'discovery.k8s.io/EndpointSlice';
const SERVICE = '/Service';

interface ConvertOptions {
  readonly namespace: string;
  readonly json?: true;
}

interface Outcome {
  readonly kind: ReflectKind;
  /** How the object is called in messages. */
  readonly source: string;
  readonly conversion: Conversion;
}

interface Entry {
  readonly kind: ReflectKind;
  readonly key: string;
  readonly bytes: Uint8Array;
}

/** Adds the command to the group. */
export function register(group: Command): void {
  const command = group
    .command('convert')
    .description(
      'Shows under which etcd key, and with which value, Kubernetes objects are reflected: two lines for each (exit code 0). ' +
        'Values of the encoding protobuf are printed in base64. Objects that cannot be reflected are told on standard error (exit code 2).',
    )
    .argument('<file>', 'manifests (YAML or JSON, several objects, lists), or - for standard input')
    .option('-n, --namespace <name>', 'namespace of objects that do not say theirs', 'default')
    .option('--json', 'print a JSON list of {kind, key, value}, with valueBase64 instead of value for protobuf');
  addSettings(command, settingsTable).action((file: string, options: ConvertOptions) =>
    convertFile(file, options, command),
  );
}

async function convertFile(file: string, options: ConvertOptions, command: Command): Promise<void> {
  if (!isDnsLabel(options.namespace)) {
    throw new UsageError(
      `--namespace ${JSON.stringify(options.namespace)} is no namespace; allowed: 1 to 63 lower-case letters, digits and "-"`,
    );
  }
  const settings = settingsOf(command, settingsTable);
  const objects = await readManifests(file);
  const outcomes = [...convertObjects(objects, options.namespace), ...convertAllSlices(objects, options.namespace)];
  if (outcomes.length === 0) {
    const kinds = [...Object.keys(KINDS), SLICE].map((kind) => kind.replace(/^\//, ''));
    throw new UsageError(`nothing in ${nameOf(file)} is reflected; these are: ${kinds.join(', ')}`);
  }
  // Loaded only here, for the sake of the other commands.
  const { createReflectCodec } = await import('../../adapters/reflect/codec.ts');
  const codec = createReflectCodec(settings.encoding);
  const entries = outcomes.flatMap((outcome) => entryOf(outcome, codec, settings));
  process.stdout.write(options.json === true ? asJson(entries, settings) : entries.map(asLines(settings)).join(''));
}

function* convertObjects(objects: readonly ManifestObject[], namespace: string): Generator<Outcome> {
  for (const { group, kind: says, object } of objects) {
    for (const kind of KINDS[`${group}/${says}`] ?? []) {
      const placed = isNamespaced(kind) ? inNamespace(object, namespace) : object;
      const conversion = convert(kind, placed);
      // That a pod is none of SFC's is nothing to tell.
      if (kind === 'sfcPod' && !conversion.ok) continue;
      yield { kind, source: sourceOf(says, placed), conversion };
    }
  }
}

/** Slices stand for a service's endpoints only where there is no Endpoints object. */
function convertAllSlices(objects: readonly ManifestObject[], namespace: string): Outcome[] {
  const idOf = (object: unknown): string => sourceOf('Endpoints', object);
  const known = new Set(
    objects.filter(({ kind }) => kind === 'Endpoints').map(({ object }) => idOf(inNamespace(object, namespace))),
  );
  const families = new Map(
    objects
      .filter(({ group, kind }) => `${group}/${kind}` === SERVICE)
      .map(({ object }) => [idOf(inNamespace(object, namespace)), firstFamilyOf(object)]),
  );
  const services = new Map<string, unknown[]>();
  for (const one of objects.filter(({ group, kind }) => `${group}/${kind}` === SLICE)) {
    const slice = inNamespace(one.object, namespace);
    const service = serviceOfSlice(slice);
    const source = service === undefined ? sourceOf('EndpointSlice', slice) : idOf({ metadata: service });
    if (!known.has(source)) services.set(source, [...(services.get(source) ?? []), slice]);
  }
  return [...services].map(([source, slices]) => ({
    kind: 'endpoints',
    source: `${source} (from EndpointSlices)`,
    conversion: convertSlices(slices, isDualStack(slices) ? families.get(source) : undefined),
  }));
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

/** As `kubectl apply` would take it. */
function inNamespace(object: unknown, namespace: string): unknown {
  if (!isObject(object) || !isObject(object['metadata']) || object['metadata']['namespace'] !== undefined)
    return object;
  return { ...object, metadata: { ...object['metadata'], namespace } };
}

function sourceOf(kind: string, object: unknown): string {
  const metadata = isObject(object) && isObject(object['metadata']) ? object['metadata'] : {};
  const { namespace, name } = metadata;
  const text = (value: unknown): string => (typeof value === 'string' ? value : '?');
  return `${kind} ${namespace === undefined ? '' : `${text(namespace)}/`}${text(name)}`;
}

function entryOf({ kind, source, conversion }: Outcome, codec: ReflectCodec, settings: ReflectSettings): Entry[] {
  if (!conversion.ok) {
    const how = conversion.byRule ? 'left out' : 'error';
    process.stderr.write(`${source}: ${how}: ${conversion.reason}\n`);
    if (!conversion.byRule) process.exitCode = EXIT_PROBLEMS;
    return [];
  }
  const bytes = codec.encode(kind, conversion.record);
  if (bytes.length > MAX_VALUE_BYTES) {
    process.stderr.write(
      `${source}: error: the value has ${bytes.length} bytes; at most ${MAX_VALUE_BYTES} are written\n`,
    );
    process.exitCode = EXIT_PROBLEMS;
    return [];
  }
  return [{ kind, key: keyOf(kind, conversion, settings), bytes }];
}

const textOf = (bytes: Uint8Array, { encoding }: ReflectSettings): string =>
  Buffer.from(bytes).toString(encoding === 'protobuf' ? 'base64' : 'utf8');

const asLines =
  (settings: ReflectSettings) =>
  ({ key, bytes }: Entry): string =>
    `${key}\n${textOf(bytes, settings)}\n`;

function asJson(entries: readonly Entry[], settings: ReflectSettings): string {
  const member = settings.encoding === 'protobuf' ? 'valueBase64' : 'value';
  const list = entries.map(({ kind, key, bytes }) => ({ kind, key, [member]: textOf(bytes, settings) }));
  return `${JSON.stringify(list, null, 2)}\n`;
}
