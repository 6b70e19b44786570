/** Sandboxes as leases have them, and what is to be told of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ipNumbers } from '../../../adapters/ip/ip-numbers.ts';
import { parseHook } from '../../../domain/primary/hooks.ts';
import type { Lease } from '../../../domain/primary/lease.ts';
import {
  sandboxesOf,
  sandboxOf,
  untoldSandboxes,
  type PrimarySandbox,
  type PrimarySandboxRecord,
} from '../../../domain/primary/sandbox.ts';

const lease = (sandboxId: string, address: string, more: Partial<Lease> = {}): Lease => ({
  ...{ sandboxId, ifName: 'eth0', pod: { namespace: 'shop', name: sandboxId }, sequence: 1, madeAt: 1 },
  addresses: [ipNumbers.value(address) ?? assert.fail()],
  ...more,
});

test('a sandbox has the interfaces of the leases that it holds, and those that rest when it holds none', () => {
  const leases = [
    lease('a', '10.1.1.3', { ifName: 'eth1', sequence: 2 }),
    lease('a', '10.1.1.2'),
    lease('b', '10.1.1.4', { releasedAt: 5 }),
    lease('a', '10.1.1.5', { ifName: 'eth2', sequence: 3, releasedAt: 5 }),
  ];
  const { held, resting } = sandboxesOf(leases, ipNumbers);
  assert.deepEqual(held, [
    {
      ...{ sandboxId: 'a', pod: { namespace: 'shop', name: 'a' } },
      interfaces: [
        { name: 'eth0', hostInterface: 'pwp0a010102', addresses: ['10.1.1.2'] },
        { name: 'eth1', hostInterface: 'pwp0a010103', addresses: ['10.1.1.3'] },
      ],
    },
  ]);
  assert.deepEqual(
    resting.map(({ sandboxId }) => sandboxId),
    ['b'],
  );
  assert.deepEqual(sandboxOf(leases, 'b', ipNumbers), resting[0]);
  assert.equal(sandboxOf(leases, 'c', ipNumbers), undefined);
});

const recordOf = (sandbox: PrimarySandbox, hooks: 'over' | 'left' = 'over'): PrimarySandboxRecord => ({
  ...{ v: 1, node: 'n1', ...sandbox },
  postAdd: { wanted: ['team/hook'], done: hooks === 'over' ? ['team/hook'] : [] },
});

test('the disk stands above etcd: what it has and etcd has not is told, and what etcd has and it has not is ended', () => {
  const { held } = sandboxesOf([lease('a', '10.1.1.2'), lease('b', '10.1.1.3'), lease('c', '10.1.1.4')], ipNumbers);
  const [a, b, c] = held as [PrimarySandbox, PrimarySandbox, PrimarySandbox];
  const gone = recordOf({ ...a, sandboxId: 'gone' });
  assert.deepEqual(untoldSandboxes([a, b, c], [recordOf(a), recordOf(b, 'left'), gone]), {
    added: [b, c],
    ended: [gone],
  });
  const moved = recordOf({ ...a, interfaces: b.interfaces });
  assert.deepEqual(untoldSandboxes([a], [moved]), { added: [a], ended: [] });
});

test('whatever is lost, nothing is told of when etcd says what the disk says', () => {
  const ids = fc.uniqueArray(fc.integer({ min: 2, max: 250 }), { maxLength: 20 });
  fc.assert(
    fc.property(ids, ids, (onDisk, inEtcd) => {
      const of = (numbers: readonly number[]): readonly PrimarySandbox[] =>
        sandboxesOf(
          numbers.map((each) => lease(`s${each}`, `10.1.1.${each}`)),
          ipNumbers,
        ).held;
      const records = of(inEtcd).map((each) => recordOf(each));
      const { added, ended } = untoldSandboxes(of(onDisk), records);
      const endedIds = new Set(ended.map(({ sandboxId }) => sandboxId));
      const kept = records.filter(({ sandboxId }) => !endedIds.has(sandboxId));
      const after = [...kept, ...added.map((each) => recordOf(each))];
      assert.deepEqual(untoldSandboxes(of(onDisk), after), { added: [], ended: [] });
    }),
  );
});

test('a hook is a queue and an activity', () => {
  assert.deepEqual(parseHook('team.net/onAdd'), { queue: 'team.net', activity: 'onAdd' });
  for (const text of ['', 'team', '/onAdd', 'team/', 'team/on add', 'team/a/b', '-team/a', `team/${'a'.repeat(201)}`])
    assert.equal(parseHook(text), undefined, text);
});
