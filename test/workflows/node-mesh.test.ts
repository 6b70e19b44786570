/** The mesh between nodes through its run: who joins or leaves is told to each node by one activity. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { endMembership } from '../../activities/primary/end-membership.ts';
import { createNodeMembers } from '../../adapters/etcd/node-members.ts';
import { createSignals } from '../../adapters/temporal/signals.ts';
import { meshStateKey } from '../../domain/keys.ts';
import { meshWorkflowId } from '../../domain/messages.ts';
import type { NodeMembers } from '../../domain/ports/node-mesh.ts';
import { NODE_MESH, type NodeMember } from '../../domain/primary/node-member.ts';
import { startHarness, type Harness } from './harness.ts';
import { until, within } from './limits.ts';

/** Among so many a node joins; each has a worker of its own. */
const NODES = 50;

const member = (number: number): NodeMember => ({
  ...{ node: `n${number}`, addresses: [`192.0.2.${number}`], subnets: [`10.1.${number}.0/24`] },
  mac: `0e:70:0a:01:${number.toString(16).padStart(2, '0')}:00`,
});

describe('the run of the mesh between nodes', () => {
  let lab: Harness;
  let members: NodeMembers;
  before(async () => {
    lab = await startHarness();
    members = createNodeMembers(lab.etcd);
    // The harness has n1.
    for (let number = 2; number <= NODES; number += 1) await lab.startNode(`n${number}`);
    for (let number = 1; number <= NODES; number += 1) {
      await members.publish(member(number));
      await members.told(`n${number}`);
    }
  });
  after(() => lab.stop());

  const told = (): string[] => lab.nodes.callsOf(NODE_MESH.name).map(({ node }) => node);
  const tell = (): Promise<void> => createSignals(lab.client).membersChanged(NODE_MESH, 'test');
  const ends = (): Promise<void> =>
    within('the run ends', lab.client.workflow.getHandle(meshWorkflowId(NODE_MESH)).result() as Promise<void>);
  const behind = async (): Promise<unknown> => {
    const entry = await lab.etcd.get(meshStateKey(NODE_MESH));
    return entry === undefined ? undefined : (JSON.parse(entry.value) as { behind: unknown }).behind;
  };
  const names = (count: number): string[] => Array.from({ length: count }, (_, index) => `n${index + 1}`).sort();

  it('tells each of fifty nodes once of a node that joins', async () => {
    await lab.startNode(`n${NODES + 1}`);
    assert.equal(await members.publish(member(NODES + 1)), 'untold');
    const from = told().length;
    await tell();
    await members.told(`n${NODES + 1}`);
    await ends();
    assert.deepEqual(told().slice(from).sort(), names(NODES + 1));
    assert.deepEqual(await behind(), []);
  });

  it('tells a node of a burst of changes three times at most', async () => {
    lab.nodes.script(NODE_MESH.name, 'syncFdb', () => ({ after: 300 }));
    const from = told().length;
    await tell();
    await until('the nodes are at it', () => told().length > from);
    await Promise.all(Array.from({ length: 20 }, tell));
    await ends();
    const counts = new Map<string, number>();
    for (const node of told().slice(from)) counts.set(node, (counts.get(node) ?? 0) + 1);
    assert.deepEqual([...counts.keys()].sort(), names(NODES + 1));
    assert.ok(Math.max(...counts.values()) <= 3, JSON.stringify([...counts]));
    lab.nodes.script(NODE_MESH.name, 'syncFdb', () => 'ok');
  });

  it('tells those who stay of a node that is gone, and that one no more', async () => {
    const from = told().length;
    await endMembership({ members, signals: createSignals(lab.client) }, `n${NODES + 1}`);
    await ends();
    assert.deepEqual(told().slice(from).sort(), names(NODES));
  });

  it('does not wait for a node that is away', async () => {
    await members.publish({ ...member(99), node: 'away' });
    const from = told().length;
    await tell();
    await ends();
    assert.deepEqual([told().slice(from).length, await behind()], [NODES, ['away']]);
    await members.remove('away');
  });
});
