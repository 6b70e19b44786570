/**
 * What nodes leave behind in etcd when they go: their entry in `allocatedIDs/` and what their agent wrote about itself. Also of nodes
 * that went while nobody watched, but only of names that have an ID, whose node is absent in two live reads.
 */
import { agentPrefix, keptNodeKey, nodeIdsPrefix, treePrefix } from '../../domain/reflect/keys.ts';
import type { ReflectDeps } from './reflect-deps.ts';
import type { GoneNode, GoneNodes } from './reflect-contract.ts';

const NODE_NAME = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;
/** podwire's own tree, whatever the prefix of the agents is. */
const OWN_ROOT = '/podwire/';
/** The rest waits for the next look. */
const MAX_AT_ONCE = 500;

export async function findGoneNodes(deps: ReflectDeps): Promise<GoneNodes> {
  const nodes: GoneNode[] = [];
  for await (const page of deps.store.pages(nodeIdsPrefix(deps.settings))) {
    for (const { key, value, modRevision } of page) {
      const node = deps.codec.decode('nodeId', value)?.name;
      if (node === undefined) {
        deps.log.skipped('nodeId', key, 'no node ID can be read from it');
        continue;
      }
      if (!mayGo(deps, node) || nodes.length >= MAX_AT_ONCE) continue;
      if (await isGone(deps, node)) nodes.push({ node, key, modRevision });
    }
  }
  return { nodes, lookAgainAfterSeconds: deps.nodePauseSeconds };
}

export async function removeGoneNodes(deps: ReflectDeps, nodes: readonly GoneNode[]): Promise<string[]> {
  const removed: string[] = [];
  for (const { node, key, modRevision } of nodes) {
    if (!mayGo(deps, node) || !key.startsWith(nodeIdsPrefix(deps.settings))) continue;
    if (!(await isGone(deps, node))) continue;
    if (!(await deps.store.removeTree(agentPrefix(deps.settings, node), { key, modRevision }))) continue;
    deps.log.info('node', { node, key }, 'the node is gone: its ID and what its agent wrote were removed');
    removed.push(node);
  }
  return removed;
}

/**
 * The pods of a node whose network is podwire's may live on without its Node object: `mayReleaseNodeId` says when its number is free, and its
 * leases are not known here.
 */
async function isGone({ cluster, store, settings }: ReflectDeps, node: string): Promise<boolean> {
  if ((await cluster.get('node', node)) !== undefined) return false;
  const kept = keptNodeKey(settings, node);
  return !(await store.read([kept])).has(kept);
}

function mayGo({ settings, keepLabels }: ReflectDeps, node: string): boolean {
  if (!NODE_NAME.test(node) || node === settings.label || keepLabels.includes(node)) return false;
  const tree = agentPrefix(settings, node);
  const overlaps = (other: string): boolean => other.startsWith(tree) || tree.startsWith(other);
  return !overlaps(treePrefix(settings)) && !overlaps(OWN_ROOT);
}
