/** The netlink thread lives on after the step that started it. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createNetlinkThread } from '../../../adapters/netlink/thread.ts';
import { currentTrace, withinTrace } from '../../../adapters/tracing/tracing.ts';
import { within } from '../../workflows/limits.ts';

const STEP = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), sampled: true };

it('what the netlink thread tells unasked does not belong to the trace of the step that started it', async () => {
  const thread = createNetlinkThread();
  const ended = new Promise((resolve) =>
    thread.listen({ changed: () => undefined, ended: () => resolve(currentTrace()) }),
  );
  await withinTrace(STEP, async () => {
    await thread.call({ operation: 'readSysctls', args: [[]], timeoutMs: 30_000 });
    assert.equal(currentTrace(), STEP);
  });
  await thread.close();
  assert.equal(await within('the end of the thread is told', ended), undefined);
});
