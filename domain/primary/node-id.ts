/**
 * The number of a node, from 1 on. Its pods' addresses follow from it, so what the node's own disk says stands above what etcd says for as
 * long as a pod lives there; etcd says which node was first where two disks say the same.
 */

/** An entry of `allocatedIDs/`. */
export interface NodeIdEntry {
  readonly id: number;
  /** undefined: it cannot be read; its number is somebody's. */
  readonly node: string | undefined;
}

/** A node with living pods whose number another node has in etcd. */
export interface NodeIdClaim {
  readonly id: number;
  readonly node: string;
}

export interface NodeIdView {
  readonly node: string;
  /** What the node's disk says. */
  readonly onDisk: number | undefined;
  /** Whether a pod of the node has an address. */
  readonly hasPods: boolean;
  readonly entries: readonly NodeIdEntry[];
  readonly claims: readonly NodeIdClaim[];
  /** What the ranges of addresses have room for. */
  readonly highest: bigint;
}

/** What is to be done next; after each of them but `settled` and `conflict` one looks again. */
export type NodeIdStep =
  /** Etcd and disk agree. `surplus`: numbers of further entries of this node, `claimed`: those of claims that it once made; both are to go. */
  | {
      readonly kind: 'settled';
      readonly id: number;
      readonly surplus: readonly number[];
      readonly claimed: readonly number[];
    }
  /** The entry is there, the disk is to say so. */
  | { readonly kind: 'note'; readonly id: number }
  /** To be created if it is still free. */
  | { readonly kind: 'create'; readonly id: number }
  /** Another node's pods live on this number, and none of this node: over to a free one, in one transaction. */
  | { readonly kind: 'yield'; readonly id: number; readonly to: number }
  /** The number is another node's in etcd: pods stay, new ones are refused, and the claim is to be there for the other node to see. */
  | { readonly kind: 'conflict'; readonly id: number; readonly holder: string | undefined; readonly hasClaim: boolean }
  | { readonly kind: 'exhausted'; readonly taken: number };

/** Pure: what a node does about its number. */
export function nextNodeIdStep(view: NodeIdView): NodeIdStep {
  const { node, onDisk, hasPods, entries } = view;
  const own = entries.filter((entry) => entry.node === node).map(({ id }) => id);
  const holder = entries.find(({ id }) => id === onDisk);
  if (onDisk !== undefined && hasPods) {
    if (holder === undefined) return { kind: 'create', id: onDisk };
    if (holder.node !== node)
      return { kind: 'conflict', id: onDisk, holder: holder.node, hasClaim: hasClaim(view, onDisk) };
    return settled(view, onDisk, own);
  }
  // Without pods nothing depends on what the disk says, once etcd has another number for the node.
  const [first] = own.toSorted((one, other) => one - other);
  const id = onDisk !== undefined && own.includes(onDisk) ? onDisk : first;
  if (id === undefined) return holder === undefined && onDisk !== undefined ? recreated(view, onDisk) : allocated(view);
  if (isClaimed(view, id)) {
    const free = allocated(view);
    return free.kind === 'create' ? { kind: 'yield', id, to: free.id } : free;
  }
  return id === onDisk ? settled(view, id, own) : { kind: 'note', id };
}

/** After a loss of etcd the number is the node's as before, unless another one with pods says so too. */
const recreated = (view: NodeIdView, id: number): NodeIdStep =>
  isClaimed(view, id) || BigInt(id) > view.highest ? allocated(view) : { kind: 'create', id };

const settled = (view: NodeIdView, id: number, own: readonly number[]): NodeIdStep => ({
  kind: 'settled',
  id,
  surplus: own.filter((each) => each !== id),
  claimed: view.claims.filter(({ node }) => node === view.node).map((claim) => claim.id),
});

/** The lowest number that nobody has or claims. */
function allocated({ entries, claims, highest }: NodeIdView): NodeIdStep {
  const taken = new Set([...entries, ...claims].map(({ id }) => id));
  let id = 1;
  while (taken.has(id)) id += 1;
  return BigInt(id) <= highest ? { kind: 'create', id } : { kind: 'exhausted', taken: taken.size };
}

const isClaimed = ({ claims, node }: NodeIdView, id: number): boolean =>
  claims.some((claim) => claim.id === id && claim.node !== node);

const hasClaim = ({ claims, node }: NodeIdView, id: number): boolean =>
  claims.some((claim) => claim.id === id && claim.node === node);

/** Whether the API had the Node object. */
export interface NodeObjectLook {
  readonly isThere: boolean;
  /** Milliseconds since 1970, of a read that no cache answered. */
  readonly at: number;
}

/** A node that is replaced comes back under its name within this time, and finds its number. */
export const RELEASE_AFTER_MS = 5 * 60_000;

/** Whether the number of a node is free for others. @param livingLeases of the node, as far as etcd knows them */
export const mayReleaseNodeId = (earlier: NodeObjectLook, latest: NodeObjectLook, livingLeases: number): boolean =>
  !earlier.isThere && !latest.isThere && latest.at - earlier.at >= RELEASE_AFTER_MS && livingLeases === 0;

/**
 * An entry's value as contiv's agents write it (Go's encoding/json of `NodeInfo`: fields without a value are left out).
 * @param nodeIp address/prefix of the node in the network between nodes
 * @param managementIps the Node object's InternalIP and ExternalIP
 */
export function nodeIdValue(id: number, node: string, nodeIp?: string, managementIps: readonly string[] = []): string {
  return JSON.stringify({
    id,
    name: node,
    ...(nodeIp === undefined ? {} : { ip_address: nodeIp }),
    ...(managementIps.length === 0 ? {} : { management_ip_address: managementIps.join(',') }),
  });
}
