/** Endpoints as their controller would have made them, from the EndpointSlices of a service. */
import type { ObjectId } from '../keys.ts';
import { OddObject, Reading } from '../reading.ts';
import type { EndpointAddress, EndpointPort, EndpointSubset, EndpointsRecord } from '../records.ts';
import { compareTexts } from '../text-order.ts';
import { endpointAddress, endpointPort } from './endpoints.ts';
import { message } from './message.ts';

const SERVICE_LABEL = 'kubernetes.io/service-name';

export type AddressType = 'IPv4' | 'IPv6';

/** The service that a slice belongs to, or undefined when it belongs to none. Never throws. */
export function serviceOfSlice(slice: unknown): Required<ObjectId> | undefined {
  try {
    const metadata = new Reading(slice, '').child('metadata');
    const name = metadata.textMap('labels').find(([key]) => key === SERVICE_LABEL)?.[1] ?? '';
    const namespace = metadata.text('namespace');
    return name === '' || namespace === '' ? undefined : { name, namespace };
  } catch {
    return undefined;
  }
}

/**
 * The result depends on the set of slices only, not on their order. Endpoints have addresses of one family: the one given,
 * else IPv4 when there is any slice of it. One subset per list of ports; an address that one slice calls ready is ready;
 * what is ending and not ready is left out, as the controller leaves out pods that are being deleted.
 * @throws OddObject
 */
export function endpointsOfSlices(
  id: Required<ObjectId>,
  slices: readonly Reading[],
  family: AddressType | undefined,
): EndpointsRecord {
  const wanted = family ?? (slices.some((slice) => slice.text('addressType') === 'IPv4') ? 'IPv4' : 'IPv6');
  const groups = new Map<string, Group>();
  for (const slice of slices.filter((one) => one.text('addressType') === wanted)) collect(slice, groups);
  const subsets = [...groups].sort(([a], [b]) => compareTexts(a, b)).map(([, group]) => subsetOf(group));
  return message<EndpointsRecord>({ ...id, endpoint_subsets: subsets });
}

interface Group {
  readonly ports: readonly EndpointPort[];
  readonly ready: Map<string, EndpointAddress>;
  readonly notReady: Map<string, EndpointAddress>;
}

function collect(slice: Reading, groups: Map<string, Group>): void {
  const ports = slice.children('ports').map(endpointPort).sort(byText);
  const key = JSON.stringify(ports);
  for (const endpoint of slice.children('endpoints')) {
    const state = stateOf(endpoint);
    // The addresses of one endpoint are alternatives; consumers take the first.
    const [ip] = endpoint.texts('addresses');
    if (ip === undefined || state === 'ending') continue;
    const group = groups.get(key) ?? { ports, ready: new Map(), notReady: new Map() };
    groups.set(key, group);
    const address = endpointAddress(endpoint, ip);
    // The same pod may be in two slices while it moves; the text decides, so that the order of slices does not.
    const text = JSON.stringify({ ...address, target_ref: address.target_ref?.uid ?? address.target_ref });
    const addresses: Map<string, EndpointAddress> = group[state];
    const known = addresses.get(text);
    if (known === undefined || byText(address, known) < 0) addresses.set(text, address);
  }
}

function stateOf(endpoint: Reading): 'ready' | 'notReady' | 'ending' {
  const conditions = endpoint.child('conditions');
  // Unknown is to be taken for ready.
  if (flag(conditions, 'ready') ?? true) return 'ready';
  return flag(conditions, 'terminating') === true ? 'ending' : 'notReady';
}

function flag(conditions: Reading, key: string): boolean | undefined {
  const value = conditions.raw(key);
  if (value === undefined || typeof value === 'boolean') return value;
  throw new OddObject(`${conditions.path}.${key} is no truth value`);
}

function subsetOf({ ports, ready, notReady }: Group): EndpointSubset {
  return message<EndpointSubset>({
    addresses: [...ready.values()].sort(byAddress),
    not_ready_addresses: [...notReady].flatMap(([text, address]) => (ready.has(text) ? [] : [address])).sort(byAddress),
    ports,
  });
}

const byText = (a: object, b: object): number => compareTexts(JSON.stringify(a), JSON.stringify(b));
const byAddress = (a: EndpointAddress, b: EndpointAddress): number =>
  compareTexts(a.ip ?? '', b.ip ?? '') || byText(a, b);
