/** Contract of the reflection's activities. Types only, so that workflows can import it. */
import type { ReflectCounts, ReflectSource } from '../../domain/reflect/messages.ts';

interface ReflectNamesInput {
  readonly source: ReflectSource;
  /** `namespace/name`, or `name` where there are no namespaces. */
  readonly names: readonly string[];
}

export interface ReflectResyncInput {
  readonly source: ReflectSource;
  /** For people. */
  readonly reason: string;
}

/** An entry of `allocatedIDs/` whose node was not there. */
export interface GoneNode {
  readonly node: string;
  readonly key: string;
  readonly modRevision: string;
  /** Of a node whose pods' network is podwire's: when it was not there and had no leases, in milliseconds since 1970. */
  readonly seenAt?: number;
}

export interface GoneNodes {
  readonly nodes: readonly GoneNode[];
  /** Pause before the second look. */
  readonly lookAgainAfterSeconds: number;
}

/** Local: bounded, one try. Fails with ApiUnavailable, EtcdUnavailable, Fenced (others write the same keys all the time). */
export interface ReflectLocalActivities {
  /** Reads these objects and their keys, and writes what differs. */
  reflectNames(input: ReflectNamesInput): Promise<ReflectCounts>;
}

export interface ReflectActivities {
  /** Mark and sweep of one source, with its progress as heartbeat. */
  reflectResync(input: ReflectResyncInput): Promise<ReflectCounts>;
  /** Nodes that have an ID and are gone, as seen once. Changes nothing. */
  findGoneNodes(): Promise<GoneNodes>;
  /** Looks again at these and removes what is left of those that are still gone. Returns their names. */
  removeGoneNodes(input: { readonly nodes: readonly GoneNode[] }): Promise<readonly string[]>;
}
