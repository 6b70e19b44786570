/** How reflected state is laid out in etcd. */

export const REFLECT_LAYOUTS = ['v1', 'readme'] as const;
/** `v1`: every tagged release of KSR. `readme`: what its README says, true of its first months only. */
type ReflectLayout = (typeof REFLECT_LAYOUTS)[number];

export const REFLECT_ENCODINGS = ['json', 'jsonpb', 'protobuf'] as const;
/** `json`: KSR up to 2.0.4 (enums are numbers). `jsonpb`: KSR from 2.1.0 on (enums are words). `protobuf`: binary. */
export type ReflectEncoding = (typeof REFLECT_ENCODINGS)[number];

export interface ReflectSettings {
  readonly layout: ReflectLayout;
  readonly encoding: ReflectEncoding;
  /** Begins and ends with a slash. */
  readonly prefix: string;
  /** Microservice label: the part of a key between prefix and kind; without a slash. */
  readonly label: string;
}

/** What KSR 2.1.0 and later do; nothing has to be set to take one's place. */
export const DEFAULT_REFLECT_SETTINGS: ReflectSettings = {
  layout: 'v1',
  encoding: 'jsonpb',
  prefix: '/vnf-agent/',
  label: 'contiv-ksr',
};

/**
 * A value larger than this is not written: a transaction has at most 1 MiB, and etcd refuses requests of 1.5 MiB. Kubernetes
 * lets through at most 256 KiB of annotations, so that only escapes (`<` takes six bytes in JSON) can come near.
 */
export const MAX_VALUE_BYTES = 1_000_000;
