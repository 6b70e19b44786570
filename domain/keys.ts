/** Layout of podwire's own tree in etcd (docs/architecture.md, "State in etcd"). Names have been validated before: none contains a slash. */
import { execTarget } from './target.ts';
import { networkKey, type NetworkRef } from './network-selection.ts';

const ROOT = '/podwire';

export const attachmentsPrefix = (): string => `${ROOT}/attachments/`;
export const nodeAttachmentsPrefix = (node: string): string => `${ROOT}/attachments/${node}/`;
export const execAttachmentsPrefix = (): string => `${ROOT}/attachments/${execTarget('')}`;
export const podAttachmentsPrefix = (node: string, podUid: string): string => `${ROOT}/attachments/${node}/${podUid}/`;
export const attachmentKey = (a: { node: string; podUid: string; sandboxId: string; interfaceName: string }): string =>
  `${ROOT}/attachments/${a.node}/${a.podUid}/${a.sandboxId}/${a.interfaceName}`;

/** Which nodes hold attachments of a pod: lets a run find records of a pod whose object is gone. */
export const podNodesPrefix = (podUid: string): string => `${ROOT}/pod-nodes/${podUid}/`;
export const podNodeKey = (podUid: string, node: string): string => `${ROOT}/pod-nodes/${podUid}/${node}`;

export const convergedPrefix = (): string => `${ROOT}/pods/`;
export const convergedKey = (podUid: string): string => `${ROOT}/pods/${podUid}`;

export const sandboxesPrefix = (node: string): string => `${ROOT}/sandboxes/${node}/`;
export const sandboxKey = (node: string, podUid: string): string => `${ROOT}/sandboxes/${node}/${podUid}`;

export const networksPrefix = (): string => `${ROOT}/networks/`;
export const membersPrefix = (network: NetworkRef): string => `${ROOT}/networks/${networkKey(network)}/members/`;
export const memberKey = (network: NetworkRef, podUid: string, interfaceName: string): string =>
  `${membersPrefix(network)}${podUid}/${interfaceName}`;

/** Every attachment of a network that has a record, member or not, with its tunnel: a VNI is free when none of them has it. */
export const usersPrefix = (network: NetworkRef): string => `${ROOT}/networks/${networkKey(network)}/users/`;
export const userKey = (network: NetworkRef, podUid: string, interfaceName: string): string =>
  `${usersPrefix(network)}${podUid}/${interfaceName}`;

/** A tunnel that an interface is just leaving for another one of the same network; no interface's name has a `~`. */
export const replacedUserKey = (network: NetworkRef, podUid: string, interfaceName: string, tunnel: string): string =>
  `${userKey(network, podUid, interfaceName)}~${tunnel.replace('/', '-')}`;

/** The network object that declares a network, with the tunnel that it holds. */
export const networkObjectKey = (network: NetworkRef): string => `${networkObjectsPrefix()}${networkKey(network)}`;
export const networkObjectsPrefix = (): string => `${ROOT}/network-objects/`;
const OBJECT_USER = '/~object';
/** By which an object holds its tunnel as a user does, members or not; no interface's name has a `~`. */
export const objectUserKey = (network: NetworkRef, objectUid: string): string =>
  `${usersPrefix(network)}${objectUid}${OBJECT_USER}`;
export const isObjectUserKey = (key: string): boolean => key.endsWith(OBJECT_USER);

/** Whose an address of a VXLAN network is. @param address without prefix length */
export const addressKey = (network: NetworkRef, address: string): string => `${addressesPrefix(network)}${address}`;

export const addressesPrefix = (network: NetworkRef): string => `${ROOT}/networks/${networkKey(network)}/addresses/`;

/** Who was first to have what only one pod of a CNI network can have. @param place as identities.ts has it */
export const identityKey = (place: string): string => `${ROOT}/cni-identities/${place}`;

/** @param network as `networkKey` makes it */
export const meshStateKeyIn = (network: string): string => `${networksPrefix()}${network}/mesh`;
export const meshStateKey = (network: NetworkRef): string => meshStateKeyIn(networkKey(network));

export const tunnelsPrefix = (): string => `${ROOT}/vnis/`;
export const tunnelKey = (tunnel: string): string => `${ROOT}/vnis/${tunnel}`;

export const vniKey = (dstPort: number, vni: number): string => tunnelKey(`${dstPort}/${vni}`);

export const refusalsPrefix = (): string => `${ROOT}/refusals/`;
export const podRefusalsPrefix = (podUid: string): string => `${ROOT}/refusals/${podUid}/`;
export const refusalKey = (podUid: string, interfaceName: string): string =>
  `${ROOT}/refusals/${podUid}/${interfaceName}`;

/** Which life of the store this is: written once into an empty one. */
export const incarnationKey = (): string => `${ROOT}/store/incarnation`;
/** Present once every tunnel that a pod says it has is reserved for its network again. Absent: a free one may be somebody's. */
export const idsKnownKey = (): string => `${ROOT}/store/ids`;
/** Present once everything that was attached when the store was begun has its records again. Absent: a missing record says nothing. */
export const wholeKey = (): string => `${ROOT}/store/whole`;
/** Present once the node has written back what its journal of CNI attachments holds. */
export const restoredKey = (node: string): string => `${ROOT}/store/restored/${node}`;
/** One for each orchestrator that serves, for as long as it does. */
export const orchestratorsPrefix = (): string => `${ROOT}/orchestrators/`;
export const orchestratorKey = (id: string): string => `${ROOT}/orchestrators/${id}`;
/** Present while podwire is to be out of the cluster. */
export const teardownKey = (): string => `${ROOT}/teardown`;
export const rootPrefix = (): string => `${ROOT}/`;

/** A node whose pods have addresses of a number that is another node's in `allocatedIDs/`. */
export const nodeIdClaimsPrefix = (): string => `${ROOT}/node-id-claims/`;
export const nodeIdClaimKey = (id: number, node: string): string => `${nodeIdClaimsPrefix()}${id}/${node}`;

/** Sandboxes whose network is podwire's primary one, by the node that made it. */
export const primaryPrefix = (): string => `${ROOT}/primary/`;
export const primarySandboxesPrefix = (node: string): string => `${primaryPrefix()}${node}/`;
export const primarySandboxKey = (node: string, sandboxId: string): string =>
  `${primarySandboxesPrefix(node)}${sandboxId}`;

/** Members of the mesh between nodes, of the primary network. */
export const nodeMembersPrefix = (): string => `${ROOT}/node-mesh/members/`;
export const nodeMemberKey = (node: string): string => `${nodeMembersPrefix()}${node}`;
/** Present until the other nodes have been told of the node's membership. */
export const untoldMemberKey = (node: string): string => `${ROOT}/node-mesh/untold/${node}`;

export const nodeKey = (node: string): string => `${ROOT}/nodes/${node}`;
/** Configurations in files of a node. */
export const nodeConfigsKey = (node: string): string => `${ROOT}/node-configs/${node}`;
export const tombstonesPrefix = (node: string): string => `${ROOT}/tombstones/${node}/`;

/** What ADD printed, beside the attachment record of the same name. */
export const cniResultKey = (a: { node: string; podUid: string; sandboxId: string; interfaceName: string }): string =>
  `${ROOT}/cni-results/${a.node}/${a.podUid}/${a.sandboxId}/${a.interfaceName}`;

export const podFailuresPrefix = (podUid: string): string => `${ROOT}/failures/${podUid}/`;
export const failureKey = (podUid: string, interfaceName: string): string =>
  `${ROOT}/failures/${podUid}/${interfaceName}`;

/** Addresses of pools: one key for each that is not free. @param address canonical, without prefix length */
export const poolAddressesPrefix = (pool?: string): string =>
  `${ROOT}/ipam/addresses/${pool === undefined ? '' : `${pool}/`}`;
export const poolAddressKey = (pool: string, address: string): string => `${poolAddressesPrefix(pool)}${address}`;
/** By node, so that each node finds what its own owners have. @param owner as `ownerId` has it */
export const addressOwnersPrefix = (node?: string, owner?: string): string =>
  `${ROOT}/ipam/owners/${node === undefined ? '' : `${node}/`}${owner === undefined ? '' : `${owner}/`}`;
export const addressOwnerKey = (node: string, owner: string, pool: string): string =>
  `${addressOwnersPrefix(node, owner)}${pool}`;
/** What stays reserved when its owner is gone. */
export const stickyAddressesKey = (pool: string, key: string): string => `${ROOT}/ipam/sticky/${pool}/${key}`;
/** Places of a namespace in a pool that has a quota, by number. */
export const quotaPrefix = (pool: string, namespace: string): string => `${ROOT}/ipam/quota/${pool}/${namespace}/`;
export const quotaKey = (pool: string, namespace: string, slot: number): string =>
  `${quotaPrefix(pool, namespace)}${slot}`;
/** Pools by name, as they were declared. */
export const poolsPrefix = (): string => `${ROOT}/ipam/pools/`;
export const poolKey = (pool: string): string => `${poolsPrefix()}${pool}`;
