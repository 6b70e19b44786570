/** What a network's run does: every node with members is told, few times, and none that is away holds the others. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { WorkflowHandle } from '@temporalio/client';
import { signalMesh } from '../../adapters/temporal/pod-starter.ts';
import { memberKey, meshStateKey } from '../../domain/keys.ts';
import { MEMBERS_CHANGED, meshWorkflowId } from '../../domain/messages.ts';
import type { NetworkRef } from '../../domain/network-selection.ts';
import { RECORD_VERSION, type MemberRecord } from '../../domain/records.ts';
import { startHarness, type Harness } from './harness.ts';
import { promised, until, within } from './limits.ts';

describe('the run of a network', { concurrency: true }, () => {
  let lab: Harness;
  before(async () => {
    lab = await startHarness();
    await Promise.all([lab.startNode('n2'), lab.startNode('n3')]);
  });
  after(() => lab.stop());

  let networks = 0;
  /** A network with one member on each of these nodes. */
  const network = async (...nodes: string[]): Promise<NetworkRef> => {
    const ref = { scope: 'cluster', name: `net${(networks += 1)}` };
    for (const node of nodes) await join(ref, node);
    return ref;
  };
  const join = async (ref: NetworkRef, node: string): Promise<void> => {
    const member: MemberRecord = {
      ...{ v: RECORD_VERSION, node, sandboxId: `sandbox-${node}`, interfaceName: 'eth1', generation: 1 },
      ...{ vtep: '10.0.0.1', mac: '02:00:00:00:00:01', addresses: [] },
    };
    await lab.etcd.transact([], [{ put: memberKey(ref, `uid-${node}`, 'eth1'), value: JSON.stringify(member) }]);
  };
  const signal = async (ref: NetworkRef): Promise<void> => {
    await signalMesh(lab.client, ref, { reason: 'test' });
  };
  const handleOf = (ref: NetworkRef): WorkflowHandle => lab.client.workflow.getHandle(meshWorkflowId(ref));
  const ends = (ref: NetworkRef, limitMs?: number): Promise<void> =>
    within(`the run of ${ref.name} ends`, handleOf(ref).result() as Promise<void>, limitMs);
  const told = (ref: NetworkRef): string[] => lab.nodes.callsOf(ref.name).map(({ node }) => node);
  const behind = async (ref: NetworkRef): Promise<unknown> => {
    const entry = await lab.etcd.get(meshStateKey(ref));
    return entry === undefined ? undefined : (JSON.parse(entry.value) as { behind: unknown }).behind;
  };

  it('tells each node once, however many members it has, and ends', async () => {
    const ref = await network('n1', 'n2', 'n3');
    await lab.etcd.transact([], [{ put: memberKey(ref, 'uid-other', 'eth1'), value: await memberOf(ref, 'n1') }]);
    await signal(ref);
    await ends(ref);
    assert.deepEqual(told(ref).sort(), ['n1', 'n2', 'n3']);
    assert.deepEqual(await behind(ref), []);
  });

  it('tells nobody and leaves no record for a network without members', async () => {
    const ref = await network();
    await signal(ref);
    await ends(ref);
    assert.deepEqual(told(ref), []);
    assert.equal(await behind(ref), undefined);
  });

  it('makes few syncs of two hundred signals', async () => {
    const ref = await network('n1', 'n2');
    // The client gives each five seconds, which two hundred at once do not get on a busy machine.
    for (let round = 0; round < 5; round += 1) await Promise.all(Array.from({ length: 40 }, () => signal(ref)));
    await ends(ref);
    assert.ok(told(ref).length <= 60, `${told(ref).length} syncs`);
    assert.ok(told(ref).includes('n1') && told(ref).includes('n2'));
  });

  it('tells a node again when members changed while it was at it, and never twice at once', async () => {
    const ref = await network('n1');
    lab.nodes.script(ref.name, 'syncFdb', (call) => (call === 1 ? 'KernelBusy' : 'ok'));
    await signal(ref);
    await until('the first sync failed', () => lab.nodes.callsOf(ref.name)[0]?.until !== undefined);
    await join(ref, 'n2');
    await signal(ref);
    await until('the new node is told at once', () => told(ref).includes('n2'), promised(1_000));
    await ends(ref);
    const onFirst = lab.nodes.callsOf(ref.name).filter(({ node }) => node === 'n1');
    assert.equal(onFirst.length, 3);
    for (const [i, call] of onFirst.entries()) {
      const next = onFirst[i + 1];
      if (next !== undefined) assert.ok((call.until ?? Infinity) <= next.at);
    }
    assert.deepEqual(await behind(ref), []);
  });

  it('does not wait for a node that is away: it is behind, the others are done, the run ends', async () => {
    const ref = await network('n1', 'away', 'n3');
    await signal(ref);
    await until('the others are done', () => told(ref).length === 2, promised(1_000));
    await ends(ref);
    assert.deepEqual(told(ref).sort(), ['n1', 'n3']);
    assert.deepEqual(await behind(ref), ['away']);
  });

  it('gives up on a node that keeps failing, and tells it again with the next change', async () => {
    const ref = await network('n1', 'n2');
    lab.nodes.script(ref.name, 'syncFdb', () => 'CommandFailed');
    await signal(ref);
    await ends(ref);
    assert.deepEqual(await behind(ref), ['n1', 'n2']);
    lab.nodes.script(ref.name, 'syncFdb', () => 'ok');
    await signal(ref);
    await ends(ref);
    assert.deepEqual(await behind(ref), []);
  });

  it('waits for an etcd that is away and goes on by itself', async () => {
    const ref = await network('n1');
    lab.faults.set(ref.name, () => 'EtcdUnavailable');
    await signal(ref);
    await until('a few tries', () => lab.faults.count(ref.name, 'listMeshNodes') >= 4);
    lab.faults.set(ref.name, undefined);
    await ends(ref);
    assert.deepEqual(told(ref), ['n1']);
  });

  it('can be cancelled while it waits for a node', async () => {
    const ref = await network('away');
    await signal(ref);
    await until('the node was asked for', () => lab.faults.count(ref.name, 'listMeshNodes') >= 1);
    await handleOf(ref).cancel();
    await assert.rejects(ends(ref, promised(5_000)), /cancelled/);
  });

  it('loses nothing when it continues as new after two thousand signals', async () => {
    const ref = await network('n1');
    for (let batch = 0; batch < 42; batch += 1) {
      const before = told(ref).length;
      await Promise.all(Array.from({ length: 50 }, () => signal(ref)));
      // The server takes a hundred signals per workflow task and no more (ADR 9), and podwire's own senders stay below that.
      await until('the node was told again', () => told(ref).length > before);
    }
    await join(ref, 'n3');
    await handleOf(ref)
      .signal(MEMBERS_CHANGED, { reason: 'last' })
      .catch(() => signal(ref));
    await ends(ref);
    await until('the last node was told', () => told(ref).includes('n3'));
    assert.deepEqual(await behind(ref), []);
  });

  async function memberOf(ref: NetworkRef, node: string): Promise<string> {
    return (await lab.etcd.get(memberKey(ref, `uid-${node}`, 'eth1')))?.value ?? '';
  }
});
