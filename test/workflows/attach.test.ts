/** What a pod's run does when nothing is in the way, and when something is refused for good. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { DESIRED_CHANGED, RETRY_NOW } from '../../domain/messages.ts';
import { until } from './limits.ts';
import { startHarness, type Harness } from './harness.ts';
import type { TestPod } from './test-pod.ts';

describe('the run of a pod', { concurrency: true }, () => {
  let lab: Harness;
  before(async () => {
    lab = await startHarness();
  });
  after(() => lab.stop());

  it('attaches its network and ends converged, with a mark, a status and an event', async () => {
    const pod = await lab.pod(`red id=${lab.vni()} ip=10.1.0.1/24`);
    await pod.converge();
    assert.deepEqual(pod.links, ['red']);
    assert.equal(await pod.state(), 'Converged');
    assert.equal(await pod.mark(), 'converged');
    assert.deepEqual(pod.status, ['red Attached']);
    assert.deepEqual(pod.events, [`NetworkAttached: attached red to network ${pod.namespace}/red with 10.1.0.1/24`]);
    assert.ok(lab.meshSignals.includes(`${pod.namespace}/red`));
    assert.equal((await pod.records())[0]?.phase, 'attached');
  });

  /** Places of a run's local activities, of its writes of search attributes, and of its first step on a node, in its history. */
  const places = async (pod: TestPod): Promise<{ steps: number[]; attributes: number[]; onNode: number }> => {
    const { events } = await pod.handle.fetchHistory();
    const of = (what: (event: NonNullable<typeof events>[number]) => unknown): number[] =>
      (events ?? []).flatMap((event, index) => ((what(event) ?? undefined) === undefined ? [] : [index]));
    const [onNode = 0] = of((event) => event.activityTaskScheduledEventAttributes);
    return {
      steps: of((event) => event.markerRecordedEventAttributes),
      attributes: of((event) => event.upsertWorkflowSearchAttributesEventAttributes),
      onNode,
    };
  };
  const searched = async (pod: TestPod): Promise<Record<string, unknown>> =>
    Object.fromEntries(
      (await pod.describe()).typedSearchAttributes.getAll().map(({ key, value }) => [key.name, value]),
    );

  // Each costs the server and whoever waits for a link some milliseconds (ADR 13, ADR 16).
  it('takes one step of its own before the node makes a link and one after it, and says at its end how it ended', async () => {
    const pod = await lab.pod(`red id=${lab.vni()}`);
    pod.networks = [`${pod.namespace}/red`];
    await pod.converge();
    const { steps, attributes, onNode } = await places(pod);
    assert.deepEqual(
      steps.map((place) => place < onNode),
      [true, false],
    );
    assert.deepEqual(
      attributes.map((place) => place < onNode),
      [false],
    );
    const { NodeName, PodNamespace, NetworkNames, ProvisioningState } = await searched(pod);
    assert.deepEqual([NodeName, PodNamespace, ProvisioningState], ['n1', pod.namespace, 'Converged']);
    assert.deepEqual(NetworkNames, [`${pod.namespace}/red`]);
  });

  it('takes one step before and one after the node removes a link', async () => {
    const pod = await lab.pod(`red id=${lab.vni()}`);
    await pod.converge();
    [pod.networks, pod.networksBefore] = [[], [`${pod.namespace}/red`]];
    await pod.annotate('');
    await pod.ended();
    const { steps, attributes, onNode } = await places(pod);
    assert.deepEqual(
      [steps, attributes].map((all) => all.map((place) => place < onNode)),
      [[true, false], [false]],
    );
    assert.deepEqual([pod.links, await pod.records()], [[], []]);
  });

  it('is found as Detaching while the node removes its link, from its start where that is known', async () => {
    const pod = await lab.pod(`red id=${lab.vni()}`);
    await pod.converge();
    [pod.networks, pod.networksBefore] = [[], [`${pod.namespace}/red`]];
    lab.nodes.script(pod.uid, 'deleteVxlanLink', () => 'hang');
    await pod.annotate('');
    await until('the node is at work', () => pod.steps.includes('deleteVxlanLink red'));
    const { ProvisioningState, NetworkNames } = await searched(pod);
    assert.deepEqual([ProvisioningState, NetworkNames], ['Detaching', [`${pod.namespace}/red`]]);
    assert.deepEqual((await places(pod)).attributes, []);
  });

  it('is not held up by more networks than a search attribute can hold', async () => {
    const names = Array.from({ length: 14 }, (_, index) => `${'n'.repeat(12)}${index + 10}`);
    const pod = await lab.pod(names.map((name) => `${name} id=${lab.vni()}`).join(', '));
    const wide = names.map((name) => `${'s'.repeat(150)}/${name}`);
    pod.networks = wide;
    await pod.converge();
    assert.equal(pod.links.length, names.length);
    const { NetworkNames } = await searched(pod);
    assert.deepEqual(NetworkNames, names.map((name) => `${pod.namespace}/${name}`).sort());
  });

  it('says before the node works what whoever started it did not know, or had wrong', async () => {
    const pod = await lab.pod(`red id=${lab.vni()}`);
    [pod.networks, pod.networksBefore] = [['elsewhere/blue'], ['elsewhere/green']];
    lab.nodes.script(pod.uid, 'ensureVxlanLink', () => 'hang');
    await pod.signal();
    await until('the node is at work', () => pod.steps.length === 1);
    const { ProvisioningState, NetworkNames } = await searched(pod);
    assert.deepEqual([ProvisioningState, NetworkNames], ['Converging', [`${pod.namespace}/red`]]);
  });

  it('observes again when somebody else wrote the record while the node was at work', async () => {
    const pod = await lab.pod(`red id=${lab.vni()}`);
    lab.nodes.script(pod.uid, 'ensureVxlanLink', (call) => {
      if (call === 1) void touch(pod);
      return 'ok';
    });
    const touch = async ({ uid }: TestPod): Promise<void> => {
      const [entry] = (await lab.etcd.list('/podwire/attachments/')).entries.filter(({ key }) => key.includes(uid));
      if (entry !== undefined) await lab.etcd.transact([], [{ put: entry.key, value: entry.value }]);
    };
    await pod.converge();
    assert.equal(lab.faults.count(pod.uid, 'observePod'), 2);
    assert.deepEqual(pod.status, ['red Attached']);
    assert.equal((await pod.records())[0]?.phase, 'attached');
  });

  it('does nothing on the node when everything is as it should be', async () => {
    const pod = await lab.pod(`red id=${lab.vni()}`);
    await pod.converge();
    await pod.converge();
    assert.deepEqual(pod.steps, ['ensureVxlanLink red']);
    assert.equal(await pod.mark(), 'converged');
  });

  it('detaches what is not asked for any more, and leaves no record', async () => {
    const pod = await lab.pod(`red id=${lab.vni()}`);
    await pod.converge();
    await pod.annotate('');
    await pod.ended();
    assert.deepEqual(pod.links, []);
    assert.deepEqual(await pod.records(), []);
    assert.deepEqual(pod.status, []);
    assert.equal(pod.events.at(-1), `NetworkDetached: detached red from network ${pod.namespace}/red`);
    assert.deepEqual(await lab.records.members({ scope: pod.namespace, name: 'red' }), []);
  });

  it('makes the first tries in the order of the annotation, detaches before attaches', async () => {
    const [old, a, b, c] = [lab.vni(), lab.vni(), lab.vni(), lab.vni()];
    const pod = await lab.pod(`old id=${old}`);
    await pod.converge();
    await pod.annotate(`c id=${c}, a id=${a}, b id=${b}`);
    await pod.ended();
    assert.deepEqual(pod.steps.slice(1), [
      'deleteVxlanLink old',
      'ensureVxlanLink c',
      'ensureVxlanLink a',
      'ensureVxlanLink b',
    ]);
    assert.deepEqual(pod.status, ['c Attached', 'a Attached', 'b Attached']);
  });

  it('changes an address on the link that is there, and swaps it for another one when the VNI changes', async () => {
    const vni = lab.vni();
    const pod = await lab.pod(`red id=${vni} ip=10.1.0.1/24`);
    await pod.converge();
    await pod.annotate(`red id=${vni} ip=10.1.0.2/24`);
    await pod.ended();
    assert.deepEqual(pod.steps, ['ensureVxlanLink red', 'ensureVxlanLink red']);
    assert.deepEqual((await pod.records())[0]?.result?.addresses, ['10.1.0.2/24']);
    await pod.annotate(`red id=${lab.vni()} ip=10.1.0.2/24`);
    await pod.ended();
    assert.deepEqual(pod.steps.slice(2), ['ensureVxlanLink red']);
    const [record] = await pod.records();
    assert.equal(record?.phase, 'attached');
    assert.equal(record.kind === 'vxlan' && record.replaces, undefined);
    assert.equal(await lab.records.tunnelOwner(`8472/${vni}`), undefined);
  });

  it('asks the node for the sandbox when nobody published it', async () => {
    const pod = await lab.pod(`red id=${lab.vni()}`);
    await lab.etcd.transact([], [{ remove: `/podwire/sandboxes/n1/${pod.uid}` }]);
    await pod.converge();
    assert.deepEqual(pod.steps, ['lookupSandbox', 'ensureVxlanLink red']);
    assert.equal((await pod.records())[0]?.sandboxId, `found-${pod.uid}`);
  });

  it('says on the pod why its networks wait when the sandbox cannot be looked up', async () => {
    const pod = await lab.pod(`red id=${lab.vni()}`);
    await lab.etcd.transact([], [{ remove: `/podwire/sandboxes/n1/${pod.uid}` }]);
    lab.nodes.script(pod.uid, 'lookupSandbox', () => 'CriUnavailable');
    await pod.signal();
    await pod.shows('Stuck');
    await until('the status says so', () => pod.status.includes('red Failing'));
    assert.match(pod.events.join('\n'), /NetworkAttachFailing: cannot attach red .*CriUnavailable/);
    lab.nodes.script(pod.uid, 'lookupSandbox', () => 'ok');
    await pod.signal();
    await pod.ended();
    assert.deepEqual(pod.status, ['red Attached']);
    assert.deepEqual((await lab.records.pod(pod.uid, '')).failures, []);
  });

  it('does not run hot when a sandbox that was found is never published', async () => {
    const pod = await lab.pod(`red id=${lab.vni()}`);
    const key = `/podwire/sandboxes/n1/${pod.uid}`;
    const forgetAgain = setInterval(() => void lab.etcd.transact([], [{ remove: key }]), 1);
    lab.nodes.script(pod.uid, 'lookupSandbox', () => {
      setImmediate(() => void lab.etcd.transact([], [{ remove: key }]));
      return 'ok';
    });
    await pod.signal();
    await until('several lookups', () => pod.calls.length >= 4);
    const before = pod.calls.length;
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    clearInterval(forgetAgain);
    assert.ok(pod.calls.length - before <= 2, `${pod.calls.length - before} lookups within a second`);
    lab.nodes.script(pod.uid, 'lookupSandbox', () => 'ok');
    await pod.signal();
    await pod.ended();
    assert.deepEqual(pod.links, ['red']);
  });

  it('moves everything to a sandbox that was made anew', async () => {
    const pod = await lab.pod(`red id=${lab.vni()}`);
    await pod.converge();
    await pod.publishSandbox('second');
    await pod.converge();
    assert.deepEqual(pod.steps.slice(1), ['deleteVxlanLink red', 'ensureVxlanLink red']);
    assert.deepEqual(
      (await pod.records()).map(({ sandboxId }) => sandboxId),
      ['second'],
    );
  });

  it('undoes what a terminal failure leaves, forgets the record and says why', async () => {
    const pod = await lab.pod(`red id=${lab.vni()}, blue id=${lab.vni()}`);
    lab.nodes.script(`${pod.uid}/red`, 'ensureVxlanLink', () => 'LinkConflict');
    await pod.converge();
    assert.deepEqual(pod.steps, ['ensureVxlanLink red', 'deleteVxlanLink red', 'ensureVxlanLink blue']);
    assert.deepEqual(pod.links, ['blue']);
    assert.deepEqual(
      (await pod.records()).map(({ interfaceName }) => interfaceName),
      ['blue'],
    );
    assert.equal(await pod.state(), 'Refused');
    assert.equal(await pod.mark(), 'refused');
    assert.deepEqual(pod.status, ['blue Attached', 'red Refused']);
    assert.equal(pod.events.filter((event) => event === 'NetworkRefused: red: scripted LinkConflict').length, 1);
  });

  it('does not try again what was refused until something changes or somebody asks', async () => {
    const pod = await lab.pod(`red id=${lab.vni()}`);
    lab.nodes.script(pod.uid, 'ensureVxlanLink', (call) => (call === 1 ? 'LinkConflict' : 'ok'));
    await pod.converge();
    await pod.converge();
    assert.equal(pod.calls.filter(({ step }) => step === 'ensureVxlanLink').length, 1);
    assert.equal(await pod.state(), 'Refused');
    await pod.signal(RETRY_NOW);
    await pod.ended();
    assert.equal(await pod.state(), 'Converged');
    assert.deepEqual(pod.links, ['red']);
  });

  it('tries what was refused again when it was asked to just before its run was continued by another one', async () => {
    const pod = await lab.pod(`red id=${lab.vni()}`);
    lab.nodes.script(pod.uid, 'ensureVxlanLink', (call) => (call === 1 ? 'LinkConflict' : 'ok'));
    await pod.converge();
    assert.equal(await pod.state(), 'Refused');
    await pod.continued();
    await pod.ended();
    assert.deepEqual(pod.links, ['red']);
  });

  it('does not forget that it was asked to try again when news come in while that cannot be done', async () => {
    const pod = await lab.pod(`red id=${lab.vni()}`);
    lab.nodes.script(pod.uid, 'ensureVxlanLink', (call) => (call === 1 ? 'LinkConflict' : 'ok'));
    await pod.converge();
    lab.faults.set(pod.uid, (name) => (name === 'clearRefusals' ? 'EtcdUnavailable' : undefined));
    await pod.signal(RETRY_NOW);
    await pod.shows('EtcdUnavailable');
    const tries = lab.faults.count(pod.uid, 'clearRefusals');
    await pod.signal(DESIRED_CHANGED);
    await until('another try', () => lab.faults.count(pod.uid, 'clearRefusals') > tries);
    lab.faults.set(pod.uid, undefined);
    await pod.ended();
    assert.deepEqual(pod.links, ['red']);
  });

  it('refuses a VNI that another network has, without asking the node', async () => {
    const vni = lab.vni();
    const owner = await lab.pod(`red id=${vni}`);
    await owner.converge();
    const pod = await lab.pod(`blue id=${vni}`);
    await pod.converge();
    assert.deepEqual(pod.steps, []);
    assert.equal(await pod.state(), 'Refused');
    assert.match(pod.events[0] ?? '', new RegExp(`belongs to network ${owner.namespace}/red`));
  });

  it('publishes a mistake in the annotation and still attaches the good networks', async () => {
    const pod = await lab.pod(`red id=nonsense, blue id=${lab.vni()}`);
    await pod.converge();
    assert.deepEqual(pod.links, ['blue']);
    assert.equal(await pod.state(), 'Refused');
    assert.match(pod.events[0] ?? '', /^NetworkRefused: .*nonsense/);
  });

  it('says what is wrong once, not again when the pod starts and when it moves to another address', async () => {
    const pod = await lab.pod('red id=nonsense');
    for (const podIPs of [[], ['10.244.1.9'], ['10.244.1.10']]) {
      pod.change({ podIPs });
      await pod.converge();
    }
    assert.equal(pod.events.length, 1, pod.events.join('\n'));
  });

  it('waits for nothing and marks nothing while the pod has no address', async () => {
    const pod = await lab.pod(`red id=${lab.vni()}`);
    pod.change({ podIPs: [] });
    await pod.converge();
    assert.deepEqual(pod.steps, []);
    assert.equal(await pod.mark(), undefined);
  });

  // Side by side, a run that is evicted in between could never be replayed (ADR 9).
  it('lets nothing of its own overlap: the next network waits until the status of a failed one is written', async () => {
    const pod = await lab.pod(`red id=${lab.vni()}, blue id=${lab.vni()}`);
    lab.nodes.script(`${pod.uid}/red`, 'ensureVxlanLink', (call) => (call === 1 ? 'ParentMissing' : 'ok'));
    const publishes = (): number => lab.faults.count(pod.uid, 'publishStatus');
    lab.faults.set(pod.uid, (name) => (name === 'publishStatus' && publishes() === 1 ? 'EtcdUnavailable' : undefined));
    await pod.converge();
    const names = lab.faults.calls.filter(({ of }) => of === pod.uid).map(({ name }) => name);
    const failed = names.indexOf('recordFailure');
    assert.deepEqual(names.slice(failed, failed + 4), [
      'recordFailure',
      'publishStatus',
      'publishStatus',
      'recordIntent',
    ]);
  });

  it('observes again when a record was fenced off', async () => {
    const pod = await lab.pod(`red id=${lab.vni()}`);
    lab.nodes.script(pod.uid, 'ensureVxlanLink', (call) => (call === 1 ? 'Fenced' : 'ok'));
    await pod.converge();
    assert.deepEqual(pod.steps, ['ensureVxlanLink red', 'ensureVxlanLink red']);
    assert.equal(lab.faults.count(pod.uid, 'observePod'), 2);
    assert.deepEqual(pod.links, ['red']);
  });

  it('takes a pod that ended out of everything', async () => {
    const pod = await lab.pod(`red id=${lab.vni()}, blue id=${lab.vni()}`);
    await pod.converge();
    pod.change({ phaseClass: 'ended' });
    await pod.converge();
    assert.deepEqual(pod.links, []);
    assert.deepEqual(await pod.records(), []);
  });

  it('makes few rounds of a thousand signals and ends at the last wish', async () => {
    const [a, b] = [lab.vni(), lab.vni()];
    const pod = await lab.pod(`a id=${a}`);
    for (let batch = 0; batch < 20; batch += 1) {
      pod.change({ annotations: { 'vxlan.openvnf.org/networks': batch % 2 === 0 ? `b id=${b}` : `a id=${a}` } });
      const seen = lab.faults.count(pod.uid, 'observePod');
      await Promise.all(Array.from({ length: 50 }, () => pod.signal(DESIRED_CHANGED)));
      // The server takes a hundred signals per workflow task and no more (ADR 9), and podwire's own senders stay below that.
      await until('the run has taken some of them', () => lab.faults.count(pod.uid, 'observePod') > seen);
    }
    await pod.ended();
    assert.deepEqual(pod.links, ['a']);
    assert.deepEqual(
      (await pod.records()).map(({ phase }) => phase),
      ['attached'],
    );
    const rounds = lab.faults.count(pod.uid, 'observePod');
    assert.ok(rounds <= 300, `${rounds} rounds`);
  });
});
