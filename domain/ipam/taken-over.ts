/** Addresses of another IPAM plugin as podwire's records of the same addresses. */
import type { IpNumbers } from '../ports/ip-numbers.ts';
import { DEFAULT_REST_MS } from './pool.ts';
import type { OwnerRecord } from './records.ts';
import type { FoundAddress } from './whereabouts.ts';

export interface TakenOver {
  readonly records: readonly OwnerRecord[];
  /** Addresses of pods that are not there any more: nothing has them. */
  readonly gone: readonly string[];
  readonly unreadable: readonly string[];
}

/** Where whereabouts did not note the interface: no interface has the name. Such an address is given back when its sandbox is gone. */
const UNKNOWN_INTERFACE = '?';

/** @param nodes by `namespace/name` of the pod */
export function podwiresRecords(
  found: readonly FoundAddress[],
  nodes: ReadonlyMap<string, string>,
  {
    ip,
    poolNameOf,
    at,
  }: {
    readonly ip: Pick<IpNumbers, 'text'>;
    readonly poolNameOf: (networkName: string) => string;
    readonly at: number;
  },
): Pick<TakenOver, 'records' | 'gone'> {
  const gone: string[] = [];
  const records = new Map<string, OwnerRecord>();
  for (const { address, subnet, networkName, id, podref, ifname } of found) {
    const pool = poolNameOf(networkName);
    const text = `${ip.text(address)}/${subnet.prefix}`;
    const node = nodes.get(podref);
    const [namespace = '', name = ''] = podref.split('/');
    if (node === undefined || id === '') {
      gone.push(`${text} of pool ${pool} is left out: its pod ${podref} is not there`);
      continue;
    }
    const interfaceName = ifname === '' ? UNKNOWN_INTERFACE : ifname;
    const key = `${pool} ${id} ${interfaceName}`;
    const before = records.get(key);
    records.set(key, {
      ...{ v: 1, pool, at, restMs: DEFAULT_REST_MS },
      owner: { kind: 'container', id, interfaceName, node, pod: { namespace, name } },
      addresses: [...(before?.addresses ?? []), { address: text }],
    });
  }
  return { records: [...records.values()], gone };
}
