import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { claimName, claimNameSoon } from '../../../adapters/host/single-instance.ts';

const NEVER = new AbortController().signal;

test('a successor gets the name as soon as its predecessor has ended, and says once that it waits', async () => {
  const name = randomUUID();
  const predecessor = await claimName(name);
  assert.ok(predecessor);
  let told = 0;
  const waiting = claimNameSoon(name, {
    limitMs: 10_000,
    signal: NEVER,
    onTaken: () => {
      told += 1;
      setTimeout(() => predecessor.close(), 500);
    },
  });
  const claimed = await waiting;
  assert.ok(claimed);
  assert.equal(told, 1);
  claimed.close();
});

test('a name that a living process keeps is refused after the limit, and at once when one is told to stop', async () => {
  const name = randomUUID();
  const holder = await claimName(name);
  const startedAt = performance.now();
  assert.equal(await claimNameSoon(name, { limitMs: 400, signal: NEVER, onTaken: () => undefined }), undefined);
  assert.ok(performance.now() - startedAt >= 400);
  const stopping = new AbortController();
  const stopped = claimNameSoon(name, { limitMs: 60_000, signal: stopping.signal, onTaken: () => stopping.abort() });
  assert.equal(await stopped, undefined);
  holder?.close();
});
