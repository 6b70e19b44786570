/** The sender stands in for Temporal where a test needs failures at chosen moments. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SIGNAL_SPACING_MS } from '../../../adapters/temporal/pod-starter.ts';
import { DESIRED_CHANGED, POD_DELETED } from '../../../domain/messages.ts';
import { PodSignals } from '../../../watcher/pod-signals.ts';
import { until } from '../../watcher/until.ts';

const pod = (uid: string) => ({ uid, namespace: 'default', name: `pod-${uid}`, nodeName: 'n1' });

interface Call {
  readonly uid: string;
  /** Networks wished for, before and now. */
  readonly networks: readonly (readonly string[] | undefined)[];
  readonly signal: string;
  readonly answer: (error?: Error) => void;
}

function harness(concurrency = 16) {
  const calls: Call[] = [];
  const signals = new PodSignals({
    concurrency,
    backOff: { minMs: 1, maxMs: 4 },
    send: ({ uid, networksBefore, networks }, signal) =>
      new Promise((resolve, reject) => {
        calls.push({
          uid,
          networks: [networksBefore, networks],
          signal,
          answer: (error) => {
            if (error === undefined) resolve();
            else reject(error);
          },
        });
      }),
    onSent: () => undefined,
    onFailed: () => undefined,
  });
  return { signals, calls };
}

test('the same inputs are signalled once', async () => {
  const { signals, calls } = harness();
  signals.observe(pod('u'), 'A', true, '');
  signals.observe(pod('u'), 'A', true, '');
  calls[0]?.answer();
  await until('acknowledged', () => signals.pending === 0);
  signals.observe(pod('u'), 'A', true, '');
  assert.equal(calls.length, 1);
});

test('each says what the pod wished for when it was last signalled, or when its wishes were taken note of', async () => {
  const { signals, calls } = harness();
  const asking = (uid: string, ...networks: string[]) => ({ ...pod(uid), networks });
  signals.observe(asking('u', 'red'), 'A', true, '');
  calls[0]?.answer();
  // A change that is not signalled is no news.
  signals.observe(asking('u', 'red'), 'A', true, '');
  signals.observe(asking('u', 'blue'), 'B', true, '');
  await until('the second is sent', () => calls.length === 2);
  calls[1]?.answer();
  signals.gone(pod('u'), false, '');
  await until('the third is sent', () => calls.length === 3);
  signals.note(asking('v', 'green'), 'A', true);
  signals.observe(asking('v'), 'B', false, '');
  assert.deepEqual(
    calls.map(({ networks }) => networks),
    [
      [[], ['red']],
      [['red'], ['blue']],
      [['blue'], []],
      [['green'], []],
    ],
  );
});

test('what could not be told counts as not told', async () => {
  const { signals, calls } = harness();
  signals.note({ ...pod('u'), networks: ['red'] }, 'A', true);
  signals.observe({ ...pod('u'), networks: [] }, 'B', true, '');
  calls[0]?.answer(new Error('away'));
  await until('it is sent again', () => calls.length === 2);
  assert.deepEqual(calls[1]?.networks, [['red'], []]);
});

test('one signal is in flight and one waits, however many changes there are', async () => {
  const { signals, calls } = harness();
  for (let i = 0; i < 1_000; i += 1) signals.observe(pod('u'), `h${i}`, true, '');
  assert.equal(calls.length, 1);
  calls[0]?.answer();
  await until('the second is sent', () => calls.length === 2);
  calls[1]?.answer();
  await until('nothing waits', () => signals.pending === 0);
  assert.equal(calls.length, 2);
});

test('the next signal of a pod waits until some time has passed since the one before it began', async () => {
  const { signals, calls } = harness();
  signals.observe(pod('u'), 'A', true, '');
  const began = performance.now();
  calls[0]?.answer();
  signals.observe(pod('u'), 'B', true, '');
  await until('the second is sent', () => calls.length === 2);
  assert.ok(performance.now() - began >= SIGNAL_SPACING_MS - 1);
});

test('A, B and A again is signalled, also when B was never sent', async () => {
  const { signals, calls } = harness();
  signals.observe(pod('u'), 'A', true, '');
  signals.observe(pod('u'), 'B', true, '');
  signals.observe(pod('u'), 'A', true, '');
  calls[0]?.answer();
  await until('a signal that is later than B', () => calls.length === 2);
});

test('a pod that never asked for anything is not signalled, neither for changes nor for its end', () => {
  const { signals, calls } = harness();
  signals.observe(pod('u'), 'A', false, '');
  signals.observe(pod('u'), 'B', false, '');
  signals.gone(pod('u'), false, '');
  assert.equal(calls.length, 0);
  assert.equal(signals.knows('u'), false);
});

test('a pod that asks for nothing any more is signalled', async () => {
  const { signals, calls } = harness();
  signals.observe(pod('u'), 'A', true, '');
  calls[0]?.answer();
  await until('acknowledged', () => signals.pending === 0);
  signals.observe(pod('u'), 'nothing', false, '');
  await until('it is signalled', () => calls.length === 2);
});

test('a deletion takes the place of a change that waits, and the pod is forgotten afterwards', async () => {
  const { signals, calls } = harness();
  signals.observe(pod('u'), 'A', true, '');
  signals.observe(pod('u'), 'B', true, '');
  signals.gone(pod('u'), false, '');
  calls[0]?.answer();
  await until('the deletion is sent', () => calls.length === 2);
  assert.equal(calls[1]?.signal, POD_DELETED);
  calls[1]?.answer();
  await until('forgotten', () => !signals.knows('u'));
  assert.equal(calls.length, 2);
});

test('no more than the allowed number is in flight, and after failures of several pods one at a time', async () => {
  const { signals, calls } = harness(3);
  for (let i = 0; i < 10; i += 1) signals.observe(pod(`u${i}`), 'A', true, '');
  assert.equal(calls.length, 3);
  for (const call of calls.slice(0, 3)) call.answer(new Error('down'));
  await until('one probe', () => calls.length === 4);
  assert.equal(calls.length, 4);
  calls[3]?.answer();
  await until('three again', () => calls.length === 7);
});

test('one pod whose signal fails again and again keeps no other waiting', async () => {
  const { signals, calls } = harness(3);
  signals.observe(pod('bad'), 'A', true, '');
  calls[0]?.answer(new Error('refused'));
  await until('the bad one is tried again', () => calls.length === 2);
  for (let i = 0; i < 4; i += 1) signals.observe(pod(`u${i}`), 'A', true, '');
  // Its second try is still under way.
  assert.deepEqual(
    calls.slice(1).map(({ uid }) => uid),
    ['bad', 'u0', 'u1'],
  );
});

test('a failed signal is sent again with what is newest', async () => {
  const { signals, calls } = harness();
  signals.observe(pod('u'), 'A', true, '');
  signals.gone(pod('u'), false, '');
  calls[0]?.answer(new Error('down'));
  await until('sent again', () => calls.length === 2);
  assert.equal(calls[1]?.signal, POD_DELETED);
  calls[1]?.answer();
  await until('done', () => signals.pending === 0);
});

test('whatever fails and whenever, the last signal of a pod is later than its last change', async () => {
  const step = fc.record({
    uid: fc.constantFrom('a', 'b', 'c'),
    hash: fc.constantFrom('A', 'B', 'C'),
    fail: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const live = new Map<string, string>();
      const read = new Map<string, string>();
      const inFlight = new Set<string>();
      const failing = steps.map(({ fail }) => fail);
      const signals = new PodSignals({
        concurrency: 2,
        backOff: { minMs: 0.1, maxMs: 0.2 },
        spacingMs: 0.1,
        send: async ({ uid }, signal) => {
          assert.equal(signal, DESIRED_CHANGED);
          assert.ok(!inFlight.has(uid), 'one in flight per pod');
          inFlight.add(uid);
          await Promise.resolve();
          inFlight.delete(uid);
          if (failing.pop() === true) throw new Error('down');
          // What a run reads that this signal starts: the state at this moment.
          read.set(uid, live.get(uid) ?? '');
        },
        onSent: () => undefined,
        onFailed: () => undefined,
      });
      for (const { uid, hash, fail } of steps) {
        live.set(uid, hash);
        signals.observe(pod(uid), hash, true, '');
        if (fail) await Promise.resolve();
      }
      await until('all sent', () => signals.pending === 0);
      assert.deepEqual(read, live);
      await signals.stop();
    }),
    { numRuns: 200 },
  );
});

test('the longest wait is that of the oldest change without an acknowledgement, also while it is on its way', async () => {
  const { signals, calls } = harness();
  assert.equal(signals.longestWaitMs, 0);
  signals.observe(pod('u'), 'A', true, '');
  const first = performance.now();
  await until('time to pass', () => performance.now() - first > 20);
  signals.observe(pod('v'), 'A', true, '');
  assert.ok(signals.longestWaitMs > 15, String(signals.longestWaitMs));
  calls[0]?.answer();
  await until('the older one to be acknowledged', () => signals.pending === 1);
  assert.ok(signals.longestWaitMs < performance.now() - first - 15);
  calls[1]?.answer();
  await until('both to be acknowledged', () => signals.pending === 0);
  assert.equal(signals.longestWaitMs, 0);
});

test('a change that failed while a newer one was observed has been waiting since it was observed', async () => {
  const { signals, calls } = harness();
  const first = performance.now();
  signals.observe(pod('u'), 'A', true, '');
  await until('time to pass', () => performance.now() - first > 50);
  signals.observe(pod('u'), 'B', true, '');
  calls[0]?.answer(new Error('away'));
  await until('the next try', () => calls.length === 2);
  const waited = performance.now() - first;
  assert.ok(signals.longestWaitMs >= waited - 5, `${signals.longestWaitMs} of ${waited}`);
  calls[1]?.answer();
  await until('acknowledged', () => signals.pending === 0);
});

test('a change that failed stays a change, also when a newer signal may be spared', async () => {
  const sent: (string | undefined)[] = [];
  let answer: (error: Error) => void = () => undefined;
  const signals = new PodSignals({
    backOff: { minMs: 1, maxMs: 4 },
    spacingMs: 1,
    send: (_pod, _signal, { unlessInputs }) => {
      sent.push(unlessInputs);
      return sent.length > 1 ? Promise.resolve() : new Promise((_, reject) => (answer = reject));
    },
    onSent: () => undefined,
    onFailed: () => undefined,
  });
  signals.observe(pod('u'), 'B', true, '');
  signals.insist(pod('u'), 'B', 'relist');
  answer(new Error('away'));
  await until('acknowledged', () => signals.pending === 0);
  assert.deepEqual(sent, [undefined, undefined]);
});
