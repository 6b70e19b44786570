/** Looks and acts of one node, one after the other, with everything around them made up. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { KeyedMutex } from '../../../activities/concurrency/keyed-mutex.ts';
import { NetworkLocks } from '../../../activities/network/cni/network-locks.ts';
import { lookAtSandbox } from '../../../activities/network/sweep/sandbox-look.ts';
import { sweepAct } from '../../../activities/network/sweep/sweep-act.ts';
import { sweepLook, type SweepDeps } from '../../../activities/network/sweep/sweep-look.ts';
import { SweepMemory } from '../../../activities/network/sweep/sweep-memory.ts';
import { PodwireError } from '../../../domain/failures.ts';
import type { NetnsView } from '../../../domain/vxlan/link-observation.ts';
import type { FailureRecord } from '../../../domain/records.ts';
import type { Finding } from '../../../domain/sweep/finding.ts';
import { DRIFT_REMAINS } from '../../../domain/sweep/remaining-drift.ts';
import { cniRecord, journalEntry, POD, SANDBOX, stored, view, wiredLink } from './some-node.ts';

const input = { node: 'n1' };
const signal = new AbortController().signal;
const netns = { identity: { path: '/run/netns/a', inode: '1', ctimeNs: '1' }, close: async () => undefined };
const remaining: FailureRecord = { v: 1, interfaceName: 'net1', generation: 3, code: DRIFT_REMAINS, message: 'x' };

/** A node with one pod that has one CNI interface. */
function node(o: { view?: NetnsView; failures?: FailureRecord[] } = {}) {
  const acted: string[] = [];
  const at = { generation: 3, view: o.view ?? view([wiredLink()]) };
  const deps = {
    ...{ node: 'n1', bootId: 'boot', temporaryName: () => 'tmp', memory: new SweepMemory() },
    ...{ sandboxLocks: new KeyedMutex(), networkLocks: new NetworkLocks() },
    journal: { list: async () => ({ entries: [journalEntry({}, at.generation)], unreadable: [] }) },
    leftovers: { reservations: async () => [], cacheFiles: async () => [] },
    runtime: { listReady: async () => [{ id: SANDBOX, podUid: POD.uid, ready: true }] },
    kernel: { open: async () => netns, observe: async () => at.view },
    store: {
      readNode: async () => ({
        attachments: [stored(cniRecord({ generation: at.generation }), String(at.generation))],
        ...{ byExec: [], tombstones: [], isWhole: true },
      }),
      listSandboxes: async () => {
        const { podUid, namespace, name, sandboxId, bootId, netns: identity } = cniRecord();
        return [{ v: 1, podUid, namespace, name, sandboxId, bootId, netns: identity }];
      },
      listFailures: async () => (o.failures ?? []).map((failure) => ({ ...failure, podUid: POD.uid })),
      readAttachment: async () => undefined,
      readCniResult: async () => ({ v: 1, generation: 3, text: '{}' }),
    },
    plugins: { check: async () => ({ kind: 'passed' }) },
    gc: { due: () => false, run: async () => [] },
    observer: { looked: () => undefined, acted: ({ id }: Finding) => void acted.push(id) },
  } as unknown as SweepDeps;
  return {
    ...{ at, deps, acted },
    async sweep() {
      const { findings } = await sweepLook(deps, input, signal);
      return sweepAct(deps, { ...input, ids: findings.map(({ id }) => id) }, signal);
    },
  };
}

describe('sweeps of a node', () => {
  test('say that a node is empty only where nothing of podwire is on it or recorded of it', async () => {
    const { deps } = node();
    const isEmpty = async (changed: object): Promise<boolean | undefined> =>
      (await sweepLook({ ...deps, ...changed }, input, signal)).isEmpty;
    const nothing = {
      journal: { list: async () => ({ entries: [], unreadable: [] }) },
      store: {
        ...deps.store,
        readNode: async () => ({ attachments: [], byExec: [], tombstones: [], isWhole: true }),
        listSandboxes: async () => [],
      },
    };
    assert.equal(await isEmpty({}), false);
    assert.equal(await isEmpty(nothing), true);
    assert.equal(await isEmpty({ ...nothing, journal: deps.journal }), false, 'a journal entry');
    const stores = {
      'a sandbox': { ...nothing.store, listSandboxes: () => deps.store.listSandboxes('n1') },
      'an attachment': { ...nothing.store, readNode: () => deps.store.readNode('n1') },
    };
    for (const [what, store] of Object.entries(stores)) assert.equal(await isEmpty({ ...nothing, store }), false, what);
  });

  test('hand drift over until it was repaired three times, then only report it and say how often', async () => {
    const bench = node({ view: view([wiredLink({ mtu: 1300 })]) });
    for (const generation of [3, 4, 5]) {
      bench.at.generation = generation;
      assert.deepEqual(
        (await bench.sweep()).rows.map(({ outcome }) => outcome),
        ['found'],
      );
    }
    bench.at.generation = 6;
    const { rows } = await bench.sweep();
    assert.deepEqual(
      rows.map(({ outcome, finding }) => [outcome, finding.action, finding.repairs]),
      [['reported', 'report', 3]],
    );
    assert.equal(bench.acted.length, 3);
  });

  test('do not give up on drift that nobody could repair yet, nor count it as repaired', async () => {
    const bench = node({ view: view([wiredLink({ mtu: 1300 })]) });
    for (let minute = 0; minute < 6; minute += 1) {
      assert.deepEqual(
        (await bench.sweep()).rows.map(({ outcome }) => outcome),
        ['found'],
      );
    }
    assert.equal(bench.acted.length, 1);
  });

  test('have the status put right of an interface that is as it should be again', async () => {
    const { rows } = await node({ failures: [remaining] }).sweep();
    assert.deepEqual(
      rows.map(({ outcome, finding }) => [outcome, finding.kind, finding.over]),
      [['found', 'record', true]],
    );
  });

  test('leave an interface alone that a program in the pod took over, whatever CHECK would say, and have its status put right', async () => {
    const links = [wiredLink({ name: 'net9' }), wiredLink({ ifindex: 9 })];
    const bench = node({ view: view(links), failures: [remaining] });
    bench.deps.plugins.check = async () => ({ kind: 'failed', message: 'not of type veth' });
    const { rows } = await bench.sweep();
    assert.deepEqual(
      rows.map(({ outcome, finding }) => [outcome, finding.kind, finding.over]),
      [['found', 'record', true]],
    );
  });

  test('leave the status alone while the drift remains, or nobody can say', async () => {
    const failures = [remaining];
    const drifting = await node({ view: view([wiredLink({ mtu: 1300 })]), failures }).sweep();
    assert.deepEqual(
      drifting.rows.map(({ finding }) => finding.kind),
      ['drift'],
    );
    const unseen = node({ failures });
    unseen.deps.store.listSandboxes = async () => [];
    assert.deepEqual((await unseen.sweep()).rows, []);
    const unsure = node({ failures });
    // A plugin at work has the sandbox.
    await unsure.deps.sandboxLocks.run(
      SANDBOX,
      0,
      () => new Error('free'),
      async () => {
        assert.deepEqual((await unsure.sweep()).rows, []);
      },
    );
  });
});

describe('a look at one sandbox', () => {
  const only = { podUid: POD.uid, sandboxId: SANDBOX };
  const one = (o: { view?: NetnsView } = {}) => {
    const bench = node(o);
    const { deps } = bench;
    deps.store.listPodAttachments = async (_node, podUid) =>
      podUid === POD.uid ? (await deps.store.readNode('n1')).attachments : [];
    deps.kernel.open = async () => ({ ...netns, identity: cniRecord().netns });
    return { ...bench, look: () => lookAtSandbox(deps, only, signal) };
  };

  test('finds drift of links as the sweep does, with the same id, and nothing else', async () => {
    const drifting = view([wiredLink({ mtu: 1300 })]);
    const { deps, look } = one({ view: drifting });
    deps.runtime.listReady = () => assert.fail('the runtime is not asked');
    const [found] = (await sweepLook(node({ view: drifting }).deps, input, signal)).findings;
    assert.ok(found);
    assert.deepEqual(
      (await look()).findings.map((finding) => ({ ...finding, ageSeconds: found.ageSeconds })),
      [found],
    );
    assert.deepEqual((await one().look()).findings, []);
  });

  test('is what an act for one sandbox goes by', async () => {
    const { deps, look } = one({ view: view([wiredLink({ mtu: 1300 })]) });
    const [found] = (await look()).findings;
    const { rows } = await sweepAct(deps, { ...input, only, ids: [found?.id ?? '', 'journal/1'] }, signal);
    assert.deepEqual(
      rows.map(({ outcome }) => outcome),
      ['found', 'gone'],
    );
  });

  test('says nothing where the sandbox is not there any more', async () => {
    const { deps, look } = one();
    deps.kernel.open = async () => {
      throw new PodwireError('SandboxGone', 'gone');
    };
    const { findings, snapshot } = await look();
    assert.deepEqual([findings, snapshot.records], [[], []]);
  });

  test('takes an interface that is right again for repaired, but not where CHECK said otherwise', async () => {
    const outcomes = async (why: 'MTU' | 'CHECK'): Promise<(string | undefined)[]> => {
      const bench = one(why === 'MTU' ? { view: view([wiredLink({ mtu: 1300 })]) } : {});
      if (why === 'CHECK') bench.deps.plugins.check = async () => ({ kind: 'failed', message: 'no route' });
      for (const generation of [3, 4, 5]) {
        bench.at.generation = generation;
        await bench.sweep();
      }
      const drifting = bench.at.view;
      bench.at.generation = 6;
      bench.at.view = view([wiredLink()]);
      await bench.look();
      bench.at.view = drifting;
      return (await bench.sweep()).rows.map(({ outcome }) => outcome);
    };
    assert.deepEqual(await outcomes('MTU'), ['found']);
    assert.deepEqual(await outcomes('CHECK'), ['reported']);
  });
});
