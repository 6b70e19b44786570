/** Kubernetes objects of any kind as people keep them in files and as `kubectl get -o yaml|json` prints them. */
import { nameOf, readText } from './text-source.ts';
import { UsageError } from './usage-error.ts';

export interface ManifestObject {
  /** Without the version: `networking.k8s.io`, and nothing for the core group. */
  readonly group: string;
  readonly kind: string;
  readonly object: Readonly<Record<string, unknown>>;
}

/** All pods of a large cluster. */
const MAX_BYTES = 128 * 1024 * 1024;

/**
 * Reads manifests, YAML or JSON, several documents and lists of objects included.
 * @param file a path, or `-` for standard input
 * @throws UsageError when it cannot be read or something in it is no object with a kind
 */
export async function readManifests(file: string): Promise<ManifestObject[]> {
  return manifestsIn(await readText(file, MAX_BYTES), file);
}

/** The same of a text that was read already. @param file how it is called in messages @throws UsageError */
export async function manifestsIn(text: string, file: string): Promise<ManifestObject[]> {
  return (await documents(text, file))
    .filter((document) => document !== null && document !== undefined)
    .flatMap((document) => objectsIn(document, file));
}

async function documents(text: string, file: string): Promise<unknown[]> {
  try {
    return [JSON.parse(text) as unknown];
  } catch {
    // Not JSON, or several of them: YAML is a superset, and slower.
  }
  // Not client-node's loadAllYaml: it makes typed objects of what it reads, and fails when it is not of its type.
  const { loadAll } = await import('js-yaml');
  try {
    return loadAll(text);
  } catch (error) {
    const [reason] = (error as Error).message.split('\n', 1);
    throw new UsageError(`${nameOf(file)} is neither YAML nor JSON: ${String(reason)}`, { cause: error });
  }
}

function objectsIn(document: unknown, file: string): ManifestObject[] {
  const object = document as Readonly<Record<string, unknown>>;
  const kind = typeof document === 'object' ? object['kind'] : undefined;
  if (typeof kind !== 'string') throw new UsageError(`${nameOf(file)} holds something that is no object with a kind`);
  const { items } = object;
  const group = groupOf(object);
  if (!Array.isArray(items)) return [{ group, kind, object }];
  // The items of a List say what they are; those of a PodList do not.
  const itemKind = kind.replace(/List$/, '');
  return items.flatMap((item: unknown) => {
    const says = typeof item === 'object' && item !== null && 'kind' in item;
    return says || itemKind === ''
      ? objectsIn(item ?? {}, file)
      : [{ group, kind: itemKind, object: item as object as ManifestObject['object'] }];
  });
}

function groupOf({ apiVersion }: Readonly<Record<string, unknown>>): string {
  const text = typeof apiVersion === 'string' ? apiVersion : '';
  return text.includes('/') ? text.slice(0, text.indexOf('/')) : '';
}
