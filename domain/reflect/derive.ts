/** Which keys in etcd an object of the cluster stands for, and what is to be there. */
import { convert, convertSlices } from './convert.ts';
import { keyOf, listPrefix, parseKey, type ObjectId } from './keys.ts';
import type { RecordKind, ReflectKind } from './kinds.ts';
import type { ReflectedRecord } from './records.ts';
import type { ReflectSettings } from './settings.ts';
import type { ReflectSource } from './messages.ts';
import { SlicesOnly } from './slices-only.ts';
import { networksKey, networksPrefix, parseNetworksKey, podNetworksOf } from './pod-networks.ts';

export interface Derived {
  readonly key: string;
  readonly kind: RecordKind;
  /** Undefined: the key is not to be there. */
  readonly record: ReflectedRecord | undefined;
  /** The object is there but cannot be reflected: whatever is at the key stays. */
  readonly skipped?: string;
}

/** Where a source's keys are; what `nameOf` does not know below the prefix is not its own. */
export interface Tree {
  readonly kind: RecordKind;
  readonly prefix: string;
  readonly nameOf: (key: string) => string | undefined;
}

const KINDS: Readonly<Record<ReflectSource, readonly ReflectKind[]>> = {
  namespace: ['namespace'],
  pod: ['pod', 'sfcPod'],
  policy: ['policy'],
  service: ['service'],
  endpoints: ['endpoints'],
  node: ['node'],
};

/** The kinds of records that a source gives. */
export const kindsOf = (source: ReflectSource): readonly RecordKind[] =>
  source === 'pod' ? [...KINDS.pod, 'podNetworks'] : KINDS[source];

/** `namespace/name`, or `name`. */
const nameOfId = ({ namespace, name }: ObjectId): string => (namespace === undefined ? name : `${namespace}/${name}`);

function idOfName(name: string): ObjectId {
  const [first = '', second] = name.split('/');
  return second === undefined ? { name: first } : { namespace: first, name: second };
}

export function treesOf(source: ReflectSource, settings: ReflectSettings): Tree[] {
  const trees = KINDS[source].map((kind): Tree => ({
    kind,
    prefix: listPrefix(kind, settings),
    nameOf: (key) => {
      const id = parseKey(kind, key, settings);
      return id === undefined ? undefined : nameOfId(id);
    },
  }));
  if (source !== 'pod') return trees;
  return [
    ...trees,
    { kind: 'podNetworks', prefix: networksPrefix(settings), nameOf: (key) => parseNetworksKey(key, settings) },
  ];
}

/**
 * @param name `namespace/name`, or `name`
 * @param object as the API gives it; undefined: there is none of that name
 */
export function derive(source: ReflectSource, name: string, object: unknown, settings: ReflectSettings): Derived[] {
  const id = idOfName(name);
  const derived = KINDS[source].map((kind): Derived => {
    const key = keyOf(kind, id, settings);
    if (object === undefined || (kind === 'sfcPod' && !isSfc(object))) return { key, kind, record: undefined };
    const conversion =
      object instanceof SlicesOnly ? convertSlices(object.slices, object.family) : convert(kind, object);
    if (conversion.ok) return { key, kind, record: conversion.record };
    return { key, kind, record: undefined, ...(conversion.byRule ? {} : { skipped: conversion.reason }) };
  });
  if (source !== 'pod') return derived;
  const networks: Derived = { key: networksKey(id, settings), kind: 'podNetworks', record: podNetworksOf(object) };
  return [...derived, networks];
}

/** Almost no pod is one; converting each to find that out would be half the work of a resync. */
const isSfc = (pod: unknown): boolean =>
  (pod as { metadata?: { labels?: { sfc?: unknown } | null } | null } | null)?.metadata?.labels?.sfc === 'true';
