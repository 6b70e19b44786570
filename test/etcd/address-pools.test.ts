/** Pools of addresses on a real etcd. */
import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { createAddressPools } from '../../adapters/etcd/address-pools.ts';
import { createPoolDeclarations } from '../../adapters/etcd/pool-declarations.ts';
import { createPoolUpkeep } from '../../adapters/etcd/pool-upkeep.ts';
import { createEtcd, type Etcd } from '../../adapters/etcd/client.ts';
import { addressRecordIn, ownerRecordIn } from '../../adapters/etcd/pool-records.ts';
import { ipNumbers } from '../../adapters/ip/ip-numbers.ts';
import { declaredPool } from '../../adapters/ipam/declared-pool.ts';
import { PodwireError } from '../../domain/failures.ts';
import { claimKey, type AddressOwner } from '../../domain/ipam/owner.ts';
import type { AddressPool } from '../../domain/ipam/pool.ts';
import { addressOwnersPrefix, poolAddressesPrefix, rootPrefix } from '../../domain/keys.ts';
import type { AddressPools, WantedAddresses } from '../../domain/ports/address-pools.ts';
import { etcdForTests } from './etcd-for-tests.ts';

const REST_MS = 60_000;

const poolOf = (written: object): AddressPool => declaredPool({ pool: 'blue', ...written }, ipNumbers).pool;
const container = (number: number | string, more: Partial<AddressOwner> = {}): AddressOwner => ({
  ...{ kind: 'container', id: `c${number}`, interfaceName: 'net1', node: 'n1' },
  ...{ pod: { namespace: 'shop', name: `web-x${number}x` }, ...more },
});

describe('a pool of addresses', () => {
  const real = etcdForTests();
  let now = 1_700_000_000_000;
  const deps = { ip: ipNumbers, now: () => now, random: Math.random };
  const pools = (etcd: Etcd = real.etcd): AddressPools => createAddressPools(etcd, deps);
  const textsOf = async (
    from: AddressPools,
    pool: AddressPool,
    owner: AddressOwner,
    wanted?: WantedAddresses,
  ): Promise<string[]> => (await from.allocate(pool, owner, wanted)).map(({ address }) => address);
  beforeEach(async () => {
    for (const key of await real.etcd.keys(rootPrefix())) await real.etcd.transact([], [{ remove: key }]);
  });

  /** Addresses that are held, of the owners' records and of the addresses', which have to be the same. */
  async function held(pool = 'blue'): Promise<string[]> {
    const { entries: owners } = await real.etcd.list(addressOwnersPrefix());
    const { entries: addresses } = await real.etcd.list(poolAddressesPrefix(pool));
    const ofOwners = owners
      .map((entry) => ownerRecordIn(entry) ?? assert.fail(entry.key))
      .flatMap((record) => record.addresses.map(({ address }) => address.split('/')[0] ?? ''));
    const ofAddresses = addresses
      .filter((entry) => (addressRecordIn(entry) ?? assert.fail(entry.key)).state === 'held')
      .map(({ key }) => key.slice(poolAddressesPrefix(pool).length));
    assert.deepEqual(
      ofOwners.toSorted(),
      ofAddresses.toSorted(),
      'an address without owner, or an owner without address',
    );
    assert.equal(new Set(ofOwners).size, ofOwners.length, 'an address twice');
    return ofOwners;
  }

  it('gives one address of each set, with prefix and gateway, and the same to whoever asks again', async () => {
    const pool = poolOf({ range: '10.0.0.0/24', gateway: '10.0.0.1', ipRanges: [{ range: 'fd00::/64' }] });
    const first = await pools().allocate(pool, container(1));
    assert.equal(first[0]?.gateway, '10.0.0.1');
    assert.match(first[0]?.address ?? '', /^10\.0\.0\.\d+\/24$/);
    assert.match(first[1]?.address ?? '', /^fd00::[0-9a-f:]+\/64$/);
    assert.deepEqual(await pools().allocate(pool, container(1)), first);
    assert.equal((await held()).length, 2);
  });

  it('gives its lowest address where that is set, and the next one where it is not', async () => {
    const lowest = poolOf({ range: '10.0.0.0/24', order: 'lowest', restSeconds: 0 });
    const one = pools();
    assert.deepEqual(await textsOf(one, lowest, container(1)), ['10.0.0.1/24']);
    assert.deepEqual(await textsOf(one, lowest, container(2)), ['10.0.0.2/24']);
    await one.release(container(1));
    assert.deepEqual(await textsOf(one, lowest, container(3)), ['10.0.0.1/24']);
    const next = poolOf({ pool: 'next', range: '10.0.0.0/24', restSeconds: 0 });
    const numbers: number[] = [];
    for (let n = 1; n <= 4; n += 1) {
      numbers.push(Number(/\.(\d+)\//.exec((await textsOf(one, next, container(n)))[0] ?? '')?.[1]));
      await one.release(container(n), 'next');
    }
    assert.deepEqual(
      numbers.map((number, at) => (254 + number - (numbers[0] ?? 0)) % 254 === at),
      [true, true, true, true],
    );
  });

  it('lets a released address rest, except for the same pod’s interface, and says what is missing', async () => {
    const pool = poolOf({ range: '10.0.0.0/30' });
    const one = pools();
    const [first] = await textsOf(one, pool, container(1));
    await textsOf(one, pool, container(2));
    await one.release(container(1));
    await assert.rejects(one.allocate(pool, container(3)), {
      code: 'PoolExhausted',
      message:
        'no address of pool blue is free; 10.0.0.0/30: of 2 there are 1 in use, 1 resting for 60 s after their owners',
    });
    // The kubelet makes a sandbox anew after each failure: it is not to use up the pool.
    const again = container('1b', { pod: container(1).pod });
    assert.deepEqual(await textsOf(one, pool, again), [first]);
    await one.release(again);
    now += REST_MS;
    assert.deepEqual(await textsOf(pools(), pool, container(3)), [first]);
    assert.equal((await held()).length, 2);
  });

  it('is found free again by a process that knew it as exhausted', async () => {
    const pool = poolOf({ range: '10.0.0.1/32', restSeconds: 0 });
    const [one, other] = [pools(), pools()];
    await one.allocate(pool, container(1));
    await assert.rejects(other.allocate(pool, container(2)), { code: 'PoolExhausted' });
    await one.release(container(1));
    assert.deepEqual(await textsOf(other, pool, container(2)), ['10.0.0.1/32']);
  });

  it('gives a wanted address that is free or rests, and refuses one of another pod or of no range', async () => {
    const pool = poolOf({ range: '10.0.0.0/24', exclude: ['10.0.0.9'], gateway: '10.0.0.1' });
    const one = pools();
    assert.deepEqual(await textsOf(one, pool, container(1), { addresses: ['10.0.0.7'] }), ['10.0.0.7/24']);
    await assert.rejects(one.allocate(pool, container(2), { addresses: ['10.0.0.7'] }), {
      code: 'AddressTaken',
      message: /10\.0\.0\.7 of pool blue belongs to shop\/web-x1x net1/,
    });
    for (const address of ['10.0.0.9', '10.0.0.1', '10.0.1.7', 'fd00::1', 'x'])
      await assert.rejects(one.allocate(pool, container(2), { addresses: [address] }), { code: 'AddressOutside' });
    await one.release(container(1));
    assert.deepEqual(await textsOf(pools(), pool, container(2), { addresses: ['10.0.0.7'] }), ['10.0.0.7/24']);
  });

  it('exchanges what an owner is not to have any more in one step, or leaves it what it has', async () => {
    const pool = poolOf({ range: '10.0.0.0/29', order: 'lowest', restSeconds: 0 });
    const one = pools();
    const exchanged = async (from: AddressPool, wanted?: WantedAddresses): Promise<string[]> =>
      (await one.exchange(from, container(1), wanted)).map(({ address }) => address);
    await one.allocate(pool, container(1));
    await one.allocate(pool, container(2));
    await assert.rejects(one.exchange(pool, container(1), { addresses: ['10.0.0.2'] }), { code: 'AddressTaken' });
    assert.deepEqual(await textsOf(one, pool, container(1)), ['10.0.0.1/29']);
    assert.deepEqual(await exchanged(pool, { addresses: ['10.0.0.5'] }), ['10.0.0.5/29']);
    // Its link has the former one for a moment still, whatever the pool's rest is.
    assert.deepEqual(await textsOf(one, pool, container(3)), ['10.0.0.3/29']);
    const both = poolOf({
      ipRanges: [{ range: '10.0.0.0/29' }, { range: 'fd00::/64' }],
      order: 'lowest',
      restSeconds: 0,
    });
    assert.deepEqual(await exchanged(both), ['10.0.0.5/29', 'fd00::1/64']);
    assert.deepEqual(await exchanged(pool), ['10.0.0.5/29']);
    assert.equal((await held()).length, 3);
    await one.release(container(1));
    assert.deepEqual(await exchanged(pool, { addresses: ['10.0.0.6'] }), ['10.0.0.6/29']);
  });

  it('exchanges beside others without giving anything twice', async () => {
    const pool = poolOf({ range: '10.0.0.0/26', restSeconds: 0 });
    const all = Array.from({ length: 16 }, (_, number) => ({ number, from: pools() }));
    await Promise.all(all.map(({ from, number }) => from.allocate(pool, container(number))));
    const wider = poolOf({ ipRanges: [{ range: '10.0.0.0/26' }, { range: 'fd00::/120' }], restSeconds: 0 });
    await Promise.all(all.map(({ from, number }) => from.exchange(wider, container(number))));
    assert.equal((await held()).length, 32);
  });

  it('gives no address that is somebody’s without the pool, also when that came meanwhile', async () => {
    const reserved = { prefix: '/podwire/networks/x/blue/addresses/', own: 'mine' };
    const pool = { ...poolOf({ range: '10.0.0.0/29', order: 'lowest', restSeconds: 0 }), reserved };
    const put = (address: string, value: string): Promise<unknown> =>
      real.etcd.transact([], [{ put: `${reserved.prefix}${address}`, value }]);
    const one = pools();
    await put('10.0.0.1', 'theirs');
    assert.deepEqual(await textsOf(one, pool, container(1)), ['10.0.0.2/29']);
    await put('10.0.0.3', 'theirs');
    await put('10.0.0.4', 'mine');
    assert.deepEqual(await textsOf(one, pool, container(2)), ['10.0.0.4/29']);
    await one.allocate(pool, container(3));
    await one.allocate(pool, container(4));
    await assert.rejects(one.allocate(pool, container(5)), {
      code: 'PoolExhausted',
      message: /of 6 there are 4 in use; 2 more belong to pods that chose them/,
    });
  });

  it('keeps the address of a StatefulSet’s pod, and gives it to nobody else until it is forgotten', async () => {
    const pool = poolOf({ range: '10.0.0.0/30', sticky: true, restSeconds: 0 });
    const pod = { namespace: 'shop', name: 'db-0' };
    const one = pools();
    const first = await textsOf(one, pool, container(1, { pod }));
    // The pod before is still there.
    await assert.rejects(one.allocate(pool, container(2, { pod })), { code: 'AddressHeld' });
    await one.release(container(1));
    await one.allocate(pool, container(3));
    await assert.rejects(one.allocate(pool, container(4)), { code: 'PoolExhausted', message: /1 kept for owners/ });
    assert.deepEqual(await textsOf(pools(), pool, container(2, { pod, node: 'n2' })), first);
    await assert.rejects(one.forgetSticky('blue', 'pod:shop:db-0:net1'), { code: 'AddressHeld' });
    await one.release(container(2, { node: 'n2' }));
    assert.equal(await one.forgetSticky('blue', 'pod:shop:db-0:net1'), true);
    assert.equal(await one.forgetSticky('blue', 'pod:shop:db-0:net1'), false);
    assert.deepEqual(await textsOf(one, pool, container(4)), first);
  });

  it('keeps an address for a claim that outlives its pods, whatever their names are', async () => {
    const pool = poolOf({ range: '10.0.0.0/30', restSeconds: 0 });
    const sticky = claimKey({ namespace: 'shop', name: 'vm' });
    const first = await textsOf(pools(), pool, container(1), { sticky });
    await pools().release(container(1));
    await pools().allocate(pool, container(2));
    assert.deepEqual(await textsOf(pools(), pool, container(3), { sticky }), first);
  });

  it('gives eight interfaces of one node that ask at once eight addresses, with a transaction for each', async () => {
    const pool = poolOf({ range: '10.0.0.0/24' });
    let transactions = 0;
    const counted: Etcd = { ...real.etcd, transact: (...all) => ((transactions += 1), real.etcd.transact(...all)) };
    const one = pools(counted);
    await Promise.all(Array.from({ length: 8 }, (_, n) => one.allocate(pool, container(n))));
    assert.equal((await held()).length, 8);
    assert.equal(transactions, 8);
  });

  it('counts a namespace’s quota exactly, also when all ask at once', async () => {
    const pool = poolOf({ range: '10.0.0.0/24', perNamespace: 5 });
    const asked = await Promise.allSettled(Array.from({ length: 12 }, (_, n) => pools().allocate(pool, container(n))));
    assert.equal(asked.filter(({ status }) => status === 'fulfilled').length, 5);
    const refused = asked.flatMap((each) => (each.status === 'rejected' ? [each.reason as PodwireError] : []));
    assert.deepEqual(new Set(refused.map(({ code }) => code)), new Set(['PoolExhausted']));
    assert.match(refused[0]?.message ?? '', /namespace shop has addresses of pool blue for 5 interfaces/);
    assert.equal((await pools().allocate(pool, container('y', { pod: { namespace: 'bank', name: 'y' } }))).length, 1);
    const [owner] = (await pools().ownersOf('n1')).filter((each) => each.owner.pod?.namespace === 'shop');
    await pools().release(owner?.owner ?? assert.fail());
    assert.equal((await pools().allocate(pool, container('z'))).length, 1);
  });

  it('gives a namespace no more where its quota was larger once, and says so at once', async () => {
    const poolWith = (perNamespace: number) => poolOf({ range: '10.0.0.0/24', perNamespace });
    for (let n = 0; n < 4; n += 1) await pools().allocate(poolWith(10), container(n));
    await assert.rejects(pools().allocate(poolWith(4), container('x')), { code: 'PoolExhausted' });
    await assert.rejects(pools().allocate(poolWith(2), container('x')), /for 2 interfaces, as many as it may have/);
    assert.equal((await held()).length, 4);
  });

  it('gives both addresses of an interface again to who comes back under its name', async () => {
    const pool = poolOf({ range: '10.0.0.0/24', ipRanges: [{ range: 'fd00::/64' }] });
    const one = pools();
    const first = await textsOf(one, pool, container('a'));
    await one.release(container('a'));
    assert.deepEqual(await textsOf(one, pool, container('a', { id: 'next' })), first);
    await one.release(container('a', { id: 'next' }));
    assert.deepEqual(await textsOf(pools(), pool, container('a', { id: 'third' })), first);
  });

  it('gives the lowest address again when its record has gone from etcd by itself', async () => {
    const pool = poolOf({ range: '10.0.0.0/24', order: 'lowest' });
    const one = pools();
    const [first] = await textsOf(one, pool, container(1));
    await textsOf(one, pool, container(2));
    await one.release(container(1));
    now += REST_MS + 61_000;
    await createPoolUpkeep(real.etcd, () => now).forgetRested();
    assert.deepEqual((await real.etcd.list(poolAddressesPrefix('blue'))).entries.length, 1);
    assert.deepEqual(await textsOf(one, pool, container(3)), [first]);
  });

  it('is refused to who writes ranges of its own beside the name of a declared one', async () => {
    const declarations = createPoolDeclarations(real.etcd, ipNumbers);
    const written = { pool: 'blue', range: '10.0.0.0/24', perNamespace: 1 };
    await declarations.read(written);
    await declarations.declare(written);
    await assert.rejects(declarations.read({ pool: 'blue', range: '10.0.0.0/16' }), {
      code: 'AddressingInvalid',
      message: /pool blue is declared, and a range stands beside its name; allowed: its name alone/,
    });
    assert.equal((await declarations.read({ pool: 'blue' })).pool.perNamespace, 1);
  });

  for (const order of ['next', 'lowest'])
    it(`serves 32 clients at once to its last address, each once (${order})`, async () => {
      const clients = Array.from({ length: 32 }, () => createEtcd({ endpoints: [real.endpoint], timeoutMs: 5_000 }));
      try {
        const each = 3;
        const pool = poolOf({ range: '10.0.0.0/24', range_start: '10.0.0.1', range_end: '10.0.0.96', order });
        const got = await Promise.all(
          clients.map(async (etcd, client) => {
            const of = pools(etcd);
            const texts: string[] = [];
            for (let n = 0; n < each; n += 1) texts.push(...(await textsOf(of, pool, container(`${client}-${n}`))));
            return texts;
          }),
        );
        assert.equal(new Set(got.flat()).size, 32 * each);
        assert.equal((await held()).length, 32 * each);
        await assert.rejects(pools().allocate(pool, container('one too many')), { code: 'PoolExhausted' });
        await Promise.all(
          clients.map(async (etcd, client) => {
            for (let n = 0; n < each; n += 1) await pools(etcd).release(container(`${client}-${n}`));
          }),
        );
        assert.deepEqual(await held(), []);
      } finally {
        for (const client of clients) client.close();
      }
    });

  it('leaves all of an allocation or nothing when its process dies at any transaction, and the next try has the same', async () => {
    const pool = poolOf({ range: '10.0.0.0/28', ipRanges: [{ range: 'fd00::/124' }], sticky: true, perNamespace: 9 });
    const pod = { namespace: 'shop', name: 'db-0' };
    for (const dies of ['before', 'after'] as const)
      for (const what of ['allocate', 'release'] as const) {
        const owner = container(`${dies}-${what}`, { pod: { ...pod, name: `db-${dies === 'before' ? 1 : 2}` } });
        if (what === 'release') await pools().allocate(pool, owner);
        const dying = pools(dyingAt(real.etcd, dies));
        await assert.rejects(what === 'allocate' ? dying.allocate(pool, owner) : dying.release(owner), /died/);
        await held();
        if (what === 'allocate') assert.equal((await pools().allocate(pool, owner)).length, 2);
        await pools().release(owner);
        assert.deepEqual(await held(), []);
      }
    assert.deepEqual(await real.etcd.keys('/podwire/ipam/quota/'), []);
  });

  it('leaks nothing and gives nothing twice in hundreds of allocations and releases with deaths in between', async () => {
    const pool = poolOf({ range: '10.0.0.0/25', restSeconds: 0 });
    let alive = Array.from({ length: 8 }, () => pools());
    const owners = new Set<number>();
    let calls = 0;
    const step = async (client: number): Promise<void> => {
      calls += 1;
      const owner = Math.floor(Math.random() * 20) * 8 + client;
      const dies = Math.random() < 0.02 ? (Math.random() < 0.5 ? 'before' : 'after') : undefined;
      const of = dies === undefined ? (alive[client] ?? assert.fail()) : pools(dyingAt(real.etcd, dies));
      try {
        if (Math.random() < 0.55) await of.allocate(pool, container(owner));
        else await of.release(container(owner));
      } catch (error) {
        const isExpected = error instanceof PodwireError ? error.code === 'PoolExhausted' : /died/.test(String(error));
        if (!isExpected) throw error;
      }
      owners.add(owner);
      if (Math.random() < 0.01) alive = alive.with(client, pools());
    };
    await Promise.all(
      alive.map(async (_, client) => {
        for (let n = 0; n < 100; n += 1) await step(client);
      }),
    );
    assert.ok((await held()).length > 0);
    assert.equal(calls, 800);
    for (const owner of owners) await pools().release(container(owner));
    assert.deepEqual(await real.etcd.keys('/podwire/ipam/'), []);
  });
});

/** An etcd whose process dies at its first transaction: before it was sent, or before its answer came. */
const dyingAt = (etcd: Etcd, when: 'before' | 'after'): Etcd => ({
  ...etcd,
  transact: async (...transaction) => {
    if (when === 'after') await etcd.transact(...transaction);
    throw new Error('died');
  },
});
