/** An interface of a CNI network that is to have another one: what worked is given up for what works, and for nothing else. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { cniPods } from './cni-pods.ts';
import { startHarness, type Harness } from './harness.ts';
import { until } from './limits.ts';

describe('a CNI network', { concurrency: true }, () => {
  let lab: Harness;
  before(async () => {
    lab = await startHarness();
  });
  after(() => lab.stop());

  const { podWith, attached, recorded } = cniPods(() => lab);

  it('that is refused in the place of another gives the place back, and is not tried again', async () => {
    const pod = await attached('green@net1');
    lab.nodes.script(pod.uid, 'cniAdd', (call) => (call === 2 ? 'CniConfigInvalid' : 'ok'));
    await pod.select('blue@net1');
    await pod.ended();
    assert.deepEqual(pod.steps, ['cniAdd net1', 'cniAdd net1', 'cniAdd net1']);
    assert.deepEqual(await recorded(pod), ['net1 green attached']);
    assert.deepEqual([pod.links, pod.status], [['net1'], ['net1 Attached', 'net1 Refused']]);
    assert.deepEqual(pod.npwgStatus, [`net1 ${pod.namespace}/green`]);
    assert.ok(pod.events.includes('NetworkRefused: net1: scripted CniConfigInvalid'));
    assert.deepEqual([await pod.state(), await pod.mark()], ['Refused', 'refused']);
    await pod.converge();
    assert.equal(pod.steps.length, 3, 'the same is not tried again');
    await pod.select('green@net1');
    await pod.ended();
    assert.deepEqual([pod.steps.length, pod.status, await pod.mark()], [3, ['net1 Attached'], 'converged']);
  });

  it('that goes on failing in the place of another gives the place back once it is stuck', async () => {
    const pod = await attached('green@net1');
    lab.nodes.script(pod.uid, 'cniAdd', (call) => (call > 1 && call <= 6 ? 'CniFailed' : 'ok'));
    await pod.select('blue@net1');
    await pod.ended();
    assert.deepEqual(await recorded(pod), ['net1 green attached']);
    assert.deepEqual([pod.links, pod.status], [['net1'], ['net1 Attached', 'net1 Refused']]);
    assert.equal(pod.steps.length, 7);
    await pod.signal('retryNow');
    await pod.ended();
    assert.deepEqual(await recorded(pod), ['net1 blue attached']);
    assert.deepEqual([pod.status, await pod.mark()], [['net1 Attached'], 'converged']);
  });

  it('that is asked for otherwise, and fails, is again what it was', async () => {
    const pod = await podWith();
    const capabilities = { ips: true };
    pod.define('green', JSON.stringify({ cniVersion: '1.0.0', name: 'green', type: 'bridge', capabilities }));
    await pod.select('[{"name":"green","interface":"net1"}]');
    await pod.ended();
    lab.nodes.script(pod.uid, 'cniAdd', (call) => (call === 2 ? 'CniConfigInvalid' : 'ok'));
    await pod.select('[{"name":"green","interface":"net1","ips":["10.9.9.9/24"]}]');
    await pod.ended();
    assert.deepEqual(lab.nodes.addressesOf(pod.uid, 'net1'), []);
    assert.deepEqual(pod.status, ['net1 Attached', 'net1 Refused']);
  });

  it('stays when its interface is asked for by a network that nobody defined', async () => {
    const pod = await attached('green@net1');
    await pod.select('missing@net1');
    await pod.ended();
    assert.deepEqual([pod.steps, pod.links], [['cniAdd net1'], ['net1']]);
    assert.deepEqual(await recorded(pod), ['net1 green attached']);
  });

  it('comes back when another one is taken back that has begun to take its place, and goes when both are', async () => {
    const pod = await attached('green@net1');
    lab.nodes.script(pod.uid, 'cniAdd', (call) => (call === 2 || call === 4 ? 'hang' : 'ok'));
    const begun = (calls: number): Promise<void> => until(`${calls} steps`, () => pod.steps.length === calls);
    await pod.select('blue@net1');
    await begun(2);
    await pod.select('green@net1');
    await pod.ended();
    assert.deepEqual([await recorded(pod), pod.status], [['net1 green attached'], ['net1 Attached']]);
    assert.equal(pod.steps.length, 3);
    await pod.select('blue@net1');
    await begun(4);
    await pod.select('');
    await pod.ended();
    assert.equal(pod.steps.at(-1), 'cniDelete net1');
    assert.deepEqual([await recorded(pod), pod.links], [[], []]);
  });

  it('is replaced behind its interface name in one edit', async () => {
    const pod = await attached('green@net1');
    await pod.select('blue@net1');
    await pod.ended();
    // The node's step gives the other one's DEL first.
    assert.deepEqual(pod.steps.slice(1), ['cniAdd net1']);
    assert.deepEqual(await pod.activityIds(), ['cni-add-net1']);
    assert.deepEqual(await recorded(pod), ['net1 blue attached']);
    assert.deepEqual(pod.events.slice(-2).sort(), [
      `NetworkAttached: attached net1 to network ${pod.namespace}/blue`,
      `NetworkDetached: detached net1 from network ${pod.namespace}/green`,
    ]);
    assert.deepEqual(pod.npwgStatus, [`net1 ${pod.namespace}/blue`]);
    assert.equal(await pod.mark(), 'converged');
  });

  it('is exchanged with another one between two interfaces: both are detached before either is attached', async () => {
    const pod = await attached('green@net1, blue@net2');
    await pod.select('blue@net1, green@net2');
    await pod.ended();
    assert.deepEqual(pod.steps.slice(2), ['cniDelete net1', 'cniDelete net2', 'cniAdd net1', 'cniAdd net2']);
    assert.deepEqual(await recorded(pod), ['net1 blue attached', 'net2 green attached']);
    assert.deepEqual(pod.status, ['net1 Attached', 'net2 Attached']);
    assert.deepEqual(pod.npwgStatus, [`net1 ${pod.namespace}/blue`, `net2 ${pod.namespace}/green`]);
    assert.equal(await pod.state(), 'Converged');
    assert.equal(await pod.mark(), 'converged');
  });
});
