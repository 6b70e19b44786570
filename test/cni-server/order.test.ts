/** Many calls at once, and those of one container. */
import assert from 'node:assert/strict';
import test from 'node:test';
import type { PodCniCall } from '../../domain/cni-server/pod-cni.ts';
import { until } from '../workflows/limits.ts';
import { gate } from './gate.ts';
import { ask, begin, errorOf, RESULT, serve } from './served.ts';

const PODS = 110;

test('a DEL that comes during its ADD begins after it', async (t) => {
  const add = gate();
  const order: string[] = [];
  const { socket, server, seen } = await serve(t, {
    add: async () => {
      await add.opened;
      order.push('ADD ended');
      return RESULT;
    },
    del: async () => void order.push('DEL begun'),
  });
  const adding = await begin(socket);
  await until('ADD has begun', () => seen.length === 1);
  const deleting = await begin(socket, { command: 'DEL' });
  await until('DEL waits', () => server.counts.waiting === 1);
  assert.equal((await ask(socket, { container: 'c2', command: 'DEL' })).code, 0);
  add.open();
  assert.deepEqual([(await adding.ended).code, (await deleting.ended).code], [0, 0]);
  assert.deepEqual(order, ['DEL begun', 'ADD ended', 'DEL begun']);
});

test('a DEL whose ADD hangs is told to come again, within its limit', async (t) => {
  const { socket, seen } = await serve(t, { add: () => new Promise(() => undefined) });
  const adding = await begin(socket);
  await until('ADD has begun', () => seen.length === 1);
  assert.equal(errorOf(await ask(socket, { command: 'DEL', config: { timeoutSeconds: 1 } })).code, 11);
  adding.kill();
  await adding.ended;
});

test(`${PODS} pods that start at once are all served, at most 8 at a time, and a pod whose plugin hangs delays none`, async (t) => {
  let atWork = 0;
  let most = 0;
  const begun: string[] = [];
  const hanging = gate();
  const { socket, server, seen } = await serve(t, {
    add: async ({ containerId }: PodCniCall) => {
      atWork += 1;
      most = Math.max(most, atWork);
      begun.push(containerId);
      if (containerId === 'hanging') await hanging.opened;
      else await new Promise((resolve) => setImmediate(resolve));
      atWork -= 1;
      return { ...RESULT, interfaces: [{ name: 'eth0', sandbox: containerId }] };
    },
  });
  const slow = await begin(socket, { container: 'hanging' });
  await until('the hanging one has begun', () => seen.length === 1);
  const said = await Promise.all(Array.from({ length: PODS }, (_, i) => ask(socket, { container: `c${i}` })));
  for (const [i, { code, stdout, stderr }] of said.entries()) {
    assert.deepEqual([code, stderr], [0, '']);
    assert.equal((JSON.parse(stdout) as typeof RESULT).interfaces[0]?.sandbox, `c${i}`);
  }
  assert.ok(most <= 8, `${most} at once`);
  assert.equal(server.counts.atWork, 1);
  assert.equal(new Set(begun).size, PODS + 1);
  hanging.open();
  assert.equal((await slow.ended).code, 0);
});

test('eight pods whose plugins hang hold up the others until their limit, and no longer', async (t) => {
  const { socket, server, seen } = await serve(t, {
    add: ({ containerId }, signal) =>
      containerId.startsWith('hanging')
        ? new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))
        : Promise.resolve(RESULT),
  });
  const hanging = await Promise.all(
    Array.from({ length: 8 }, (_, i) => begin(socket, { container: `hanging${i}`, config: { timeoutSeconds: 3 } })),
  );
  await until('all hang', () => seen.length === 8);
  const waiting = await begin(socket, { container: 'c1' });
  await until('the ninth waits', () => server.counts.waiting === 1);
  assert.equal((await waiting.ended).code, 0);
  for (const { ended } of hanging) assert.equal(errorOf(await ended).code, 11);
});
