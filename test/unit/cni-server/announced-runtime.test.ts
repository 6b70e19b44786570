/** The container runtime as podwire sees it between a call of CNI and its own list. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { withAnnounced } from '../../../adapters/cri/announced-runtime.ts';
import type { ListedSandbox, SandboxDetails, SandboxRuntime } from '../../../domain/ports/sandbox-runtime.ts';
import { announcedSandbox, memoryOfAnnounced } from './some-announced.ts';

const listed = (id: string): ListedSandbox => ({
  ...{ id, podUid: `uid-${id}`, namespace: 'ns', name: 'web', ready: true, createdAt: '1', asks: false },
});
const told = (id: string, change: Partial<SandboxDetails> = {}): SandboxDetails => ({
  ...listed(id),
  ...{ hostNetwork: false, netnsPath: `/run/netns/${id}`, podIPs: ['10.9.9.9'], ...change },
});

function parts() {
  const known = new Map<string, SandboxDetails>();
  const runtime: SandboxRuntime = {
    listReady: async (podUid) =>
      [...known.values()]
        .filter((each) => each.ready && (podUid === undefined || each.podUid === podUid))
        .map(({ id }) => listed(id)),
    describe: async (sandboxId) => known.get(sandboxId),
  };
  const announced = memoryOfAnnounced();
  return { known, announced, seen: withAnnounced(runtime, announced) };
}

const ids = (sandboxes: readonly ListedSandbox[]): string[] => sandboxes.map(({ id }) => id);

describe('an announced sandbox', () => {
  it('is listed and told as Ready before the runtime knows it', async () => {
    const { announced, seen } = parts();
    await announced.put(announcedSandbox('a'));
    assert.deepEqual(ids(await seen.listReady()), ['a']);
    assert.deepEqual(ids(await seen.listReady('uid-a')), ['a']);
    assert.deepEqual(ids(await seen.listReady('uid-other')), []);
    const found = await seen.describe('a');
    assert.deepEqual([found?.ready, found?.netnsPath, found?.podIPs], [true, '/run/netns/a', ['10.1.0.5']]);
  });

  it('is found by the UID that the runtime has of a static pod', async () => {
    const { announced, seen } = parts();
    await announced.put(announcedSandbox('a', { runtimeUid: 'hash' }));
    assert.deepEqual(ids(await seen.listReady('hash')), ['a']);
    assert.equal((await seen.describe('a'))?.podUid, 'hash');
  });

  it('is told also where the runtime knows it and does not have it as Ready yet', async () => {
    const { known, announced, seen } = parts();
    known.set('a', told('a', { ready: false, netnsPath: undefined }));
    await announced.put(announcedSandbox('a'));
    assert.equal((await seen.describe('a'))?.ready, true);
  });

  it('is confirmed by being listed, and is told by the runtime alone from then on', async () => {
    const { known, announced, seen } = parts();
    await announced.put(announcedSandbox('a'));
    known.set('a', told('a'));
    assert.deepEqual(ids(await seen.listReady()), ['a']);
    assert.deepEqual(announced.list(), []);
    assert.deepEqual((await seen.describe('a'))?.podIPs, ['10.9.9.9']);
  });

  it('that is being taken down is not listed, whatever the runtime says, and its netns is still told', async () => {
    const { known, announced, seen } = parts();
    await announced.put(announcedSandbox('a', { ending: true }));
    await announced.put(announcedSandbox('b', { ending: true }));
    known.set('a', told('a'));
    assert.deepEqual(await seen.listReady(), []);
    assert.equal(announced.list().length, 2);
    known.set('a', told('a', { ready: false, netnsPath: undefined }));
    for (const id of ['a', 'b']) {
      const found = await seen.describe(id);
      assert.deepEqual([found?.ready, found?.netnsPath], [false, `/run/netns/${id}`]);
    }
  });
});
