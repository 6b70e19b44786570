/** The run of a pod that was refused because another network has the VNI. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { until } from './limits.ts';
import { startHarness, type Harness } from './harness.ts';

describe('the run of a pod that was refused a VNI', { concurrency: true }, () => {
  let lab: Harness;
  before(async () => {
    lab = await startHarness();
  });
  after(() => lab.stop());

  it('attaches it as soon as the other network has given the VNI up', async () => {
    const vni = lab.vni();
    const owner = await lab.pod(`red id=${vni}`);
    await owner.converge();
    const pod = await lab.pod(`blue id=${vni}`);
    await pod.converge();
    assert.equal(await pod.state(), 'Refused');
    await owner.remove();
    await until('the pod has the network', () => pod.links.includes('blue'));
    await pod.ended();
    assert.equal(await pod.state(), 'Converged');
    assert.equal(await pod.mark(), 'converged');
    assert.deepEqual(pod.status, ['blue Attached']);
  });

  it('attaches it also when the VNI is given up between the refusal and its record', async () => {
    const vni = lab.vni();
    const owner = await lab.pod(`red id=${vni}`);
    await owner.converge();
    const pod = await lab.pod(`blue id=${vni}`);
    lab.faults.set(pod.uid, (name) => (name === 'recordRefusal' ? 'EtcdUnavailable' : undefined));
    await pod.signal();
    await until('the refusal is about to be recorded', () => lab.faults.count(pod.uid, 'recordRefusal') > 0);
    await owner.remove();
    await owner.ended();
    assert.equal(await lab.records.tunnelOwner(`8472/${vni}`), undefined);
    lab.faults.set(pod.uid, undefined);
    await until('the pod has the network', () => pod.links.includes('blue'));
    await pod.ended();
    assert.equal(await pod.state(), 'Converged');
    assert.equal(await pod.mark(), 'converged');
    assert.deepEqual(pod.status, ['blue Attached']);
  });
});
