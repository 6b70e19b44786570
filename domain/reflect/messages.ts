/** Names and payloads of the reflection that cross process borders: workflow ids, signals, queries. Public. */
import type { ProvisioningState } from '../messages.ts';

/** What of the Kubernetes API is read; one run of the `reflect` workflow for each. One object can give several keys in etcd. */
export const REFLECT_SOURCES = ['namespace', 'pod', 'policy', 'service', 'endpoints', 'node'] as const;
export type ReflectSource = (typeof REFLECT_SOURCES)[number];

export const REFLECT = 'reflect';
/** Task queue of a reflector that runs by itself (`podwire ksr`); without one, the orchestrators do its work. */
export const REFLECT_QUEUE = 'podwire-ksr';
export const reflectWorkflowId = (source: ReflectSource): string => `reflect/${source}`;

/** Objects changed, came or went. Reconcile requests: each object is read anew. */
export const REFLECT_DIRTY = 'reflectDirty';
/** Everything is to be compared: mark and sweep. */
export const REFLECT_RESYNC = 'reflectResync';
/** Query that answers with `ReflectView`. */
export const REFLECT_VIEW = 'view';

/** Names in one signal; more than a person wants to read, less than a payload may hold. */
export const MAX_DIRTY_NAMES = 500;
/** So many changed objects at once are compared as a whole instead, by lists: no queue grows beyond it. */
export const MAX_DIRTY_QUEUE = 2_000;

export interface ReflectInput {
  readonly source: ReflectSource;
  /** Carried over by continue-as-new. */
  readonly dirty?: readonly string[];
  readonly resync?: string;
  readonly nodesGone?: boolean;
}

export interface DirtyRequest {
  /** `namespace/name`, or `name` where there are no namespaces; at most `MAX_DIRTY_NAMES`. */
  readonly names: readonly string[];
}

export interface ResyncRequest {
  /** For people. */
  readonly reason: string;
}

/** What was done to etcd. */
export interface ReflectCounts {
  readonly added: number;
  readonly updated: number;
  readonly deleted: number;
}

export const NO_COUNTS: ReflectCounts = { added: 0, updated: 0, deleted: 0 };

/** A run as a person sees it. */
export interface ReflectView {
  readonly source: ReflectSource;
  readonly state: ProvisioningState;
  /** Why it does not get on. */
  readonly failure?: string;
  /** Objects that wait. */
  readonly dirty: number;
  /** Reason of the resync that is under way or waits. */
  readonly resync?: string;
  /** Of this run. */
  readonly done: ReflectCounts;
}

/** How far a resync is; the heartbeat of its activity. */
export interface ResyncProgress extends ReflectCounts {
  readonly phase: 'reading etcd' | 'reading the cluster' | 'looking again' | 'done';
  /** Objects of the cluster that were compared. */
  readonly compared: number;
  /** Values in etcd before. */
  readonly stored: number;
}

/** At the end of a resync, in etcd: who reads it knows since when etcd is complete, and that etcd lost its data when it is missing. */
export interface ResyncMarker {
  readonly v: number;
  readonly source: ReflectSource;
  /** ISO time of the end of the resync. */
  readonly at: string;
  readonly reason: string;
  readonly objects: number;
}
