/**
 * What nodes leave behind in etcd when they go: their entry in `allocatedIDs/` and what their agent wrote about itself. Also of nodes
 * that went while nobody watched, but only of names that have an ID, whose node is absent in two live reads; where podwire is the network of
 * the node's pods, in two reads five minutes apart, and only when none of its leases lives.
 */
import { allocatedIpKey, persistedPodKey } from '../../domain/primary/contiv-formats.ts';
import { mayReleaseNodeId, RELEASE_AFTER_MS } from '../../domain/primary/node-id.ts';
import { agentPrefix, keptNodeKey, nodeIdsPrefix, treePrefix } from '../../domain/reflect/keys.ts';
import type { ReflectDeps } from './reflect-deps.ts';
import type { GoneNode, GoneNodes } from './reflect-contract.ts';

const NODE_NAME = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;
/** podwire's own tree, whatever the prefix of the agents is. */
const OWN_ROOT = '/podwire/';
/** The rest waits for the next look. */
const MAX_AT_ONCE = 500;

export async function findGoneNodes(deps: ReflectDeps): Promise<GoneNodes> {
  const { store, settings, cluster, now, nodePauseSeconds } = deps;
  const nodes: GoneNode[] = [];
  let lookAgainAfterSeconds = nodePauseSeconds;
  for await (const page of store.pages(nodeIdsPrefix(settings))) {
    for (const { key, value, modRevision } of page) {
      const node = deps.codec.decode('nodeId', value)?.name;
      if (node === undefined) {
        deps.log.skipped('nodeId', key, 'no node ID can be read from it');
        continue;
      }
      if (!mayGo(deps, node) || nodes.length >= MAX_AT_ONCE) continue;
      if ((await cluster.get('node', node)) !== undefined) continue;
      const seenAt = now();
      const living = await livingLeases(deps, node);
      if (living === undefined) nodes.push({ node, key, modRevision });
      if (living !== 0) continue;
      nodes.push({ node, key, modRevision, seenAt });
      lookAgainAfterSeconds = Math.max(lookAgainAfterSeconds, RELEASE_AFTER_MS / 1_000);
    }
  }
  return { nodes, lookAgainAfterSeconds };
}

export async function removeGoneNodes(deps: ReflectDeps, nodes: readonly GoneNode[]): Promise<string[]> {
  const removed: string[] = [];
  for (const { node, key, modRevision, seenAt } of nodes) {
    if (!mayGo(deps, node) || !key.startsWith(nodeIdsPrefix(deps.settings))) continue;
    if ((await deps.cluster.get('node', node)) !== undefined) continue;
    const living = await livingLeases(deps, node);
    if (living !== undefined && !isReleased(seenAt, deps.now(), living)) continue;
    if (!(await deps.store.removeTree(agentPrefix(deps.settings, node), { key, modRevision }))) continue;
    deps.log.info('node', { node, key }, 'the node is gone: its ID and what its agent wrote were removed');
    removed.push(node);
  }
  return removed;
}

const isReleased = (seenAt: number | undefined, now: number, living: number): boolean =>
  seenAt !== undefined && mayReleaseNodeId({ isThere: false, at: seenAt }, { isThere: false, at: now }, living);

/**
 * The pods of a node whose network is podwire's may live on without its Node object. Their leases are on its disk, and each is mirrored in the
 * node's tree for as long as a sandbox has it (ADR 56).
 * @returns undefined: the network of the node's pods is not podwire's
 */
async function livingLeases({ store, settings }: ReflectDeps, node: string): Promise<number | undefined> {
  const kept = keptNodeKey(settings, node);
  if (!(await store.read([kept])).has(kept)) return undefined;
  let living = 0;
  for (const keyOf of [allocatedIpKey, persistedPodKey])
    for await (const page of store.pages(keyOf(settings.prefix, node, ''))) living += page.length;
  return living;
}

function mayGo({ settings, keepLabels }: ReflectDeps, node: string): boolean {
  if (!NODE_NAME.test(node) || node === settings.label || keepLabels.includes(node)) return false;
  const tree = agentPrefix(settings, node);
  const overlaps = (other: string): boolean => other.startsWith(tree) || tree.startsWith(other);
  return !overlaps(treePrefix(settings)) && !overlaps(OWN_ROOT);
}
