/** NetworkAttachmentDefinitions, Kaloom's Networks and podwire's own as people keep them in files. */
import {
  definitionKey,
  type DefinitionKind,
  type DefinitionLookup,
  type NetworkDefinition,
} from '../domain/cni/network-definition.ts';
import { FIRST_GIVEN_VNI } from '../domain/network-objects/vnis.ts';
import { readAllocatedVni, readNetworkSpec } from '../adapters/kubernetes/network-objects.ts';
import { readText } from './text-source.ts';
import { UsageError } from './usage-error.ts';

const MAX_BYTES = 4 * 1024 * 1024;

/** `apiVersion` (without the version) and `kind` of what counts; everything else in a file is skipped. */
const KINDS: Readonly<Record<string, DefinitionKind>> = {
  'k8s.cni.cncf.io/NetworkAttachmentDefinition': 'nad',
  'kaloom.com/Network': 'kaloom',
  'podwire.io/Network': 'network',
  'podwire.io/ClusterNetwork': 'cluster-network',
};

/**
 * Reads manifests, YAML or JSON, several documents and lists of objects included.
 * @param namespaces where an object lies that does not say so
 * @throws UsageError when the file cannot be read or holds no such object
 */
export async function readDefinitions(
  file: string,
  namespaces: Readonly<Record<DefinitionKind, string>>,
): Promise<DefinitionLookup> {
  const text = await readText(file, MAX_BYTES);
  // Loaded only here: it takes longer than everything else that `lint` does.
  const { loadAllYaml } = await import('@kubernetes/client-node');
  let documents: unknown[];
  try {
    documents = loadAllYaml(text) as unknown[];
  } catch (error) {
    const [reason] = (error as Error).message.split('\n', 1);
    throw new UsageError(`${file} is neither YAML nor JSON: ${String(reason)}`, { cause: error });
  }
  const found = documents.flatMap(objectsIn).flatMap((object) => definition(object, namespaces, file));
  if (found.length === 0) {
    throw new UsageError(
      `${file} holds no NetworkAttachmentDefinition (k8s.cni.cncf.io/v1), no Network (kaloom.com/v1, podwire.io/v1alpha1) and no ClusterNetwork`,
    );
  }
  const byKey = new Map(found.map((one) => [definitionKey(one), one]));
  return (reference) => byKey.get(definitionKey(reference)) ?? 'absent';
}

type Json = Readonly<Record<string, unknown>>;

const record = (value: unknown): Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};

function objectsIn(document: unknown): Json[] {
  const object = record(document);
  const items = object['items'];
  return Array.isArray(items) ? items.map(record) : [object];
}

function definition(
  object: Json,
  namespaces: Readonly<Record<DefinitionKind, string>>,
  file: string,
): NetworkDefinition[] {
  const group = typeof object['apiVersion'] === 'string' ? object['apiVersion'].split('/')[0] : '';
  const kind = KINDS[`${String(group)}/${String(object['kind'])}`];
  if (kind === undefined) return [];
  const metadata = record(object['metadata']);
  const spec = record(object['spec']);
  const name = textIn(metadata, 'name', file);
  if (name === '') throw new UsageError(`${file} holds a ${String(object['kind'])} without metadata.name`);
  const namespace = kind === 'cluster-network' ? '' : textIn(metadata, 'namespace', file);
  const ref = { kind, namespace: namespace === '' ? namespaces[kind] : namespace, name, uid: '' };
  if (kind === 'network' || kind === 'cluster-network')
    return [{ ...ref, config: '', plugin: '', declares: readNetworkSpec(spec), allocatedVni: vniIn(object) }];
  return [
    {
      ...ref,
      config: textIn(spec, 'config', file),
      plugin: textIn(spec, 'plugin', file),
    },
  ];
}

/** Of an object that was never applied, the first one that podwire might give it. */
const vniIn = (object: Json): number => readAllocatedVni(object['status']) ?? FIRST_GIVEN_VNI;

function textIn(object: Json, key: string, file: string): string {
  const value = object[key] ?? '';
  if (typeof value === 'string') return value;
  throw new UsageError(`${file}: the value of ${JSON.stringify(key)} is no text; put it in quotes`);
}
