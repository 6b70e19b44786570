/** Which addresses a pool gives: both ends of both families, and what is left out. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { declaredPool } from '../../../adapters/ipam/declared-pool.ts';
import { ipNumbers } from '../../../adapters/ip/ip-numbers.ts';
import {
  addressAtIndex,
  anyIndex,
  capacityOf,
  freeAddresses,
  rangeOf,
  type AddressSet,
} from '../../../domain/ipam/pool.ts';
import { WIDTH } from '../../../domain/primary/subnet.ts';

const setOf = (written: object): AddressSet => declaredPool(written, ipNumbers).pool.sets[0] ?? assert.fail('no set');
/** The first and the last address, and how many there are. */
function ends(written: object): [first: string, last: string, capacity: bigint] {
  const set = setOf(written);
  const capacity = capacityOf(set);
  const text = (index: bigint): string => ipNumbers.text(addressAtIndex(set, index));
  return [text(0n), text(capacity - 1n), capacity];
}

describe('the addresses of a pool', () => {
  it('are those that hosts of the subnet can have', () => {
    assert.deepEqual(ends({ range: '10.0.0.0/24' }), ['10.0.0.1', '10.0.0.254', 254n]);
    assert.deepEqual(ends({ range: '10.0.0.77/30' }), ['10.0.0.77', '10.0.0.78', 2n]);
    assert.deepEqual(ends({ range: 'fd00::/120' }), ['fd00::1', 'fd00::ff', 255n]);
  });

  it('are both ends of /31 and /127, and the one of /32 and /128', () => {
    assert.deepEqual(ends({ range: '10.0.0.2/31' }), ['10.0.0.2', '10.0.0.3', 2n]);
    assert.deepEqual(ends({ range: '10.0.0.2/32' }), ['10.0.0.2', '10.0.0.2', 1n]);
    assert.deepEqual(ends({ range: 'fd00::2/127' }), ['fd00::2', 'fd00::3', 2n]);
    assert.deepEqual(ends({ range: 'fd00::2/128' }), ['fd00::2', 'fd00::2', 1n]);
  });

  it('are all of them, each with its whole length, on point-to-point links', () => {
    assert.deepEqual(ends({ range: '10.0.0.0/30', pointToPoint: true }), ['10.0.0.0', '10.0.0.3', 4n]);
    assert.equal(setOf({ range: '10.0.0.0/30', pointToPoint: true, gateway: '169.254.1.1' })[0]?.prefix, 32);
    assert.equal(setOf({ range: 'fd00::/64', pointToPoint: true })[0]?.prefix, 128);
  });

  it('do not overflow at the ends of 2^32 and 2^128', () => {
    assert.deepEqual(ends({ range: '255.255.255.0/24' }), ['255.255.255.1', '255.255.255.254', 254n]);
    assert.deepEqual(ends({ range: '255.255.255.255/32' }), ['255.255.255.255', '255.255.255.255', 1n]);
    assert.deepEqual(ends({ range: '0.0.0.0/0' }), ['0.0.0.1', '255.255.255.254', 2n ** 32n - 2n]);
    const top = 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff';
    assert.deepEqual(ends({ range: '::/0' }), ['::1', top, 2n ** 128n - 1n]);
    assert.deepEqual(ends({ range: `${top}/126` }), ['ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffd', top, 3n]);
    const wide = setOf({ range: 'fd00::/8', exclude: ['fd00::/9'] });
    assert.equal(ipNumbers.text(addressAtIndex(wide, 0n)), 'fd80::');
    assert.equal(capacityOf(wide), 2n ** 119n);
  });

  it('are without the gateway and what is excluded, however that is written', () => {
    const set = setOf({
      range: '10.0.0.0/28',
      gateway: '10.0.0.1',
      exclude: ['10.0.0.4/30', '10.0.0.9', '10.0.0.11-10.0.0.20', 'fd00::/64'],
    });
    const all = Array.from({ length: Number(capacityOf(set)) }, (_, index) =>
      ipNumbers.text(addressAtIndex(set, BigInt(index))),
    );
    assert.deepEqual(all, ['10.0.0.2', '10.0.0.3', '10.0.0.8', '10.0.0.10']);
  });

  it('are those from range_start to range_end, also as whereabouts writes them into range', () => {
    const limits = { range_start: '10.0.0.5', range_end: '10.0.0.9' };
    assert.deepEqual(ends({ range: '10.0.0.0/24', ...limits }), ['10.0.0.5', '10.0.0.9', 5n]);
    assert.deepEqual(ends({ range: '10.0.0.5-10.0.0.9/24' }), ['10.0.0.5', '10.0.0.9', 5n]);
    assert.deepEqual(ends({ range: 'fd00::5-fd00::9/64' }), ['fd00::5', 'fd00::9', 5n]);
    assert.equal(setOf({ range: '10.0.0.5-10.0.0.9/24' })[0]?.prefix, 24);
  });

  it('of several ranges: one of each of whereabouts’ ipRanges and host-local’s lists, out of all of a list together', () => {
    const { pool } = declaredPool(
      {
        ...{ range: '10.0.0.0/24', ipRanges: [{ range: 'fd00::/64' }] },
        ranges: [[{ subnet: '10.1.0.0/30' }, { subnet: '10.2.0.0/30', rangeStart: '10.2.0.2' }]],
      },
      ipNumbers,
    );
    assert.deepEqual(pool.sets.map(capacityOf), [254n, 2n ** 64n - 1n, 3n]);
  });

  it('have whereabouts’ one gateway in whichever ranges it is an address of, which give it to nobody', () => {
    const { pool } = declaredPool(
      { ipRanges: [{ range: '10.9.0.0/30' }, { range: 'fd09::/126' }], gateway: '10.9.0.1' },
      ipNumbers,
    );
    const [four, six] = pool.sets;
    assert.deepEqual([four?.[0]?.gateway, six?.[0]?.gateway], [ipNumbers.value('10.9.0.1'), undefined]);
    assert.deepEqual([capacityOf(four ?? []), capacityOf(six ?? [])], [1n, 3n]);
  });

  it('are compared in order, so that thousands of exclusions hold nobody up', () => {
    const range = (at: number) => ({
      range: `10.${at}.0.0/16`,
      exclude: Array.from({ length: 1_000 }, (_, n) => `10.${at}.${Math.floor(n / 100)}.${2 * (n % 100)}`),
    });
    const lists = Array.from({ length: 7 }, (_, list) => Array.from({ length: 8 }, (_each, n) => range(list * 8 + n)));
    const startedAt = performance.now();
    assert.equal(declaredPool({ ranges: lists }, ipNumbers).pool.sets.length, 7);
    assert.ok(performance.now() - startedAt < 4_000);
    assert.throws(
      () => declaredPool({ ranges: [...lists, [{ range: '10.55.255.0/24' }]] }, ipNumbers),
      /ranges that lie apart/,
    );
  });

  const V4 = fc.record({
    family: fc.constant('4' as const),
    value: fc.bigInt(0n, 2n ** 32n - 1n),
    prefix: fc.integer({ min: 0, max: 32 }),
  });
  const V6 = fc.record({
    family: fc.constant('6' as const),
    value: fc.bigInt(0n, 2n ** 128n - 1n),
    prefix: fc.integer({ min: 0, max: 128 }),
  });
  const anySubnet = fc.oneof(V4, V6).map(({ family, value, prefix }) => {
    const of: 4 | 6 = family === '4' ? 4 : 6;
    return { of, prefix, text: `${ipNumbers.text({ family: of, value })}/${prefix}` };
  });

  it('lie in their subnet, each under one index, at both ends of any subnet', () => {
    fc.assert(
      fc.property(anySubnet, ({ of, text }) => {
        const set = setOf({ range: text });
        const capacity = capacityOf(set);
        const subnet = ipNumbers.subnet(text) ?? assert.fail(text);
        const top = subnet.base + (1n << BigInt(WIDTH[of] - subnet.prefix)) - 1n;
        for (const index of [0n, capacity / 2n, capacity - 1n]) {
          const { family, value } = addressAtIndex(set, index);
          assert.equal(family, of);
          assert.ok(value >= subnet.base && value <= top);
        }
        assert.throws(() => addressAtIndex(set, capacity), RangeError);
        assert.throws(() => addressAtIndex(set, -1n), RangeError);
      }),
    );
  });

  it('are found wherever one is free, none twice, and none that is excluded', () => {
    const octet = fc.integer({ min: 0, max: 31 });
    fc.assert(
      fc.property(
        fc.array(octet),
        fc.array(octet),
        fc.bigInt(0n, 200n),
        fc.integer({ min: 1, max: 40 }),
        (out, used, start, most) => {
          const address = (n: number): string => `10.0.0.${n}`;
          const free = Array.from({ length: 30 }, (_, n) => n + 1).filter((n) => !out.includes(n) && !used.includes(n));
          if (new Set(out).size > 29 || Array.from({ length: 30 }, (_, n) => n + 1).every((n) => out.includes(n)))
            return;
          const set = setOf({ range: '10.0.0.0/27', exclude: out.map(address) });
          const taken = new Set(used.map(address));
          const found = freeAddresses(set, start, (each) => !taken.has(ipNumbers.text(each)), {
            taken: taken.size,
            most,
          });
          const texts = found.map((each) => ipNumbers.text(each.address));
          assert.equal(new Set(texts).size, texts.length);
          assert.equal(texts.length, Math.min(most, free.length));
          assert.ok(texts.every((text) => free.map(address).includes(text)));
        },
      ),
    );
  });

  it('are drawn from the whole of the widest range', () => {
    const set = setOf({ range: '::/0' });
    const capacity = capacityOf(set);
    assert.ok(anyIndex(capacity, () => 0.999_999_999_9) < capacity);
    assert.equal(
      anyIndex(capacity, () => 0),
      0n,
    );
    assert.equal(anyIndex(1n, Math.random), 0n);
    assert.ok(rangeOf(set, { family: 6, value: 0n }) === undefined, 'the subnet routers’ anycast address is nobody’s');
  });
});

describe('a pool that is written wrongly', () => {
  const refusals: [what: string, written: object, says: RegExp][] = [
    ['no subnet', { range: '10.0.0.0' }, /range is "10\.0\.0\.0"; allowed: ADDRESS\/PREFIX/],
    ['a host part that is no number', { range: '10.0.0.0/33' }, /allowed: ADDRESS\/PREFIX/],
    ['neither range nor name', {}, /neither a range nor the name of a pool/],
    [
      'a start outside',
      { range: '10.0.0.0/24', range_start: '10.0.1.1' },
      /range_start is "10\.0\.1\.1"; allowed: an address of/,
    ],
    [
      'a start behind the end',
      { range: '10.0.0.0/24', range_start: '10.0.0.9', range_end: '10.0.0.5' },
      /the lower one first/,
    ],
    ['a gateway outside', { range: '10.0.0.0/24', gateway: '10.0.1.1' }, /gateway is "10\.0\.1\.1"/],
    ['nothing left', { range: '10.0.0.0/30', exclude: ['10.0.0.0/24'] }, /there is no address to give/],
    [
      'two ranges with one address',
      { ranges: [{ range: '10.0.0.0/24' }, { range: '10.0.0.128/25' }] },
      /ranges that lie apart/,
    ],
    [
      'limits of no range',
      { ipRanges: [{ range: '10.0.0.0/24' }], exclude: ['10.0.0.4'], range_start: '10.0.0.9' },
      /range_start is there without range.*exclude is there without range/,
    ],
    ['an exclusion that is none', { range: '10.0.0.0/24', exclude: ['10.0.0.9-10.0.0.1'] }, /exclude holds/],
    [
      'whereabouts’ etcd',
      { range: '10.0.0.0/24', etcd_host: 'x' },
      /etcd_host: podwire has the addresses in its own etcd/,
    ],
    [
      'another datastore',
      { range: '10.0.0.0/24', datastore: 'etcd' },
      /datastore: podwire has the addresses in its own etcd/,
    ],
    [
      'an address twice',
      { range: '10.0.0.0/24', enable_overlapping_ranges: false },
      /an address is given once in a pool/,
    ],
    ['a key that nobody knows', { range: '10.0.0.0/24', rangestart: 'x' }, /rangestart/],
    ['a name with a slash', { pool: 'a/b' }, /pool: must be/],
    ['a quota of none', { pool: 'a', perNamespace: 0 }, /perNamespace/],
  ];
  for (const [what, written, says] of refusals)
    it(`is refused: ${what}`, () =>
      assert.throws(() => declaredPool(written, ipNumbers), { code: 'AddressingInvalid', message: says }));

  it('says what of a declared pool is not for who only names it', () => {
    const { ignored, isOnlyNamed } = declaredPool(
      { pool: 'blue', gateway: '10.0.0.1', sticky: true, perNamespace: 5 },
      ipNumbers,
    );
    assert.deepEqual([isOnlyNamed, ignored], [true, ['gateway', 'perNamespace', 'sticky']]);
  });

  it('keeps quiet about whereabouts’ keys that mean nothing here, and says which', () => {
    const { ignored, pool } = declaredPool(
      {
        type: 'whereabouts',
        range: '10.0.0.0/24',
        log_file: '/x',
        kubernetes: { kubeconfig: '/y' },
        network_name: 'blue',
        datastore: 'kubernetes',
        gateway: '',
      },
      ipNumbers,
    );
    assert.deepEqual(ignored, ['log_file', 'kubernetes']);
    assert.equal(pool.name, 'net.blue');
  });
});
