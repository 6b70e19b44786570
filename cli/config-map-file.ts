/** A ConfigMap as people keep it in files: a Kubernetes manifest, or just its `key: value` lines. */
import { readText } from './text-source.ts';
import { UsageError } from './usage-error.ts';

/** What the API server stores at most. */
const MAX_BYTES = 1024 * 1024;

/**
 * Reads a ConfigMap's data from YAML or JSON.
 * @throws UsageError when the file cannot be read or is neither a ConfigMap nor a map of texts.
 */
export async function readConfigMapFile(file: string): Promise<Record<string, string>> {
  const text = await readText(file, MAX_BYTES);
  // Loaded only here: it takes longer than everything else that `lint` does.
  const { loadYaml } = await import('@kubernetes/client-node');
  let document: unknown;
  try {
    document = loadYaml(text);
  } catch (error) {
    const [reason] = (error as Error).message.split('\n', 1);
    throw new UsageError(`${file} is neither YAML nor JSON: ${String(reason)}`, { cause: error });
  }
  if (document === undefined || document === null) return {};
  if (!isMap(document))
    throw new UsageError(`${file} holds no map; expected a ConfigMap manifest or "network: options" lines`);
  if (!('apiVersion' in document && 'kind' in document)) return texts(document, file, true);
  if (document['kind'] !== 'ConfigMap') {
    throw new UsageError(`${file} holds kind ${JSON.stringify(document['kind'])}; expected ConfigMap`);
  }
  const data = document['data'] ?? {};
  if (!isMap(data)) throw new UsageError(`${file}: data is no map`);
  return texts(data, file, false);
}

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The API server takes only texts in `data`; in a bare list of networks `vxeth0: 100` is as good as `"100"`. */
function texts(map: Record<string, unknown>, file: string, numbersToo: boolean): Record<string, string> {
  const entries = Object.entries(map).map(([key, value]): [string, string] => {
    if (typeof value === 'string') return [key, value];
    if (numbersToo && typeof value === 'number') return [key, String(value)];
    throw new UsageError(`${file}: the value of ${JSON.stringify(key)} is no text; put it in quotes`);
  });
  return Object.fromEntries(entries);
}
