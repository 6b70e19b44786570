import assert from 'node:assert/strict';
import { describe, it, mock } from 'node:test';
import type { SlotPermit } from '@temporalio/worker';
import { LinkFirstSlots } from '../../../workers/link-first-slots.ts';

const context = (isSticky: boolean) => ({
  ...{ slotType: 'workflow' as const, taskQueue: 'podwire-control', workerIdentity: 'w', workerBuildId: '', isSticky },
});
const AFTERGLOW_MS = 500;
const PATIENCE_MS = 2_000;
const limits = (total: number) => ({
  ...{ total, later: 1, laterInTheEnd: 2, afterglowMs: AFTERGLOW_MS, patienceMs: PATIENCE_MS },
});
const never = new AbortController().signal;
const task = { type: 'workflow' as const, workflowType: 'podNetwork', isSticky: false };

/** Whether a slot was granted at once. */
async function granted(permit: Promise<SlotPermit>): Promise<boolean> {
  return Promise.race([permit.then(() => true), new Promise<boolean>((resolve) => setImmediate(() => resolve(false)))]);
}

describe('slots for workflow tasks', () => {
  it('all go to later tasks while no run begins', async () => {
    const slots = new LinkFirstSlots(limits(4));
    for (let i = 0; i < 4; i += 1) assert.ok(await granted(slots.reserveSlot(context(true), never)));
    assert.equal(await granted(slots.reserveSlot(context(true), never)), false);
  });

  it('go to runs that begin before later tasks, of which one goes on, until their nodes have had time', async () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    try {
      const slots = new LinkFirstSlots(limits(4));
      const begun = await slots.reserveSlot(context(false), never);
      slots.markSlotUsed({ permit: begun });
      assert.ok(await granted(slots.reserveSlot(context(true), never)));
      const second = slots.reserveSlot(context(true), never);
      assert.equal(await granted(second), false);
      assert.ok(await granted(slots.reserveSlot(context(false), never)));
      slots.releaseSlot({ permit: begun, slotInfo: task });
      assert.equal(await granted(second), false, 'its node is at work');
      mock.timers.tick(AFTERGLOW_MS);
      assert.ok(await granted(second));
    } finally {
      mock.timers.reset();
    }
  });

  it('are given to some more later tasks when runs go on beginning', async () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    try {
      const slots = new LinkFirstSlots(limits(8));
      slots.markSlotUsed({ permit: await slots.reserveSlot(context(false), never) });
      assert.ok(await granted(slots.reserveSlot(context(true), never)));
      const second = slots.reserveSlot(context(true), never);
      const third = slots.reserveSlot(context(true), never);
      mock.timers.tick(PATIENCE_MS - 1);
      assert.equal(await granted(second), false);
      mock.timers.tick(1);
      assert.ok(await granted(second));
      assert.equal(await granted(third), false);
    } finally {
      mock.timers.reset();
    }
  });

  it('come back from polls that brought nothing', async () => {
    const slots = new LinkFirstSlots(limits(1));
    const poll = await slots.reserveSlot(context(false), never);
    const waiting = slots.reserveSlot(context(true), never);
    slots.releaseSlot({ permit: poll });
    assert.ok(await granted(waiting));
    assert.equal(slots.tryReserveSlot(context(true)), null);
  });

  it('are not kept for who does not wait any more', async () => {
    const slots = new LinkFirstSlots(limits(1));
    const poll = await slots.reserveSlot(context(false), never);
    const gone = new AbortController();
    const abandoned = slots.reserveSlot(context(true), gone.signal);
    gone.abort();
    await assert.rejects(abandoned);
    slots.releaseSlot({ permit: poll });
    assert.ok(await granted(slots.reserveSlot(context(true), never)));
  });
});
