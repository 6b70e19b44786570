import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { CallQueue, QueueFull } from '../../../adapters/cni-server/call-queue.ts';
import { gate } from '../../cni-server/gate.ts';

const LIMITS = { atWork: 2, waiting: 3, graceMs: 10 };
const never = new AbortController().signal;

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('so many are at work at once, and the others follow in the order in which they came', async () => {
  const queue = new CallQueue(LIMITS);
  const begun: string[] = [];
  const gates = new Map(['a', 'b', 'c', 'd'].map((key) => [key, gate()]));
  const runs = [...gates].map(([key, { opened }]) =>
    queue.run(key, never, async () => {
      begun.push(key);
      await opened;
      return key;
    }),
  );
  assert.deepEqual([begun.join(''), queue.atWork, queue.waiting], ['ab', 2, 2]);
  gates.get('b')?.open();
  await runs[1];
  assert.deepEqual([begun.join(''), queue.atWork, queue.waiting], ['abc', 2, 1]);
  for (const { open } of gates.values()) open();
  assert.deepEqual(await Promise.all(runs), ['a', 'b', 'c', 'd']);
  assert.equal(begun.join(''), 'abcd');
  await turn();
  assert.deepEqual([queue.atWork, queue.waiting], [0, 0]);
});

test("a container's calls come one after the other, and those of others pass the ones that wait", async () => {
  const queue = new CallQueue(LIMITS);
  const begun: string[] = [];
  const add = gate();
  const first = queue.run('a', never, () => (begun.push('ADD a'), add.opened));
  const second = queue.run('a', never, async () => void begun.push('DEL a'));
  await queue.run('b', never, async () => void begun.push('ADD b'));
  assert.deepEqual(begun, ['ADD a', 'ADD b']);
  add.open();
  await Promise.all([first, second]);
  assert.deepEqual(begun, ['ADD a', 'ADD b', 'DEL a']);
});

test('more than may wait are refused', async () => {
  const queue = new CallQueue(LIMITS);
  const { opened, open } = gate();
  const runs = Array.from({ length: 5 }, (_, i) => queue.run(String(i), never, () => opened));
  await assert.rejects(
    queue.run('x', never, () => opened),
    QueueFull,
  );
  open();
  await Promise.all(runs);
  await queue.run('x', never, () => opened);
});

test('who is given up while it waits leaves at once, and is never begun', async () => {
  const queue = new CallQueue({ ...LIMITS, atWork: 1 });
  const { opened, open } = gate();
  const first = queue.run('a', never, () => opened);
  const givenUp = new AbortController();
  const second = queue.run('b', givenUp.signal, () => assert.fail('it was begun'));
  givenUp.abort(new Error('late'));
  await assert.rejects(second, /late/);
  assert.equal(queue.waiting, 0);
  open();
  await first;
});

test('work that has left its place holds up its own container, and no other', async () => {
  const queue = new CallQueue({ ...LIMITS, atWork: 1 });
  const waiting = gate();
  const first = queue.run('a', never, (leavePlace) => {
    leavePlace();
    leavePlace();
    return waiting.opened;
  });
  const own = queue.run('a', never, async () => 'after it');
  assert.equal(await queue.run('b', never, async () => 'other'), 'other');
  assert.deepEqual([queue.atWork, queue.waiting], [0, 1]);
  waiting.open();
  await first;
  assert.equal(await own, 'after it');
  await turn();
  assert.deepEqual([queue.atWork, queue.waiting], [0, 0]);
});

test('work that hangs beyond its signal makes room for other containers, and none for its own', async () => {
  const queue = new CallQueue({ ...LIMITS, atWork: 1 });
  const hanging = gate();
  const limit = new AbortController();
  const first = queue.run('a', limit.signal, () => hanging.opened);
  const own = queue.run('a', never, async () => 'after it');
  const other = queue.run('b', never, async () => 'other');
  limit.abort(new Error('too long'));
  await assert.rejects(first, /too long/);
  assert.equal(await other, 'other');
  assert.equal(queue.waiting, 1);
  hanging.open();
  assert.equal(await own, 'after it');
  assert.equal(queue.atWork, 0);
});

test('whatever comes and ends: never too many at work, never two of one container, everything is done', async () => {
  const calls = fc.array(
    fc.record({ key: fc.constantFrom('a', 'b', 'c', 'd'), turns: fc.nat(3), abortAt: fc.option(fc.nat(4)) }),
    {
      maxLength: 30,
    },
  );
  await fc.assert(
    fc.asyncProperty(calls, async (list) => {
      const queue = new CallQueue({ atWork: 2, waiting: 100, graceMs: 1_000 });
      const busy = new Set<string>();
      await Promise.allSettled(
        list.map(async ({ key, turns, abortAt }) => {
          const limit = new AbortController();
          const done = queue.run(key, limit.signal, async () => {
            assert.ok(!busy.has(key));
            busy.add(key);
            assert.ok(busy.size <= 2);
            for (let i = 0; i < turns && !limit.signal.aborted; i += 1) await turn();
            busy.delete(key);
          });
          for (let i = 0; abortAt !== null && i < abortAt; i += 1) await turn();
          if (abortAt !== null) limit.abort(new Error('given up'));
          await done.catch((error: Error) => assert.equal(error.message, 'given up'));
        }),
      ).then((results) => assert.ok(results.every(({ status }) => status === 'fulfilled')));
      await turn();
      assert.deepEqual([queue.atWork, queue.waiting, busy.size], [0, 0, 0]);
    }),
    { numRuns: 200 },
  );
});
