/** An orchestrator's workflows as the SDK supports them, then tuned, in one process on one Temporal: the same runs, and who can look into them. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { createLogger } from '../../adapters/log/logger.ts';
import { tuneSdk, type SdkTuning } from '../../workers/sdk-tuning.ts';
import { workflowCode } from '../../workers/workflow-code.ts';
import { workflowSlots } from '../../workers/workflow-slots.ts';
import { startHarness, type Harness } from './harness.ts';
import { until } from './limits.ts';

const log = createLogger('test', 'error');

describe('the workflows of an orchestrator', () => {
  let lab: Harness;
  before(async () => {
    lab = await startHarness(undefined, undefined, 'none');
  });
  after(() => lab.stop());

  /** What Temporal's UI shows of a run that waits for its node. */
  const stackOf = async (sdkTuning: SdkTuning, work: (stack: string) => Promise<void>): Promise<void> => {
    const thread = tuneSdk(sdkTuning, log);
    assert.equal(thread.tuned, sdkTuning === 'on');
    const stop = await lab.startOrchestrator({
      ...workflowCode(),
      ...thread.options,
      ...workflowSlots('link-first'),
    });
    thread.workerIsThere();
    try {
      const pod = await lab.pod(`red id=${lab.vni()} ip=10.1.0.1/24`);
      await pod.converge();
      assert.deepEqual(pod.links, ['red']);
      assert.deepEqual(pod.status, ['red Attached']);

      lab.nodes.script(pod.uid, 'deleteVxlanLink', () => 'hang');
      await pod.annotate('');
      await until('the removal waits for its node', () => pod.calls.some(({ step }) => step === 'deleteVxlanLink'));
      const stack = await pod.handle.query<string>('__stack_trace').catch((error: unknown) => String(error));
      lab.nodes.script(pod.uid, 'deleteVxlanLink', () => 'ok');
      await pod.handle.cancel();
      await pod.ended();
      await work(stack);
    } finally {
      await stop();
    }
  };

  it('attach and detach as the SDK supports them, and show where they wait', async () => {
    await stackOf('off', async (stack) => assert.match(stack, /^ +at .*workflows\//m));
  });

  it('attach and detach when they are tuned, and say that there are no stacks', async () => {
    await stackOf('on', async (stack) => {
      assert.match(stack, /stack traces are not enabled/);
      // The sources' own lines are still in the stacks of other errors.
      assert.match(String(new Error('here').stack), /sdk-tuning\.test\.ts:\d+/);
    });
  });
});
