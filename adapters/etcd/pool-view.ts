/** What this process knows of the pools that it gives addresses of. */
import type { IpNumbers } from '../../domain/ports/ip-numbers.ts';
import type { AddressPool, ReservedElsewhere } from '../../domain/ipam/pool.ts';
import { Occupancy } from '../../domain/ipam/occupancy.ts';
import { poolAddressesPrefix } from '../../domain/keys.ts';
import type { IpValue } from '../../domain/primary/subnet.ts';
import { SingleFlight } from '../concurrency/single-flight.ts';
import type { Etcd } from './client.ts';
import { addressIn, takenIn } from './pool-records.ts';

/** One pool. */
export interface PoolView {
  readonly occupancy: Occupancy;
  /** Of each set, by number, where the search goes on. */
  readonly cursors: Map<number, bigint>;
  /** Addresses whose transactions are under way in this process, as `pendingKey` has them. */
  readonly pending: Set<string>;
  /** Addresses that are somebody's without the pool, in the same form. */
  readonly reserved: Set<string>;
  isLoaded: boolean;
}

/** A process that is asked for more pools forgets the one that was used least lately; it is read again when it is asked for. */
const MAX_POOLS = 256;

export const pendingKey = ({ family, value }: IpValue): string => `${family}/${value}`;

export class PoolViews {
  readonly #etcd: Pick<Etcd, 'list'>;
  readonly #ip: Pick<IpNumbers, 'value'>;
  readonly #views = new Map<string, PoolView>();
  readonly #loads = new SingleFlight();

  constructor(etcd: Pick<Etcd, 'list'>, ip: Pick<IpNumbers, 'value'>) {
    this.#etcd = etcd;
    this.#ip = ip;
  }

  of(pool: string): PoolView {
    const view: PoolView = this.#views.get(pool) ?? {
      ...{ occupancy: new Occupancy(), cursors: new Map(), pending: new Set() },
      ...{ reserved: new Set<string>(), isLoaded: false },
    };
    this.#views.delete(pool);
    this.#views.set(pool, view);
    const [oldest] = this.#views.keys();
    if (this.#views.size > MAX_POOLS && oldest !== undefined) this.#views.delete(oldest);
    return view;
  }

  /** Reads everything of a pool, once for all who want it at the same moment. @throws PodwireError EtcdUnavailable */
  load({ name, reserved }: Pick<AddressPool, 'name' | 'reserved'>, view: PoolView): Promise<void> {
    return this.#loads.run(name, () => this.#load(name, reserved, view));
  }

  async #load(pool: string, reserved: ReservedElsewhere | undefined, view: PoolView): Promise<void> {
    const { entries } = await this.#etcd.list(poolAddressesPrefix(pool));
    const elsewhere = reserved === undefined ? [] : (await this.#etcd.list(reserved.prefix)).entries;
    view.reserved.clear();
    for (const { key, value } of elsewhere) {
      const address = this.#ip.value(key.slice(reserved?.prefix.length));
      if (address !== undefined && value !== reserved?.own) view.reserved.add(pendingKey(address));
    }
    view.occupancy.load(
      entries.flatMap((entry) => {
        const address = addressIn(pool, entry, this.#ip);
        return address === undefined ? [] : [[address, takenIn(entry)] as const];
      }),
    );
    view.isLoaded = true;
  }
}
