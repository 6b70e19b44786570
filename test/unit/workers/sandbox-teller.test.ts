/** Nothing of a sandbox's ADD and DEL is lost, whoever is away. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ipNumbers } from '../../../adapters/ip/ip-numbers.ts';
import { PodwireError } from '../../../domain/failures.ts';
import type { Lease } from '../../../domain/primary/lease.ts';
import { sandboxOf, type PrimarySandboxRecord } from '../../../domain/primary/sandbox.ts';
import { SandboxTeller } from '../../../workers/node/sandbox-teller.ts';

const NEVER = new AbortController().signal;

function parts(hooks: { postAdd: string[]; preRemoval: string[] } = { postAdd: [], preRemoval: [] }) {
  const told: string[] = [];
  const left: string[] = [];
  const world = {
    leases: new Map<string, Lease>(),
    records: new Map<string, PrimarySandboxRecord>(),
    /** Who is away. */
    away: new Set<'temporal' | 'etcd'>(),
    pending: [] as readonly string[],
    /** A sandbox whose news Temporal refuses. */
    refused: 'none',
    news: 0,
  };
  const temporal = (sandboxId = ''): void => {
    if (world.away.has('temporal') || sandboxId === world.refused)
      throw new PodwireError('TemporalUnavailable', 'Temporal is away');
  };
  const teller = new SandboxTeller({
    ...{ node: 'n1', ip: ipNumbers, hooks },
    leases: { leases: () => [...world.leases.values()] },
    records: {
      list: async () => {
        if (world.away.has('etcd')) throw new PodwireError('EtcdUnavailable', 'etcd is away');
        return [...world.records.values()];
      },
    },
    runs: {
      added: async (_, { sandbox, hooks: wanted }) => {
        temporal(sandbox.sandboxId);
        told.push(['added', sandbox.sandboxId, ...wanted].join(' '));
        world.records.set(sandbox.sandboxId, { v: 1, node: 'n1', ...sandbox, postAdd: { wanted: [], done: [] } });
      },
      ended: async (_, { sandbox, hooks: wanted, upTo }) => {
        temporal(sandbox.sandboxId);
        told.push(['ended', sandbox.sandboxId, ...wanted, upTo].join(' '));
        world.records.delete(sandbox.sandboxId);
      },
      beforeRemoval: async (_, { sandbox }, limitMs) => {
        temporal();
        told.push(`asked ${sandbox.sandboxId} ${limitMs}`);
        return world.pending;
      },
    },
    observer: {
      news: () => void (world.news += 1),
      hooksLeft: (sandboxId, names, why) =>
        left.push(`${sandboxId} ${names.join()} ${why === undefined ? 'late' : 'away'}`),
    },
  });
  let sequence = 0;
  return {
    ...{ teller, world, told, left },
    add: (sandboxId: string) => {
      sequence += 1;
      const addresses = [ipNumbers.value(`10.1.1.${sequence + 1}`) ?? assert.fail()];
      const pod = { namespace: 'shop', name: sandboxId };
      world.leases.set(sandboxId, { sandboxId, ifName: 'eth0', pod, addresses, sequence, madeAt: 1 });
      teller.added(sandboxId);
    },
    remove: (sandboxId: string) => {
      const lease = world.leases.get(sandboxId) ?? assert.fail();
      world.leases.set(sandboxId, { ...lease, releasedAt: 2 });
      teller.ended(sandboxId);
    },
  };
}

describe('what a node tells of its sandboxes', () => {
  it('comes when Temporal is back, the last word of each sandbox', async () => {
    const { teller, world, told, add, remove } = parts({ postAdd: ['t/a'], preRemoval: [] });
    world.away.add('temporal');
    for (const id of ['a', 'b']) add(id);
    await assert.rejects(teller.tell(NEVER), /Temporal is away/);
    remove('b');
    assert.deepEqual([told, teller.waiting], [[], 2]);
    world.away.clear();
    await teller.tell(NEVER);
    assert.deepEqual([told.toSorted(), teller.waiting, world.news], [['added a t/a', 'ended b 2'], 0, 3]);
    await teller.tell(NEVER);
    assert.equal(told.length, 2);
  });

  it('is found by a worker that knows nothing of its predecessor, and again when etcd was lost', async () => {
    const { teller, world, told } = parts();
    const addresses = [ipNumbers.value('10.1.1.9') ?? assert.fail()];
    const lease = { ifName: 'eth0', addresses, sequence: 1, madeAt: 1, pod: { namespace: 'shop', name: 'x' } };
    world.leases.set('here', { ...lease, sandboxId: 'here' });
    const gone = sandboxOf([{ ...lease, sandboxId: 'gone' }], 'gone', ipNumbers) ?? assert.fail();
    world.records.set('gone', { v: 1, node: 'n1', ...gone, postAdd: { wanted: [], done: [] } });
    world.away.add('etcd');
    await assert.rejects(teller.tell(NEVER), /etcd is away/);
    world.away.clear();
    await teller.tell(NEVER);
    assert.deepEqual(told.toSorted(), ['added here', 'ended gone 0']);
    world.records.clear();
    await teller.tell(NEVER);
    assert.equal(told.length, 2);
    teller.compareAgain();
    await teller.tell(NEVER);
    assert.deepEqual(told.slice(2), ['added here']);
  });

  it('reaches Temporal while etcd is away', async () => {
    const { teller, world, told, add } = parts();
    world.away.add('etcd');
    add('a');
    await assert.rejects(teller.tell(NEVER), /etcd is away/);
    assert.deepEqual(told, ['added a']);
  });

  it('is not held up by the one sandbox that is refused', async () => {
    const { teller, world, told, add } = parts();
    world.refused = 's0';
    for (let at = 0; at < 20; at += 1) add(`s${at}`);
    for (let turn = 0; turn < 10; turn += 1) await teller.tell(NEVER).catch(() => undefined);
    assert.deepEqual([new Set(told).size, teller.waiting], [19, 1]);
  });

  it('is bounded: what is too much is found by the next comparison', async () => {
    const { teller, world, told } = parts();
    await teller.tell(NEVER);
    for (let at = 0; at < 5_001; at += 1) {
      const id = `s${at}`;
      const lease: Lease = {
        ...{ sandboxId: id, ifName: 'eth0', sequence: at, madeAt: 1, pod: { namespace: 'shop', name: id } },
        addresses: [{ family: 4, value: 0x0a010000n + BigInt(at) }],
      };
      world.leases.clear();
      world.leases.set(id, lease);
      teller.added(id);
    }
    assert.equal(teller.waiting, 5_000);
    for (let turn = 0; !teller.isDone; turn += 1) {
      assert.ok(turn < 3);
      await teller.tell(NEVER);
    }
    assert.ok(told.includes('added s5000'));
  });
});

describe('hooks of a DEL', () => {
  const hooks = { postAdd: [], preRemoval: ['t/x', 't/y'] };

  it('are waited for, and those that are late are told of and left to the run', async () => {
    const { teller, world, told, left, add, remove } = parts(hooks);
    add('a');
    world.pending = ['t/y'];
    await teller.beforeRemoval('a', NEVER);
    remove('a');
    await teller.tell(NEVER);
    assert.deepEqual([told, left], [['asked a 5000', 'ended a t/y 1'], ['a t/y late']]);
  });

  it('are all left to the run where Temporal is away', async () => {
    const { teller, world, told, left, add, remove } = parts(hooks);
    add('a');
    await teller.tell(NEVER);
    world.away.add('temporal');
    await teller.beforeRemoval('a', NEVER);
    remove('a');
    world.away.clear();
    await teller.tell(NEVER);
    assert.deepEqual([told, left], [['added a', 'ended a t/x t/y 1'], ['a t/x,t/y away']]);
  });

  it('are asked for nobody where there are none', async () => {
    const { teller, told, add } = parts();
    add('a');
    await teller.beforeRemoval('a', NEVER);
    assert.deepEqual(told, []);
  });
});
