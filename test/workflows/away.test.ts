/** What a pod's run does while etcd, the API or its node is away, and when a step hangs. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { POD_DELETED } from '../../domain/messages.ts';
import { startHarness, type Harness } from './harness.ts';
import { promised, until, untilAsked } from './limits.ts';
import type { TestPod } from './test-pod.ts';

/** Within this many milliseconds news are acted on (ADR 33); while a local activity has its one try, twice that. */
const AT_ONCE = 1_000;
const WITHOUT_ETCD = 2_000;

describe('away', { concurrency: true }, () => {
  let lab: Harness;
  before(async () => {
    lab = await startHarness();
  });
  after(() => lab.stop());

  const hanging = async (): Promise<TestPod> => {
    const pod = await lab.pod(`red id=${lab.vni()}`);
    lab.nodes.script(pod.uid, 'ensureVxlanLink', () => 'hang');
    await pod.signal();
    await until('the step runs', () => pod.calls.length === 1);
    return pod;
  };

  it('a step that runs is cancelled within a second of an edit, and the pod gets what it asks for then', async () => {
    const pod = await hanging();
    lab.nodes.script(`${pod.uid}/blue`, 'ensureVxlanLink', () => 'ok');
    await pod.annotate(`blue id=${lab.vni()}`);
    await until('the step was cancelled', () => pod.calls[0]?.cancelled === true, promised(AT_ONCE));
    await pod.ended();
    assert.deepEqual(pod.steps, ['ensureVxlanLink red', 'deleteVxlanLink red', 'ensureVxlanLink blue']);
    assert.deepEqual(pod.links, ['blue']);
  });

  it('a pod that is deleted in the middle of an attach leaves no record', async () => {
    const pod = await hanging();
    await pod.remove();
    await until('the step was cancelled', () => pod.calls[0]?.cancelled === true, promised(AT_ONCE));
    await pod.ended();
    assert.deepEqual(await pod.records(), []);
    const left = (await lab.etcd.keys('/podwire/')).filter((key) => key.includes(pod.uid));
    assert.deepEqual(left, [`/podwire/sandboxes/n1/${pod.uid}`]);
  });

  it('no second attempt starts before a cancelled one has ended', async () => {
    const pod = await hanging();
    for (let i = 0; i < 20; i += 1) await pod.signal();
    await until('the second attempt', () => pod.calls.length >= 2);
    await pod.remove();
    await pod.ended();
    for (const [i, call] of pod.calls.entries()) {
      const next = pod.calls[i + 1];
      if (next !== undefined) assert.ok((call.until ?? Infinity) <= next.at, `attempt ${i + 1} overlaps the next one`);
    }
  });

  it('a run that is cancelled undoes what is half done and keeps what is attached', async () => {
    const pod = await lab.pod(`red id=${lab.vni()}, blue id=${lab.vni()}`);
    lab.nodes.script(`${pod.uid}/blue`, 'ensureVxlanLink', () => 'hang');
    await pod.signal();
    await until('blue hangs', () => pod.steps.includes('ensureVxlanLink blue'));
    await pod.handle.cancel();
    assert.equal(await pod.ended(), 'cancelled');
    assert.deepEqual(pod.links, ['red']);
    assert.deepEqual(
      (await pod.records()).map(({ interfaceName, phase }) => `${interfaceName} ${phase}`),
      ['red attached'],
    );
  });

  it('a run waits for an etcd that refuses, visibly, acts on news within two seconds, and converges afterwards', async () => {
    const pod = await lab.pod(`red id=${lab.vni()}`);
    lab.faults.set(pod.uid, () => 'EtcdUnavailable');
    await pod.signal();
    await pod.shows('EtcdUnavailable');
    assert.match(await pod.details(), /\*\*EtcdUnavailable\*\*: EtcdUnavailable: scripted/);
    await until('some tries', () => lab.faults.count(pod.uid, 'observePod') >= 6);
    lab.faults.set(pod.uid, undefined);
    await pod.signal();
    await pod.ended(promised(WITHOUT_ETCD));
    assert.equal(await pod.state(), 'Converged');
    assert.deepEqual(pod.links, ['red']);
  });

  it('a run waits for an etcd that hangs, and converges by itself when it answers again', async () => {
    const pod = await lab.pod(`red id=${lab.vni()}`);
    lab.faults.set(pod.uid, (name) => (name === 'recordResult' ? 'hang' : undefined));
    await pod.signal();
    await pod.shows('EtcdUnavailable');
    const { lanes } = await pod.view();
    assert.deepEqual(
      lanes.map(({ step }) => step),
      ['record-result'],
    );
    const tries = lab.faults.count(pod.uid, 'recordResult');
    await pod.signal();
    await until(
      'news lead to another round',
      () => lab.faults.count(pod.uid, 'observePod') >= 2,
      promised(WITHOUT_ETCD + 500),
    );
    assert.ok(tries >= 1);
    lab.faults.set(pod.uid, undefined);
    await pod.ended();
    assert.equal(await pod.state(), 'Converged');
    assert.deepEqual(pod.links, ['red']);
    assert.equal((await pod.records())[0]?.phase, 'attached');
  });

  it('an API that is away is named, and waited for', async () => {
    const pod = await lab.pod(`red id=${lab.vni()}`);
    lab.faults.set(pod.uid, (name) => (name === 'publishStatus' ? 'ApiUnavailable' : undefined));
    await pod.signal();
    await pod.shows('ApiUnavailable');
    const tries = lab.faults.count(pod.uid, 'publishStatus');
    await until('it is tried again', () => lab.faults.count(pod.uid, 'publishStatus') > tries + 1);
    // The other members are told of the link once, not with each try.
    assert.equal(lab.faults.count(pod.uid, 'recordResult'), 1);
    assert.equal(lab.meshSignals.filter((network) => network === `${pod.namespace}/red`).length, 1);
    lab.faults.set(pod.uid, undefined);
    await pod.ended();
    assert.deepEqual(pod.status, ['red Attached']);
  });

  it('a link that is made at its second try is recorded while the status of the first cannot be written', async () => {
    const pod = await lab.pod(`red id=${lab.vni()}`);
    lab.nodes.script(pod.uid, 'ensureVxlanLink', (call) => (call === 1 ? 'ParentMissing' : 'ok'));
    lab.faults.set(pod.uid, (name) => (name === 'publishStatus' ? 'ApiUnavailable' : undefined));
    await pod.signal();
    await untilAsked('the link is recorded', async () => (await pod.records())[0]?.phase === 'attached');
    assert.deepEqual(pod.status, []);
    lab.faults.set(pod.uid, undefined);
    await pod.ended();
    assert.deepEqual(pod.status, ['red Attached']);
  });

  it('an exception that nobody expected is shown as stuck and never stops the run for ever', async () => {
    const pod = await lab.pod(`red id=${lab.vni()}`);
    lab.faults.set(pod.uid, (name) =>
      name === 'recordResult' ? new TypeError('undefined is not a function') : undefined,
    );
    await pod.signal();
    await pod.shows('Stuck');
    assert.match(await pod.details(), /undefined is not a function/);
    lab.faults.set(pod.uid, undefined);
    await pod.signal();
    await pod.ended(promised(AT_ONCE));
    assert.equal(await pod.mark(), 'converged');
  });

  it('an observation that the workflow cannot digest is shown as stuck, and the next one is tried', async () => {
    const pod = await lab.pod(`red id=${lab.vni()}`);
    lab.faults.garbled.add(pod.uid);
    await pod.signal();
    await pod.shows('Stuck');
    assert.match(await pod.details(), /unexpected/);
    lab.faults.garbled.delete(pod.uid);
    await pod.signal();
    await pod.ended(promised(AT_ONCE));
    assert.deepEqual(pod.links, ['red']);
  });

  it('signals without a hint, as a person may send them, count as well', async () => {
    const pod = await hanging();
    lab.nodes.script(pod.uid, 'ensureVxlanLink', () => 'ok');
    await pod.handle.signal('desiredChanged');
    await pod.ended(promised(2 * AT_ONCE));
    assert.deepEqual(pod.links, ['red']);
  });

  it('a node without a worker is shown after ten seconds, and gets its link when the worker is there', async () => {
    const pod = await lab.pod(`red id=${lab.vni()}`, 'late');
    await pod.signal();
    const started = performance.now();
    await pod.shows('NodeUnavailable');
    assert.ok(performance.now() - started >= 9_000);
    assert.match(await pod.details(), /node late does not answer/);
    await lab.startNode('late');
    // The start of a worker is in this time as well.
    await pod.ended(promised(3 * AT_ONCE));
    assert.deepEqual(pod.links, ['red']);
    assert.equal(await pod.state(), 'Converged');
  });

  it('a run that waits for its node looks afresh when there are news, and goes on waiting', async () => {
    const pod = await lab.pod(`red id=${lab.vni()}`, 'silent');
    lab.cluster.nodes.set('silent', 'uid-silent');
    await pod.signal();
    await pod.shows('NodeUnavailable');
    await pod.signal();
    await untilAsked('the run looks for the node again', async () => (await pod.state()) !== 'NodeUnavailable');
    await pod.shows('NodeUnavailable');
    assert.equal((await pod.records())[0]?.phase, 'intent');
  });

  it('a pod that ends while its node is silent leaves its mesh at once and is set aside when the node is gone', async () => {
    const stopNode = await lab.startNode('dead');
    const pod = await lab.pod(`red id=${lab.vni()}`, 'dead');
    await pod.converge();
    await stopNode();
    const network = { scope: pod.namespace, name: 'red' };
    assert.equal((await lab.records.members(network)).length, 1);
    lab.cluster.nodes.set('dead', 'uid-dead');
    await pod.remove();
    await untilAsked('no member', async () => (await lab.records.members(network)).length === 0, promised(AT_ONCE));
    assert.equal((await pod.records())[0]?.phase, 'removing');
    await pod.shows('NodeUnavailable');
    await until('the node was looked for', () => lab.faults.count('dead', 'readNode') >= 2);
    assert.equal((await pod.records()).length, 1);
    lab.cluster.nodes.delete('dead');
    await pod.ended();
    assert.deepEqual(await pod.records(), []);
    assert.equal((await lab.etcd.keys('/podwire/tombstones/dead/')).length, 1);
  });

  it('news during a removal that runs cancel it within a second, and the next one begins when it has ended', async () => {
    const pod = await lab.pod(`red id=${lab.vni()}`);
    await pod.converge();
    lab.nodes.script(pod.uid, 'deleteVxlanLink', (call) => (call <= 2 ? 'hang' : 'ok'));
    await pod.remove();
    for (const number of [1, 2]) {
      await until('the removal runs', () => pod.calls.length === 1 + number);
      await pod.signal(POD_DELETED);
      await until('it was cancelled', () => pod.calls[number]?.cancelled === true, promised(AT_ONCE));
    }
    await pod.ended();
    assert.equal(pod.calls.length, 4);
    assert.deepEqual(await pod.records(), []);
    assert.deepEqual(pod.links, []);
  });

  it('news during the removal from a silent node do not stop the run', async () => {
    const stopNode = await lab.startNode('quiet');
    const pod = await lab.pod(`red id=${lab.vni()}`, 'quiet');
    await pod.converge();
    await stopNode();
    lab.cluster.nodes.set('quiet', 'uid-quiet');
    await pod.remove();
    await until('the removal began', () => lab.faults.count(pod.uid, 'beginRemoval') >= 1);
    const rounds = lab.faults.count(pod.uid, 'observePod');
    for (let i = 1; i <= 3; i += 1) {
      await pod.signal(POD_DELETED);
      await until('another round', () => lab.faults.count(pod.uid, 'observePod') >= rounds + i, promised(AT_ONCE));
      await until('another removal', () => lab.faults.count(pod.uid, 'beginRemoval') >= 1 + i, promised(AT_ONCE));
    }
    await lab.startNode('quiet');
    await pod.ended();
    assert.deepEqual(await pod.records(), []);
  });
});
