/** The runs of pods that change the id of their network. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startHarness, type Harness } from './harness.ts';
import { untilAsked } from './limits.ts';

describe('the runs of pods whose network has another id in their annotations', { concurrency: true }, () => {
  let lab: Harness;
  before(async () => {
    lab = await startHarness();
  });
  after(() => lab.stop());

  it('take it there, also when all annotations were changed in the same moment', async () => {
    const [old, next] = [lab.vni(), lab.vni()];
    const pods = await Promise.all([1, 2, 3].map(() => lab.pod(`red id=${old}`, 'n1', 'moves-at-once')));
    for (const pod of pods) await pod.converge();
    await Promise.all(pods.map((pod) => pod.annotate(`red id=${next} dstport=4790`)));
    await untilAsked('the old id is free', async () => (await lab.records.tunnelOwner(`8472/${old}`)) === undefined);
    assert.equal(await lab.records.tunnelOwner(`4790/${next}`), 'moves-at-once/red');
    for (const pod of pods) {
      await untilAsked('the pod has converged', async () => (await pod.mark()) === 'converged');
      assert.deepEqual(pod.status, ['red Attached']);
    }
  });

  it('wait for the last pod, one edit after the other', async () => {
    const [old, next] = [lab.vni(), lab.vni()];
    const pods = await Promise.all([1, 2].map(() => lab.pod(`red id=${old}`, 'n1', 'moves-in-turn')));
    const [first, last] = pods;
    assert.ok(first && last);
    for (const pod of pods) await pod.converge();
    await first.annotate(`red id=${next}`);
    await untilAsked('the first is refused', async () => (await first.mark()) === 'refused');
    assert.deepEqual(first.status, ['red Attached', 'red Refused']);
    await last.annotate(`red id=${next}`);
    for (const pod of pods) await untilAsked('the pod has converged', async () => (await pod.mark()) === 'converged');
    assert.equal(await lab.records.tunnelOwner(`8472/${old}`), undefined);
    for (const pod of pods) assert.deepEqual(pod.status, ['red Attached']);
  });
});
