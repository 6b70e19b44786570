/** Numbers of nodes: in etcd, where contiv's agents keep them, and on the node's own disk. */
import type { NodeIdClaim, NodeIdEntry } from '../primary/node-id.ts';

export interface NodeIds {
  /** All at one revision. Throws PodwireError EtcdUnavailable. */
  read(): Promise<{ readonly entries: readonly NodeIdEntry[]; readonly claims: readonly NodeIdClaim[] }>;
  /** Only where the number is free. @returns whether it was */
  create(id: number, node: string): Promise<boolean>;
  /** The node's entry moves to a number that is free. @returns false: it is not, or the entry is not the node's any more */
  move(from: number, to: number, node: string): Promise<boolean>;
  /** Only where it is the node's. */
  remove(id: number, node: string): Promise<void>;
  /** From now on the reflection does not free the node's number, however long the Node object is gone. */
  keep(node: string): Promise<void>;
  claim(id: number, node: string): Promise<void>;
  unclaim(id: number, node: string): Promise<void>;
  /** Addresses for the other nodes, as contiv's agents publish them. @returns false: the entry is not the node's */
  publish(id: number, node: string, nodeIp: string, managementIps: readonly string[]): Promise<boolean>;
}

export interface NodeIdDisk {
  /** undefined: there is none, or it is that of a node of another name. Throws PodwireError RecordInvalid, or the disk's error. */
  read(node: string): Promise<number | undefined>;
  /** Survives a loss of power. */
  write(node: string, id: number): Promise<void>;
}
