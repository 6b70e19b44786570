/** Where reflected objects lie in etcd. */
import { isNamespaced, type ReflectKind } from './kinds.ts';
import type { ReflectSettings } from './settings.ts';

/** What an object is found by. `namespace` is there exactly when the kind is namespaced. */
export interface ObjectId {
  readonly name: string;
  readonly namespace?: string;
}

/** KSR's word for a kind in keys. */
const WORDS: Readonly<Record<Exclude<ReflectKind, 'sfcPod'>, string>> = {
  namespace: 'namespace',
  pod: 'pod',
  policy: 'policy',
  service: 'service',
  endpoints: 'endpoints',
  node: 'node',
};

const SFC = 'sfc-controller/v2/status/network-pod-to-node-map/';
const SFC_SEPARATOR = '-namespace-';

type Rooted = Pick<ReflectSettings, 'prefix' | 'label'>;

/** Everything of one reflector: `/vnf-agent/contiv-ksr/`. */
export const treePrefix = ({ prefix, label }: Rooted): string => `${prefix}${label}/`;

/** KSR's statistics; also the marker by which lost data of etcd is noticed. */
export const statsKey = (settings: Rooted): string => `${treePrefix(settings)}status/gauges`;

/** Node IDs, written by the contiv agents. */
export const nodeIdsPrefix = (settings: Rooted): string => `${treePrefix(settings)}allocatedIDs/`;

/** What an agent wrote about itself, to be removed with its node. */
export const agentPrefix = ({ prefix }: Pick<Rooted, 'prefix'>, node: string): string => `${prefix}${node}/`;

/** There while pods of the node may have addresses that follow from its ID and that podwire gave them (ADR 53): neither the ID nor this tree goes by itself. */
export const keptNodeKey = (settings: Pick<Rooted, 'prefix'>, node: string): string =>
  `${agentPrefix(settings, node)}podwire/primary`;

/**
 * Key of an object. The README gives keys of namespaces, pods and policies, `k8s/namespace/<ns>/<word>/<name>`. In the layout
 * `readme` services and endpoints follow the same pattern, as they did while KSR had it; nodes and SFC pods, which came
 * later, have the same keys in both layouts.
 * @param id names without a slash, as `convert` makes sure
 */
export function keyOf(kind: ReflectKind, id: ObjectId, settings: ReflectSettings): string {
  const root = treePrefix(settings);
  if (kind === 'sfcPod') return `${root}${SFC}${id.name}${SFC_SEPARATOR}${id.namespace ?? ''}`;
  const word = WORDS[kind];
  if (!isNamespaced(kind)) return `${root}k8s/${word}/${id.name}`;
  const namespace = id.namespace ?? '';
  return settings.layout === 'v1'
    ? `${root}k8s/${word}/${id.name}/namespace/${namespace}`
    : `${root}k8s/namespace/${namespace}/${word}/${id.name}`;
}

/**
 * Prefix of all objects of a kind; ends with a slash. In the layout `readme` it is the same for namespaces and what they
 * contain: **what `parseKey` does not know under it belongs to another kind** and must not be swept away.
 */
export function listPrefix(kind: ReflectKind, settings: ReflectSettings): string {
  const root = treePrefix(settings);
  if (kind === 'sfcPod') return `${root}${SFC}`;
  const word = settings.layout === 'readme' && isNamespaced(kind) ? 'namespace' : WORDS[kind];
  return `${root}k8s/${word}/`;
}

/**
 * The object of a key, or undefined when the key is none of this kind and layout. Keys of SFC pods are not unique
 * (`a-namespace-b` in `c`, and `a` in `b-namespace-c`): the last separator counts, and it is the key that is to be compared.
 */
export function parseKey(kind: ReflectKind, key: string, settings: ReflectSettings): ObjectId | undefined {
  const root = treePrefix(settings);
  if (!key.startsWith(root)) return undefined;
  const rest = key.slice(root.length);
  return kind === 'sfcPod' ? parseSfcKey(rest) : parseObjectKey(kind, rest, settings);
}

function parseSfcKey(rest: string): ObjectId | undefined {
  if (!rest.startsWith(SFC)) return undefined;
  const text = rest.slice(SFC.length);
  const at = text.lastIndexOf(SFC_SEPARATOR);
  return text.includes('/') || at < 0 ? undefined : idOf(text.slice(0, at), text.slice(at + SFC_SEPARATOR.length));
}

function parseObjectKey(
  kind: Exclude<ReflectKind, 'sfcPod'>,
  rest: string,
  { layout }: ReflectSettings,
): ObjectId | undefined {
  const [k8s, first, second, third, fourth, ...more] = rest.split('/');
  if (k8s !== 'k8s' || more.length > 0) return undefined;
  const word = WORDS[kind];
  if (!isNamespaced(kind)) return first === word && third === undefined && second ? { name: second } : undefined;
  if (layout === 'v1') return first === word && third === 'namespace' ? idOf(second, fourth) : undefined;
  return first === 'namespace' && third === word ? idOf(fourth, second) : undefined;
}

const idOf = (name: string | undefined, namespace: string | undefined): ObjectId | undefined =>
  name && namespace ? { name, namespace } : undefined;
