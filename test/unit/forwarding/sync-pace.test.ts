import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SyncPace } from '../../../activities/network/forwarding/sync-pace.ts';

const NEVER = new AbortController().signal;

async function restOf(pace: SyncPace, network: string, signal = NEVER): Promise<number> {
  const startedAt = performance.now();
  await pace.rest(network, signal);
  return performance.now() - startedAt;
}

describe('pace of syncs', () => {
  it('lets the first sync of a network go at once', async () => {
    assert.ok((await restOf(new SyncPace(), 'a')) < 500);
  });

  it('rests after a sync in proportion to how long that took, at most a second, and only that network', async () => {
    const pace = new SyncPace();
    pace.worked('a', 60_000);
    assert.ok((await restOf(pace, 'b')) < 500);
    pace.worked('a', 20);
    const rested = await restOf(pace, 'a');
    assert.ok(rested > 30 && rested < 500, `${rested}`);
    pace.worked('a', 60_000);
    const longest = await restOf(pace, 'a');
    assert.ok(longest > 900 && longest < 1_500, `${longest}`);
  });

  it('ends a rest when it is aborted', async () => {
    const pace = new SyncPace();
    const abort = new AbortController();
    pace.worked('a', 1_000);
    const rest = restOf(pace, 'a', abort.signal);
    abort.abort();
    assert.ok((await rest) < 500);
  });

  it('lets a fifth network go at once while four rest', async () => {
    const pace = new SyncPace();
    for (const network of ['a', 'b', 'c', 'd', 'e']) pace.worked(network, 100);
    const resting = ['a', 'b', 'c', 'd'].map((network) => restOf(pace, network));
    assert.ok((await restOf(pace, 'e')) < 100);
    await Promise.all(resting);
  });
});
