/** When a node that does not come back leaves the mesh between nodes, and when it stays. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { GoneMembers } from '../../../activities/primary/gone-members.ts';
import { RELEASE_AFTER_MS } from '../../../domain/primary/node-id.ts';

const HOUR = 3_600_000;

function world() {
  const state = {
    ...{ now: 10 * HOUR, members: ['n1', 'n2'], looks: new Map([['n1', 10 * HOUR]]) },
    ...{ objects: new Set(['n1']), sandboxes: 0, asked: [] as string[], left: [] as string[], told: 0 },
  };
  const gone = new GoneMembers({
    nodes: { members: async () => state.members, lookedAt: async () => state.looks },
    cluster: { nodeUid: async (node) => (state.asked.push(node), state.objects.has(node) ? 'uid' : undefined) },
    sandboxes: { list: async () => Array.from({ length: state.sandboxes }) },
    members: {
      remove: async (node) => {
        state.members = state.members.filter((member) => member !== node);
        return true;
      },
    },
    signals: { membersChanged: async () => void (state.told += 1) },
    now: () => state.now,
    onGone: (node) => void state.left.push(node),
  });
  const lookAfter = async (ms: number): Promise<void> => {
    state.now += ms;
    await gone.look();
  };
  return { state, lookAfter };
}

describe('a member of the mesh between nodes', () => {
  it('leaves when its worker is silent and its Node object is missed by two looks five minutes apart, and the others are told', async () => {
    const { state, lookAfter } = world();
    await lookAfter(0);
    await lookAfter(RELEASE_AFTER_MS - 1);
    assert.deepEqual(state.left, []);
    await lookAfter(1);
    assert.deepEqual([state.left, state.members, state.told], [['n2'], ['n1'], 1]);
  });

  it('stays while it is missed by one look alone, has sandboxes, or its worker has looked at it', async () => {
    const { state, lookAfter } = world();
    await lookAfter(0);
    state.objects.add('n2');
    await lookAfter(RELEASE_AFTER_MS);
    state.objects.delete('n2');
    await lookAfter(RELEASE_AFTER_MS);
    state.sandboxes = 1;
    await lookAfter(RELEASE_AFTER_MS);
    state.sandboxes = 0;
    state.looks.set('n2', state.now);
    await lookAfter(RELEASE_AFTER_MS);
    assert.deepEqual(state.left, []);
  });

  it('is not asked for at the API while its worker looks at its node', async () => {
    const { state, lookAfter } = world();
    await lookAfter(0);
    assert.deepEqual(state.asked, ['n2']);
  });
});
