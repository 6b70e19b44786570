/** What a node's part of the mesh between nodes works with: etcd, the node's disk, its kernel. */
import type { NodeFilter } from '../primary/node-filter.ts';
import type { MeshPlan, NodeLink } from '../primary/node-mesh.ts';
import type { FoundMembers, NodeMember } from '../primary/node-member.ts';

/** Members of the mesh in etcd. Every method throws PodwireError EtcdUnavailable. */
export interface NodeMembers {
  /** At one revision. */
  read(): Promise<FoundMembers>;
  /** Writes the member where it differs. @returns whether the others have still to be told */
  publish(member: NodeMember): Promise<'untold' | 'told'>;
  /** The others have been told of the node's membership. */
  told(node: string): Promise<void>;
  /** @returns whether the node was a member */
  remove(node: string): Promise<boolean>;
}

/** What a node remembers of the mesh. */
export interface RememberedMesh {
  /** Own, in the network between the nodes. */
  readonly addresses: readonly string[];
  readonly members: readonly NodeMember[];
}

export interface NodeMeshDisk {
  /** undefined: never written for this node. Throws RecordInvalid, or the disk's error. */
  read(node: string): Promise<RememberedMesh | undefined>;
  /** Survives a loss of power. */
  write(node: string, mesh: RememberedMesh): Promise<void>;
}

export interface MeshOutcome {
  /** Entries, neighbours, routes and addresses, without what was there already. */
  readonly written: number;
  readonly removed: number;
  /** Settings that the kernel or a mount refused, for people. */
  readonly refused: readonly string[];
}

/** The node's own network namespace. Every method fails with CommandFailed, KernelBusy, CommandTimedOut. */
export interface NodeMeshKernel {
  /** Without the pods' links. */
  links(signal: AbortSignal): Promise<readonly NodeLink[]>;
  /**
   * Makes everything as it is to be and removes what is not; what is right already is not touched. Fails with LinkConflict besides (the device's
   * name is somebody else's).
   */
  ensure(plan: MeshPlan, signal: AbortSignal): Promise<MeshOutcome>;
  /** In one transaction, where the table is not there as this was last told to write it. @returns whether it was written */
  filter(filter: NodeFilter, signal: AbortSignal): Promise<boolean>;
}
