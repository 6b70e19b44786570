/** Edits of an attached network that the kernel refuses, or that are given up half way: the network goes on as it was (ADR 18). */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { attachmentKey } from '../../domain/keys.ts';
import { until } from './limits.ts';
import { startHarness, type Harness } from './harness.ts';
import type { Script } from './scripted-nodes.ts';
import type { TestPod } from './test-pod.ts';

const OLD = '10.1.0.1/24';
const NEW = '10.1.0.2/24';

describe('an edit of an attached network', { concurrency: true }, () => {
  let lab: Harness;
  before(async () => {
    lab = await startHarness();
  });
  after(() => lab.stop());

  interface Attached {
    readonly pod: TestPod;
    readonly vni: number;
    readonly old: string;
    readonly edited: string;
  }

  /** @param script of the calls after the first attach, from 1 */
  const attached = async (script: Script): Promise<Attached> => {
    const vni = lab.vni();
    const [old, edited] = [`red id=${vni} ip=${OLD}`, `red id=${vni} ip=${NEW} mtu=9000`];
    const pod = await lab.pod(old);
    await pod.converge();
    lab.nodes.script(pod.uid, 'ensureVxlanLink', (call) => script(call - 1));
    return { pod, vni, old, edited };
  };
  const refusedOnce: Script = (call) => (call === 1 ? 'InvalidLink' : 'ok');
  const member = async (pod: TestPod): Promise<readonly string[] | undefined> =>
    (await lab.records.members({ scope: pod.namespace, name: 'red' }))[0]?.addresses;
  const isAsBefore = async (pod: TestPod): Promise<void> => {
    const [record, ...others] = await pod.records();
    assert.deepEqual(others, []);
    assert.equal(record?.phase, 'attached');
    assert.ok(record.kind === 'vxlan');
    assert.deepEqual(record.link.addresses, [OLD]);
    assert.equal(record.lastGood, undefined);
    assert.deepEqual(await member(pod), [OLD]);
    assert.deepEqual(lab.nodes.addressesOf(pod.uid, 'red'), [OLD]);
    assert.ok(!pod.steps.includes('deleteVxlanLink red'), pod.steps.join());
  };

  it('that is refused leaves link and membership as they were and says both: attached, and why not as asked', async () => {
    const { pod, edited } = await attached(refusedOnce);
    await pod.annotate(edited);
    await until('the edit is tried', () => pod.calls.length > 1);
    assert.deepEqual(await member(pod), [OLD]);
    await pod.ended();
    await isAsBefore(pod);
    assert.equal(await pod.state(), 'Refused');
    assert.equal(await pod.mark(), 'refused');
    assert.deepEqual(pod.status, ['red Attached', 'red Refused']);
    assert.deepEqual(
      pod.events.filter((event) => !event.startsWith('NetworkAttached')),
      ['NetworkRefused: red: scripted InvalidLink'],
    );
  });

  it('that is refused is not tried again by itself, and the corrected one is carried out', async () => {
    const { pod, vni, edited } = await attached(refusedOnce);
    await pod.annotate(edited);
    await pod.ended();
    const steps = pod.steps.length;
    await pod.converge();
    assert.equal(pod.steps.length, steps);
    await isAsBefore(pod);
    await pod.annotate(`red id=${vni} ip=${NEW} mtu=1400`);
    await pod.ended();
    assert.equal(await pod.state(), 'Converged');
    assert.deepEqual(pod.status, ['red Attached']);
    assert.deepEqual(await member(pod), [NEW]);
    assert.ok(!pod.steps.includes('deleteVxlanLink red'));
  });

  it('that is refused, taken back by its owner, and made once more is tried once more', async () => {
    const { pod, old, edited } = await attached(refusedOnce);
    await pod.annotate(edited);
    await pod.ended();
    await pod.annotate(old);
    await pod.ended();
    assert.equal(await pod.state(), 'Converged');
    assert.deepEqual(pod.status, ['red Attached']);
    await pod.annotate(edited);
    await pod.ended();
    assert.equal(await pod.state(), 'Converged');
    assert.deepEqual(pod.status, ['red Attached']);
    assert.deepEqual(lab.nodes.addressesOf(pod.uid, 'red'), [NEW]);
  });

  it('to another id that is refused leaves the old tunnel, and frees the new id', async () => {
    const { pod, vni } = await attached((call) => (call === 1 ? 'VniInUse' : 'ok'));
    const other = lab.vni();
    await pod.annotate(`red id=${other} ip=${NEW}`);
    await pod.ended();
    await isAsBefore(pod);
    assert.notEqual(await lab.records.tunnelOwner(`8472/${vni}`), undefined);
    assert.equal(await lab.records.tunnelOwner(`8472/${other}`), undefined);
    assert.deepEqual(pod.status, ['red Attached', 'red Refused']);
  });

  it('to the id of another network leaves everything as it is, without asking the node', async () => {
    const owner = await lab.pod(`blue id=${lab.vni()}`);
    await owner.converge();
    const taken = (await owner.records())[0];
    assert.ok(taken?.kind === 'vxlan');
    const { pod } = await attached(() => 'InvalidLink');
    await pod.annotate(`red id=${taken.link.vni} ip=${NEW}`);
    await pod.ended();
    await isAsBefore(pod);
    assert.deepEqual(pod.steps, ['ensureVxlanLink red']);
    assert.deepEqual(pod.status, ['red Attached', 'red Refused']);
  });

  it('gives way to a better one also while it is being taken back', async () => {
    const { pod, vni, edited } = await attached((call) => (['InvalidLink', 'hang'] as const)[call - 1] ?? 'ok');
    await pod.annotate(edited);
    await until('it is being taken back', () => pod.calls.length === 3);
    await pod.annotate(`red id=${vni} ip=${NEW} mtu=1400`);
    await pod.ended();
    assert.equal(await pod.state(), 'Converged');
    assert.deepEqual(await member(pod), [NEW]);
    assert.ok(!pod.steps.includes('deleteVxlanLink red'));
  });

  it('that fails and is replaced by one with a mistake in it is taken back', async () => {
    const { pod, edited } = await attached((call) => (call === 1 ? 'hang' : 'ok'));
    await pod.annotate(edited);
    await until('it is tried', () => pod.calls.length === 2);
    await pod.annotate('red id=nonsense');
    await pod.ended();
    await isAsBefore(pod);
    assert.equal(await pod.state(), 'Refused');
  });

  it('is taken back when its run is cancelled half way', async () => {
    const { pod, edited } = await attached((call) => (call === 1 ? 'hang' : 'ok'));
    await pod.annotate(edited);
    await until('it is tried', () => pod.calls.length === 2);
    await pod.handle.cancel();
    assert.equal(await pod.ended(), 'cancelled');
    await isAsBefore(pod);
  });

  it('whose way back is refused too removes nothing, says so, and is taken back at the next look', async () => {
    const { pod, edited } = await attached((call) => (call <= 2 ? 'InvalidLink' : 'ok'));
    await pod.annotate(edited);
    await pod.ended();
    assert.ok(!pod.steps.includes('deleteVxlanLink red'));
    assert.equal(await pod.state(), 'Refused');
    assert.deepEqual(pod.status, ['red Failing', 'red Refused']);
    assert.deepEqual(await member(pod), [OLD]);
    await pod.converge();
    await isAsBefore(pod);
    assert.deepEqual(pod.status, ['red Attached', 'red Refused']);
  });

  it('that is refused while etcd is away is taken back when etcd is there again', async () => {
    const { pod, edited } = await attached(refusedOnce);
    lab.faults.set(pod.uid, (name) => (name === 'takeBackIntent' ? 'EtcdUnavailable' : undefined));
    await pod.annotate(edited);
    await pod.shows('EtcdUnavailable');
    lab.faults.set(pod.uid, undefined);
    await pod.ended();
    await isAsBefore(pod);
  });

  it('that nothing is known to go back from is undone, and what was there before podwire is given back', async () => {
    const { pod, edited } = await attached((call) => (call === 1 ? 'hang' : 'InvalidLink'));
    await pod.annotate(edited);
    await until('it is tried', () => pod.calls.length === 2);
    // As an orchestrator from before there was a way back leaves it.
    const [record] = await pod.records();
    assert.ok(record?.kind === 'vxlan');
    const { lastGood, ...older } = record;
    assert.ok(lastGood);
    await lab.etcd.transact([], [{ put: attachmentKey(record), value: JSON.stringify(older) }]);
    await pod.signal();
    await pod.ended();
    assert.equal(pod.calls.at(-1)?.step, 'deleteVxlanLink');
    assert.equal(pod.calls.at(-1)?.unadopt, true);
    assert.deepEqual(await pod.records(), []);
  });

  it('that is taken back while the first of two networks is on its way out leaves the second one alone', async () => {
    const both = `red id=${lab.vni()} ip=${OLD}, blue id=${lab.vni()} ip=10.2.0.1/24`;
    const pod = await lab.pod(both);
    await pod.converge();
    lab.nodes.script(`${pod.uid}/red`, 'deleteVxlanLink', (call) => (call === 1 ? 'hang' : 'ok'));
    lab.nodes.script(`${pod.uid}/blue`, 'deleteVxlanLink', (call) => (call === 1 ? 'hang' : 'ok'));
    await pod.annotate('');
    await until('a removal is under way', () => pod.steps.some((step) => step.startsWith('deleteVxlanLink')));
    await pod.annotate(both);
    await pod.ended();
    assert.equal(await pod.state(), 'Converged');
    const removed = new Set(pod.steps.filter((step) => step.startsWith('deleteVxlanLink')));
    assert.equal(removed.size, 1, pod.steps.join());
    const generations = (await pod.records()).map(({ generation }) => generation).sort((a, b) => a - b);
    // One was removed and made anew; nobody began with the other.
    assert.equal(generations[0], 1, generations.join());
  });
});
