/**
 * whereabouts' objects as addresses of pools (k8snetworkplumbingwg/whereabouts 0.9, pkg/api/…/ippool_types.go and overlappingrangeipreservation_types.go,
 * names by pkg/storage/kubernetes/ipam.go).
 */
import type { IpNumbers } from '../ports/ip-numbers.ts';
import { containsAddress, WIDTH, type IpValue, type Subnet } from '../primary/subnet.ts';

interface WhereaboutsAllocation {
  readonly id: string;
  /** `namespace/name`. */
  readonly podref: string;
  /** Empty: an older whereabouts has written it. */
  readonly ifname: string;
}

export interface WhereaboutsPool {
  readonly name: string;
  readonly range: string;
  /** By distance from the range's address, decimal. */
  readonly allocations: Readonly<Record<string, WhereaboutsAllocation>>;
}

export interface WhereaboutsReservation extends WhereaboutsAllocation {
  readonly name: string;
}

/** One address of whereabouts. */
export interface FoundAddress extends WhereaboutsAllocation {
  /** Empty: that of configurations without one. */
  readonly networkName: string;
  readonly subnet: Subnet;
  readonly address: IpValue;
}

export interface FoundAddresses {
  readonly found: readonly FoundAddress[];
  /** What cannot be taken over, and why. */
  readonly unreadable: readonly string[];
}

/** An address that both kinds of objects have is found once; one that they have for two is nobody's to take over. */
export function whereaboutsAddresses(
  pools: readonly WhereaboutsPool[],
  reservations: readonly WhereaboutsReservation[],
  ip: Pick<IpNumbers, 'text' | 'value' | 'subnet'>,
): FoundAddresses {
  const unreadable: string[] = [];
  const ranges = pools.flatMap(
    (pool) => rangeOf(pool, ip) ?? (unreadable.push(`IPPool ${pool.name}: its range is ${pool.range}`), []),
  );
  const found = new Map<string, FoundAddress>();
  const add = (each: FoundAddress): void => {
    const key = `${each.networkName} ${each.address.value}`;
    const before = found.get(key);
    if (before === undefined) found.set(key, each);
    else if (before.podref !== each.podref || before.id !== each.id)
      unreadable.push(
        `${ip.text(each.address)}: both ${before.podref} (${before.id}) and ${each.podref} (${each.id}) have it`,
      );
  };
  for (const { pool, subnet, from, networkName } of ranges)
    for (const [offset, allocation] of Object.entries(pool.allocations)) {
      const address = /^\d{1,39}$/.test(offset) ? { family: subnet.family, value: from + BigInt(offset) } : undefined;
      if (address === undefined || address.value >> BigInt(WIDTH[subnet.family]) !== 0n)
        unreadable.push(`IPPool ${pool.name}: its allocation ${offset} is no distance from ${pool.range}`);
      else add({ ...allocation, networkName, subnet, address });
    }
  for (const reservation of reservations) {
    const { name, ...allocation } = reservation;
    const place = ranges.flatMap(({ networkName, subnet }) => {
      const address = addressInName(name, networkName, ip);
      return address !== undefined && containsAddress(subnet, address) ? [{ networkName, subnet, address }] : [];
    })[0];
    if (place === undefined) unreadable.push(`OverlappingRangeIPReservation ${name}: it is in the range of no IPPool`);
    else add({ ...allocation, ...place });
  }
  return { found: [...found.values()], unreadable };
}

interface Range {
  readonly pool: WhereaboutsPool;
  readonly subnet: Subnet;
  readonly from: bigint;
  readonly networkName: string;
}

function rangeOf(pool: WhereaboutsPool, ip: Pick<IpNumbers, 'value' | 'subnet'>): [Range] | undefined {
  const subnet = ip.subnet(pool.range);
  const from = ip.value(pool.range.split('/', 1)[0] ?? '')?.value;
  if (subnet === undefined || from === undefined) return undefined;
  const ofRange = asName(pool.range);
  const networkName = pool.name.endsWith(`-${ofRange}`) ? pool.name.slice(0, -ofRange.length - 1) : '';
  return [{ pool, subnet, from, networkName }];
}

/** `normalizeRange` and `normalizeIP`: no colons and slashes, and no colon at the end. */
const asName = (text: string): string =>
  (text.endsWith(':') ? `${text}0` : text).replaceAll(':', '-').replaceAll('/', '-');

function addressInName(name: string, networkName: string, ip: Pick<IpNumbers, 'value'>): IpValue | undefined {
  const prefix = networkName === '' ? '' : `${networkName}-`;
  if (!name.startsWith(prefix)) return undefined;
  const text = name.slice(prefix.length);
  const colons = text.replaceAll('-', ':');
  return ip.value(text) ?? ip.value(colons) ?? ip.value(colons.replace(/:0$/, ':'));
}
