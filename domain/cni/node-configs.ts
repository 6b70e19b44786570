/** Network configurations in files of a node, as its worker publishes them (NPWG 1.3, section 3.4.1: a definition without `spec.config`). */

export interface NodeConfig {
  /** Name of the file, without its folder. */
  readonly file: string;
  /** Name of the network, as the configuration says. */
  readonly name: string;
  /** The file, byte for byte; at most 64 KiB. */
  readonly text: string;
}

export interface NodeConfigsRecord {
  readonly v: number;
  /** By file name, as container runtimes read such folders. */
  readonly configs: readonly NodeConfig[];
}

/** The first list that declares the network, else the first file that does (as libcni looks for a network by its name). */
export function configNamed(record: NodeConfigsRecord | undefined, name: string): NodeConfig | undefined {
  const found = record?.configs.filter((config) => config.name === name) ?? [];
  return found.find(({ file }) => isListFile(file)) ?? found[0];
}

/** Whether a runtime reads a file of that name (libcni, ConfFiles). */
export const isConfigurationFile = (name: string): boolean => /\.(conf|conflist|json)$/.test(name);

export const isListFile = (file: string): boolean => file.endsWith('.conflist');

/** Why a node has no configuration for a definition that leaves it to the node. */
export function noNodeConfig(node: string, name: string, record: NodeConfigsRecord | undefined): string {
  const todo = `put one there, or the configuration into the definition; the pod is then tried again`;
  if (record === undefined)
    return `its definition has no spec.config, and node ${node} offers no files (--cni-conf-dir of its worker); ${todo}`;
  return `its definition has no spec.config, and no file of node ${node} declares a network of the name "${name}"; ${todo}`;
}
