import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ipNumbers } from '../../../adapters/ip/ip-numbers.ts';
import { PodwireError } from '../../../domain/failures.ts';
import { podRange } from '../../../domain/primary/addressing.ts';
import type { Lease } from '../../../domain/primary/lease.ts';
import { LeaseTable, type LeaseRange } from '../../../domain/primary/leases.ts';

const REST_MS = 60_000;
const NOW = 1_700_000_000_000;

const range = (text: string, ...excluded: string[]): LeaseRange => ({
  ...podRange(ipNumbers.subnet(text) ?? assert.fail(text)),
  text,
  excluded: excluded.map((each) => ipNumbers.value(each) ?? assert.fail(each)),
});
const holder = (sandboxId: string) => ({ sandboxId, ifName: 'eth0' });
const wanted = (sandboxId: string) => ({
  ...holder(sandboxId),
  pod: { namespace: 'default', name: `pod-${sandboxId}` },
});
const texts = ({ addresses }: Pick<Lease, 'addresses'>): string[] => addresses.map((each) => ipNumbers.text(each));

/** A table, asked at times that are given in seconds. */
function node(...ranges: LeaseRange[]) {
  const table = new LeaseTable(REST_MS);
  return {
    table,
    add: (sandboxId: string, second = 0) =>
      texts(table.allocate(wanted(sandboxId), ranges, NOW + second * 1_000).lease),
    del: (sandboxId: string, second = 0) => table.release(holder(sandboxId), NOW + second * 1_000),
  };
}

describe('leases of a node', () => {
  it('go through the range and begin anew at its end', () => {
    const { add, del } = node(range('10.1.1.0/29'));
    assert.deepEqual(add('a'), ['10.1.1.2']);
    assert.deepEqual(add('b'), ['10.1.1.3']);
    del('a');
    assert.deepEqual(add('c', 120), ['10.1.1.4']);
    assert.deepEqual(add('d', 120), ['10.1.1.5']);
    assert.deepEqual(add('e', 120), ['10.1.1.2']);
  });

  it('are the same for a sandbox that asks again', () => {
    const { add, table } = node(range('10.1.1.0/29'));
    assert.deepEqual(add('a'), add('a', 500));
    assert.equal(table.leases().length, 1);
  });

  it('are one address of each family, or none', () => {
    const { add, table } = node(range('10.1.1.0/29'), range('fd00:1::/64'));
    assert.deepEqual(add('a'), ['10.1.1.2', 'fd00:1::2']);
    for (const name of ['b', 'c', 'd']) add(name);
    assert.throws(() => add('e'), PodwireError);
    assert.equal(table.leases().length, 4);
  });

  it('rest before somebody else has them', () => {
    const { add, del } = node(range('10.1.1.0/29'));
    for (const name of ['a', 'b', 'c', 'd']) add(name);
    del('b', 100);
    assert.throws(() => add('e', 159), /AddressesExhausted|no address/);
    assert.deepEqual(add('e', 160), ['10.1.1.3']);
  });

  it('come back to the sandbox that had them, also while they rest', () => {
    const { add, del, table } = node(range('10.1.1.0/29'));
    add('a');
    del('a', 1);
    assert.deepEqual(add('a', 2), ['10.1.1.2']);
    assert.equal(table.leases()[0]?.releasedAt, undefined);
  });

  it('do not come back from a range that the node has not any more', () => {
    const { table, add } = node(range('10.1.1.0/29'));
    add('a');
    table.release(holder('a'), NOW);
    const { lease, over } = table.allocate(wanted('a'), [range('10.1.2.0/29')], NOW);
    assert.deepEqual(texts(lease), ['10.1.2.2']);
    assert.deepEqual(over.map(texts), [['10.1.1.2']]);
  });

  it('are never excluded addresses', () => {
    const { add } = node(range('10.1.1.0/29', '10.1.1.2', '10.1.1.4'));
    assert.deepEqual([add('a'), add('b')], [['10.1.1.3'], ['10.1.1.5']]);
    assert.throws(() => add('c'), /of 4 there are 2 in use, 2 excluded/);
  });

  it('end with a count of where the addresses are', () => {
    const { add, del } = node(range('10.1.1.0/24'));
    for (let pod = 0; pod < 252; pod += 1) add(`p${pod}`);
    for (let pod = 0; pod < 12; pod += 1) del(`p${pod}`);
    assert.throws(() => add('more', 1), {
      code: 'AddressesExhausted',
      message:
        'no address of 10.1.1.0/24 is free for a pod; of 252 there are 240 in use, 12 resting for 60 s after their pods',
    });
  });

  it('of a sandbox that has none are released without a word, and twice as once', () => {
    const { add, del } = node(range('10.1.1.0/29'));
    assert.equal(del('a'), undefined);
    add('a');
    assert.equal(del('a', 1)?.isKnown, false);
    assert.deepEqual(del('a', 9), { lease: { ...del('a', 1)?.lease, releasedAt: NOW + 1_000 }, isKnown: true });
  });
});

describe('leases that were read from the disk', () => {
  const lease = (sandboxId: string, address: string, more: Partial<Lease> = {}): Lease => ({
    ...wanted(sandboxId),
    addresses: [ipNumbers.value(address) ?? assert.fail(address)],
    sequence: 1,
    madeAt: NOW,
    ...more,
  });
  const only = [range('10.1.1.0/29')];
  const loaded = (leases: readonly Lease[], damaged: readonly string[] = []) => {
    const table = new LeaseTable(REST_MS);
    const broken = damaged.map((sandboxId) => ({ ...lease(sandboxId, '10.1.1.3'), why: 'it is no JSON' }));
    return { table, superseded: table.load(leases, broken, NOW) };
  };

  it('let the search go on where it was', () => {
    const { table } = loaded([lease('a', '10.1.1.3', { sequence: 9 }), lease('b', '10.1.1.5', { sequence: 8 })]);
    assert.deepEqual(texts(table.allocate(wanted('c'), only, NOW).lease), ['10.1.1.4']);
  });

  it('rest no longer when a clock went wrong', () => {
    const { table } = loaded([lease('a', '10.1.1.2', { releasedAt: NOW + 10 * REST_MS })]);
    for (const name of ['b', 'c', 'd']) table.allocate(wanted(name), only, NOW);
    assert.deepEqual(texts(table.allocate(wanted('e'), only, NOW + REST_MS).lease), ['10.1.1.2']);
  });

  it('keep their addresses when their content is lost, and say so to their sandbox', () => {
    const { table } = loaded([], ['a']);
    for (const name of ['b', 'c', 'd'])
      assert.notDeepEqual(texts(table.allocate(wanted(name), only, NOW).lease), ['10.1.1.3']);
    assert.throws(() => table.allocate(wanted('e'), only, NOW), /1 of leases that cannot be read/);
    assert.throws(() => table.allocate(wanted('a'), only, NOW), { code: 'RecordInvalid', message: /it is no JSON/ });
  });

  it('are released although their content is lost', () => {
    const { table } = loaded([], ['a']);
    assert.equal(table.release(holder('a'), NOW)?.isKnown, false);
    assert.deepEqual(table.damaged(), []);
    for (const name of ['b', 'c', 'd']) table.allocate(wanted(name), only, NOW);
    assert.deepEqual(texts(table.allocate(wanted('e'), only, NOW + REST_MS).lease), ['10.1.1.3']);
  });

  it('keep an address that two of them have until both are released', () => {
    const { table } = loaded([lease('a', '10.1.1.2'), lease('b', '10.1.1.2')]);
    for (const name of ['c', 'd', 'e']) table.allocate(wanted(name), only, NOW);
    table.release(holder('a'), NOW);
    assert.throws(() => table.allocate(wanted('f'), only, NOW + REST_MS), /no address/);
    table.release(holder('b'), NOW + REST_MS);
    assert.deepEqual(texts(table.allocate(wanted('f'), only, NOW + 2 * REST_MS).lease), ['10.1.1.2']);
  });

  it('give way to a younger one of the same sandbox when they are released', () => {
    const older = lease('a', '10.1.1.2', { releasedAt: NOW });
    const { table, superseded } = loaded([older, lease('a', '10.1.1.4', { sequence: 2 })]);
    assert.deepEqual(superseded, [older]);
    assert.deepEqual(table.leases().map(texts), [['10.1.1.4']]);
  });

  it('are refused when a sandbox has two', () => {
    const { table } = loaded([lease('a', '10.1.1.2'), lease('a', '10.1.1.4', { sequence: 2 })]);
    assert.deepEqual(table.damaged().map(texts), [['10.1.1.4', '10.1.1.2']]);
  });
});

describe('any order of additions and deletions', () => {
  it('gives no address to two sandboxes, nor to another one before it has rested', () => {
    const step = fc.record({ pod: fc.nat(9), isAdd: fc.boolean(), after: fc.nat(40) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        let table = new LeaseTable(REST_MS);
        const ranges = [range('10.1.1.0/29', '10.1.1.4'), range('fd00:1::/124')];
        const living = new Map<string, string[]>();
        const lastUse = new Map<string, { pod: string; until: number }>();
        let now = NOW;
        for (const [index, { pod, isAdd, after }] of steps.entries()) {
          now += after * 1_000;
          const name = `p${pod}`;
          if (index % 7 === 6) {
            // As after a restart: from what the disk would say.
            const said = table.leases();
            table = new LeaseTable(REST_MS);
            assert.deepEqual(table.load(said, [], now), []);
          }
          if (!isAdd) {
            for (const address of living.get(name) ?? []) lastUse.set(address, { pod: name, until: now });
            living.delete(name);
            table.release(holder(name), now);
            continue;
          }
          let addresses: string[];
          try {
            addresses = texts(table.allocate(wanted(name), ranges, now).lease);
          } catch (error) {
            assert.equal(error instanceof PodwireError && error.code === 'AddressesExhausted', true);
            continue;
          }
          assert.equal(!addresses.includes('10.1.1.4') && addresses.length === 2, true);
          for (const address of addresses) {
            for (const [other, theirs] of living) assert.equal(other === name || !theirs.includes(address), true);
            const before = lastUse.get(address);
            assert.equal(before === undefined || before.pod === name || now - before.until >= REST_MS, true);
          }
          if (living.has(name)) assert.deepEqual(addresses, living.get(name));
          living.set(name, addresses);
        }
      }),
    );
  });
});
