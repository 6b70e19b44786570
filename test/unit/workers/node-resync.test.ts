import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { networkKey } from '../../../domain/network-selection.ts';
import type { MeshRecord } from '../../../domain/records.ts';
import { resyncNetworks } from '../../../workers/node/node-resync.ts';
import { stored, vxlanRecord } from '../sweep/some-node.ts';

const networks = ['green', 'red'].map((name) => ({ scope: 'cluster', name }));

/** Which networks say that this node has caught up with the write of that time. */
async function caughtUp(o: { behind?: string[]; fails?: string; aborts?: boolean } = {}): Promise<string[]> {
  const said: string[] = [];
  const abort = new AbortController();
  const value: MeshRecord = { v: 1, behind: o.behind ?? ['n1'], since: {}, recordedAt: 'then' };
  const resync = resyncNetworks(
    {
      node: 'n1',
      store: {
        listNodeAttachments: async () => networks.map((network) => stored(vxlanRecord({ network }))),
        readMesh: async () => ({ key: 'k', value, modRevision: '5' }),
        caughtUp: async (network, node, write) => void said.push(`${node} in ${networkKey(network)} with ${write}`),
      },
      fdb: {
        compareNetwork: async ({ name }) => {
          if (o.aborts === true) abort.abort();
          if (name === o.fails) throw new Error('no');
          return { netns: 1, written: 0, removed: 0 };
        },
      },
    },
    { info: () => undefined },
    abort.signal,
  );
  await (o.fails === undefined ? resync : assert.rejects(resync, /no/));
  return said;
}

describe('a node that has resynced its networks', () => {
  test('says whether it has attachments at all', async () => {
    const of = (attachments: readonly ReturnType<typeof stored>[]): Promise<boolean> =>
      resyncNetworks(
        {
          node: 'n1',
          store: {
            listNodeAttachments: async () => attachments,
            readMesh: async () => undefined,
            caughtUp: async () => undefined,
          },
          fdb: { compareNetwork: async () => ({ netns: 1, written: 0, removed: 0 }) },
        },
        { info: () => undefined },
        new AbortController().signal,
      );
    assert.equal(await of([]), true);
    assert.equal(await of([stored(vxlanRecord())]), false);
  });

  test('is behind in none of them any more', async () => {
    assert.deepEqual(await caughtUp(), ['n1 in cluster/green with then', 'n1 in cluster/red with then']);
  });

  test('writes nothing where it was not behind', async () => {
    assert.deepEqual(await caughtUp({ behind: ['n2'] }), []);
  });

  test('is still behind where it failed', async () => {
    assert.deepEqual(await caughtUp({ fails: 'green' }), ['n1 in cluster/red with then']);
  });

  test('is still behind where it was stopped half way', async () => {
    assert.deepEqual(await caughtUp({ aborts: true }), []);
  });
});
