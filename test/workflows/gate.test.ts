/** A pod that waits in its agent init container: when it is let start, and by what it is not held up. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { until, untilAsked } from './limits.ts';
import { startHarness, type Harness } from './harness.ts';
import type { TestPod } from './test-pod.ts';

describe('a pod in its agent init container', { concurrency: true }, () => {
  let lab: Harness;
  before(async () => {
    lab = await startHarness();
  });
  after(() => lab.stop());

  const waits = (pod: TestPod): void => {
    pod.change({ agents: [{ role: 'init', name: 'vxlan-controller-agent-init', runningId: 'containerd://i' }] });
  };

  it('starts when its networks are there, and not before', async () => {
    const pod = await lab.pod(`red id=${lab.vni()}, blue id=${lab.vni()}`);
    waits(pod);
    await pod.converge();
    assert.deepEqual(pod.steps, ['ensureVxlanLink red', 'ensureVxlanLink blue', 'openGate']);
    assert.equal(await pod.mark(), 'converged');
    assert.ok((await pod.activityIds()).includes('open-gate'));
  });

  it('starts without a network that is refused, which has its Warning', async () => {
    const pod = await lab.pod(`red id=${lab.vni()} mtu=big, blue id=${lab.vni()}`);
    waits(pod);
    await pod.converge();
    assert.deepEqual(pod.steps, ['ensureVxlanLink blue', 'openGate']);
    assert.match(pod.events[0] ?? '', /NetworkRefused: .*red.*mtu/);
    assert.equal(await pod.mark(), 'refused');
  });

  it('starts when it asks for no network at all', async () => {
    const pod = await lab.pod('');
    waits(pod);
    await pod.converge();
    assert.deepEqual(pod.steps, ['openGate']);
  });

  it('starts while a network of it is stuck, which goes on being tried', async () => {
    const pod = await lab.pod(`red id=${lab.vni()}`);
    waits(pod);
    lab.nodes.script(pod.uid, 'ensureVxlanLink', () => 'ParentMissing');
    await pod.signal();
    await until('the gate is opened', () => pod.steps.includes('openGate'), 40_000);
    await pod.shows('Stuck');
    await pod.remove();
    await pod.ended();
  });

  it('that does not start is stuck for everybody to see, and starts when it can', async () => {
    const pod = await lab.pod(`red id=${lab.vni()}`);
    waits(pod);
    lab.nodes.script(pod.uid, 'openGate', (call) => (call < 7 ? 'GateShut' : 'ok'));
    await pod.signal();
    await pod.shows('Stuck', 40_000);
    assert.match(await pod.details(), /open-gate: GateShut/);
    await pod.signal('retryNow');
    await pod.ended();
    assert.equal(await pod.mark(), 'converged');
  });

  it('that cannot be let start while networks of it are stuck says both, goes on with each, and ends', async () => {
    const pod = await lab.pod(`red id=${lab.vni()}, blue id=${lab.vni()}`);
    waits(pod);
    const recorded = async (): Promise<boolean> =>
      (await pod.records()).some(({ interfaceName, phase }) => interfaceName === 'red' && phase === 'attached');
    lab.nodes.script(`${pod.uid}/red`, 'ensureVxlanLink', (call) => (call < 7 ? 'ParentMissing' : 'ok'));
    lab.nodes.script(`${pod.uid}/blue`, 'ensureVxlanLink', () => 'ParentMissing');
    lab.nodes.script(pod.uid, 'openGate', () => 'GateShut');
    await pod.signal();
    await untilAsked('red is attached and recorded', recorded, 90_000);
    // What red's end has set off is over when the status tells of it.
    await until('an event tells of red', () => pod.events.some((event) => /NetworkAttached: .*red/.test(event)));
    assert.match(await pod.details(), /open-gate: GateShut/);
    assert.match(await pod.details(), /Stuck \| blue/);
    await pod.remove();
    await pod.ended();
  });
});
