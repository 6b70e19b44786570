/** ipam: how fast addresses of one pool are given to many clients at once, against the same transactions on the same etcd without a pool around them. */
import { createAddressPools } from '../../adapters/etcd/address-pools.ts';
import { createEtcd, type Etcd } from '../../adapters/etcd/client.ts';
import { ipNumbers } from '../../adapters/ip/ip-numbers.ts';
import { declaredPool } from '../../adapters/ipam/declared-pool.ts';
import type { AddressOwner } from '../../domain/ipam/owner.ts';
import type { AddressPool } from '../../domain/ipam/pool.ts';
import { startEtcd } from '../etcd/etcd-server.ts';
import { bar, type BenchResult, type Figure } from './report.ts';
import { sampleOf } from './statistics.ts';

const CLIENTS = [1, 8, 32];
const ALLOCATIONS = 960;
/** At least 0.7 of the floor's allocations in the same time. */
const MOST_RATIO = 1 / 0.7;
const TREE = '/podwire/ipam/';

export async function ipamBench(rounds: number): Promise<BenchResult> {
  const server = await startEtcd();
  const clients = Array.from({ length: Math.max(...CLIENTS) }, () =>
    createEtcd({ endpoints: [server.endpoint], timeoutMs: 10_000 }),
  );
  try {
    const figures: Figure[] = [];
    for (const count of CLIENTS) figures.push(await compared(clients.slice(0, count), rounds));
    figures.push(await toTheLast(clients, rounds));
    return {
      bench: 'ipam',
      how: `${ALLOCATIONS} allocations of one pool by clients with a connection each, next-fit, each round with nothing of the ones before in etcd; floor: transactions that create the same two records under names that nobody else wants, in turns with it`,
      ...{ figures, tables: [], checks: [] },
    };
  } finally {
    for (const client of clients) client.close();
    await server.stop();
  }
}

async function compared(clients: readonly Etcd[], rounds: number): Promise<Figure> {
  const [ours, floor]: [number[], number[]] = [[], []];
  const pool = poolOf('10.0.0.0/16');
  // The first round of each is for the compiler.
  for (let round = 0; round <= rounds; round += 1) {
    const times = [await timed(clients, bare), await timed(clients, pooled(pool))];
    if (round === 0) continue;
    floor.push(times[0] ?? 0);
    ours.push(times[1] ?? 0);
  }
  const [sample, ofFloor] = [sampleOf(ours), sampleOf(floor)];
  const rate = Math.round(ALLOCATIONS / (sample.p50 / 1_000));
  return {
    what: `${ALLOCATIONS} allocations by ${clients.length} ${clients.length === 1 ? 'client' : 'clients'} (${rate} a second)`,
    ...{ unit: 'ms', sample, floor: ofFloor },
    bars: [bar('≥ 0.7 × the floor’s rate', sample.p50 / ofFloor.p50, MOST_RATIO)],
  };
}

/** As many addresses as are wanted: the last ones have to be found. */
async function toTheLast(clients: readonly Etcd[], rounds: number): Promise<Figure> {
  const times: number[] = [];
  const pool = poolOf('10.0.0.0/22', { range_start: '10.0.0.1', range_end: '10.0.3.192' });
  for (let round = 0; round < rounds; round += 1) times.push(await timed(clients, pooled(pool)));
  return {
    what: `the same out of exactly ${ALLOCATIONS} addresses, ${clients.length} clients`,
    unit: 'ms',
    sample: sampleOf(times),
  };
}

const poolOf = (range: string, more: object = {}): AddressPool =>
  declaredPool({ pool: 'bench', range, ...more }, ipNumbers).pool;

type Allocating = (etcd: Etcd) => (name: string) => Promise<unknown>;

const ownerOf = (id: string): AddressOwner => ({ kind: 'container', id, interfaceName: 'net1', node: 'n1' });

const pooled =
  (pool: AddressPool): Allocating =>
  (etcd) => {
    const pools = createAddressPools(etcd, { ip: ipNumbers, now: () => Date.now(), random: Math.random });
    return (name) => pools.allocate(pool, ownerOf(name));
  };

/** Values of the same length as podwire's. */
const bare: Allocating = (etcd) => {
  const owner = JSON.stringify({
    ...{ v: 1, pool: 'bench', owner: ownerOf('c00-000'), at: Date.now(), restMs: 60_000 },
    addresses: [{ address: '10.0.100.100/16' }],
  });
  const address = JSON.stringify({ v: 1, state: 'held', owner: ownerOf('c00-000'), at: Date.now() });
  return (name) => {
    const keys = [`${TREE}owners/n1/container:${name}:net1/bench`, `${TREE}addresses/bench/${name}`];
    return etcd.transact(
      keys.map((key) => ({ key, is: 'absent' as const })),
      keys.map((key, index) => ({ put: key, value: index === 0 ? owner : address })),
    );
  };
};

/** @returns milliseconds from the first to the last allocation */
async function timed(clients: readonly Etcd[], allocating: Allocating): Promise<number> {
  const works = clients.map(allocating);
  await Promise.all(clients.map((etcd) => etcd.get('/')));
  const startedAt = performance.now();
  await Promise.all(
    works.map(async (allocate, client) => {
      for (let n = client; n < ALLOCATIONS; n += clients.length) await allocate(`c${client}-${n}`);
    }),
  );
  const took = performance.now() - startedAt;
  const [etcd] = clients;
  for (const key of (await etcd?.keys(TREE)) ?? []) await etcd?.transact([], [{ remove: key }]);
  return took;
}
