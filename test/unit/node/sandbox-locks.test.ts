import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { SandboxLocks, type StepOfSandbox } from '../../../activities/network/sandbox-locks.ts';
import { PodwireError } from '../../../domain/failures.ts';
import { until } from '../../workflows/limits.ts';

const stepOf = (interfaceName: string, of: Partial<StepOfSandbox> = {}): StepOfSandbox => ({
  ...{ podUid: 'pod', sandboxId: 'sandbox', modRevision: '1' },
  interfaceName,
  ...of,
});

const isBusy = (error: unknown): boolean => error instanceof PodwireError && error.code === 'SandboxBusy';

/** Work that takes until it is let go. */
function hanging(): { work: () => Promise<string>; letGo: () => void; begun: () => boolean } {
  let letGo: () => void = () => undefined;
  let begun = false;
  const over = new Promise<string>((resolve) => {
    letGo = () => resolve('done');
  });
  const work = (): Promise<string> => {
    begun = true;
    return over;
  };
  return { work, letGo: () => letGo(), begun: () => begun };
}

const done = async (): Promise<string> => 'done';

/** Locks under which `slow` has had its turn while `healthy` was told to come again. */
async function afterTurnOfSlow(): Promise<SandboxLocks> {
  const locks = new SandboxLocks();
  const { work, letGo } = hanging();
  const first = locks.step(stepOf('slow'), work);
  await assert.rejects(locks.step(stepOf('healthy'), done), isBusy);
  letGo();
  await first;
  return locks;
}

test('of sixteen networks of a pod whose plugin hangs one works, one waits for a moment, and all others are told at once', async () => {
  const locks = new SandboxLocks();
  const { work, letGo } = hanging();
  const start = performance.now();
  const ended: { at: number; busy: boolean }[] = [];
  const steps = Array.from({ length: 16 }, (_, i) =>
    locks.step(stepOf(`net${i}`), work).then(
      () => ended.push({ at: performance.now() - start, busy: false }),
      (error: unknown) => ended.push({ at: performance.now() - start, busy: isBusy(error) }),
    ),
  );
  await until('fourteen are told', () => ended.length >= 14);
  assert.equal(16 - ended.length, 2, 'slots that the pod holds');
  assert.ok(ended.every(({ busy, at }) => busy && at < 100));
  await until('one more is told', () => ended.length >= 15);
  assert.equal(16 - ended.length, 1);
  letGo();
  await Promise.all(steps);
  assert.equal(ended.filter(({ busy }) => busy).length, 15);
});

test('two sandboxes of one pod share the two places of the pod; another pod has its own', async () => {
  const locks = new SandboxLocks();
  const { work, letGo } = hanging();
  const held = ['old', 'new'].map((sandboxId) => locks.step(stepOf('net1', { sandboxId }), work));
  await assert.rejects(locks.step(stepOf('net1', { sandboxId: 'newest' }), done), isBusy);
  assert.equal(await locks.step(stepOf('net1', { podUid: 'other', sandboxId: 'other' }), done), 'done');
  letGo();
  await Promise.all(held);
  assert.equal(await locks.step(stepOf('net1', { sandboxId: 'newest' }), done), 'done');
});

test('a step that has had its turn gives way to one that was told to come again, and to that one only', async () => {
  const locks = await afterTurnOfSlow();
  await assert.rejects(locks.step(stepOf('slow'), done), isBusy);
  // Its removal is another step: what a person wants now does not wait.
  assert.equal(await locks.step(stepOf('slow', { modRevision: '2' }), done), 'done');
  assert.equal(await locks.step(stepOf('healthy'), done), 'done');
  assert.equal(await locks.step(stepOf('slow'), done), 'done');
});

test('nobody waits for a step that was told to come again and does not', async () => {
  const locks = await afterTurnOfSlow();
  // That time passes is what this is about.
  await sleep(2_050);
  assert.equal(await locks.step(stepOf('slow'), done), 'done');
});

test('a step that overlaps with an earlier try of its own does not give way to itself', async () => {
  const locks = new SandboxLocks();
  const { work, letGo, begun } = hanging();
  const first = locks.step(stepOf('slow'), work);
  await assert.rejects(locks.step(stepOf('slow'), done), isBusy);
  assert.ok(begun());
  letGo();
  await first;
  assert.equal(await locks.step(stepOf('slow'), done), 'done');
});
