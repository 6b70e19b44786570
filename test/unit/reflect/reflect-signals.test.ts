/** Names of changed objects on their way to Temporal: few signals, nothing lost, a bound. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { MAX_DIRTY_NAMES, MAX_DIRTY_QUEUE } from '../../../domain/reflect/messages.ts';
import { ReflectSignals } from '../../../watcher/reflect/reflect-signals.ts';
import { until } from '../../workflows/limits.ts';

function recorded(fail: () => boolean = () => false) {
  const sent: (readonly string[] | string)[] = [];
  let atOnce = 0;
  let most = 0;
  const send = async (what: readonly string[] | string): Promise<void> => {
    most = Math.max(most, (atOnce += 1));
    await sleep(5);
    atOnce -= 1;
    if (fail()) throw new Error('Temporal is away');
    sent.push(what);
  };
  const signals = new ReflectSignals({
    sendDirty: send,
    sendResync: send,
    onSent: () => undefined,
    onFailed: () => undefined,
    backOff: { minMs: 5, maxMs: 20 },
  });
  return { sent, signals, most: () => most };
}

test('what changes within a moment goes in one signal, each name once', async () => {
  const { sent, signals } = recorded();
  for (let i = 0; i < 300; i += 1) signals.dirty(`n/p${i % 100}`);
  await until('it is sent', () => !signals.pending);
  assert.deepEqual(sent, [Array.from({ length: 100 }, (_, i) => `n/p${i}`)]);
  await signals.stop();
});

test('a signal holds so many names at most, and there is one under way at a time', async () => {
  const { sent, signals, most } = recorded();
  for (let i = 0; i < MAX_DIRTY_NAMES + 1; i += 1) signals.dirty(`n/p${i}`);
  await until('all is sent', () => !signals.pending);
  assert.deepEqual(
    sent.map((what) => what.length),
    [MAX_DIRTY_NAMES, 1],
  );
  assert.equal(most(), 1);
  await signals.stop();
});

test('names outlive signals that fail', async () => {
  let failures = 3;
  const { sent, signals } = recorded(() => (failures -= 1) >= 0);
  signals.dirty('n/a');
  await until('the first fails', () => failures < 3);
  signals.dirty('n/b');
  await until('all is sent', () => !signals.pending);
  assert.deepEqual(new Set(sent.flat()), new Set(['n/a', 'n/b']));
  await signals.stop();
});

test('more than fits is compared as a whole', async () => {
  const { sent, signals } = recorded();
  for (let i = 0; i < MAX_DIRTY_QUEUE + 10; i += 1) signals.dirty(`n/p${i}`);
  await until('it is sent', () => !signals.pending);
  assert.match(String(sent[0]), /more than 2000 objects/);
  assert.ok(sent.slice(1).flat().length <= 10);
  await signals.stop();
});
