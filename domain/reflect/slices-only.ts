import type { AddressType } from './mapping/slices.ts';

/** What stands for the Endpoints object of a service that only has EndpointSlices. */
export class SlicesOnly {
  readonly slices: readonly unknown[];
  /** The service's first family, whose addresses its Endpoints would have; undefined: the slices are of one family, or nobody knows. */
  readonly family: AddressType | undefined;

  /** @param slices all of the service, as the API gives them */
  constructor(slices: readonly unknown[], family?: AddressType) {
    this.slices = slices;
    this.family = family;
  }
}

/** Whether slices are of both families, so that the service has to say which one is its first. */
export function isDualStack(slices: readonly unknown[]): boolean {
  const types = new Set(slices.map((slice) => (slice as { addressType?: unknown } | null)?.addressType));
  return types.has('IPv4') && types.has('IPv6');
}

/** `spec.ipFamilies[0]` of a Service (core/v1), which never changes while the service lives. */
export function firstFamilyOf(service: unknown): AddressType | undefined {
  const { spec } = (service ?? {}) as { spec?: { ipFamilies?: unknown } };
  const first: unknown = Array.isArray(spec?.ipFamilies) ? spec.ipFamilies[0] : undefined;
  return first === 'IPv4' || first === 'IPv6' ? first : undefined;
}
