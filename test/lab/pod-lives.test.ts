/** Pods that are not simply there: on the node's network, finished, with a sandbox made anew, seen by two watchers, all gone. */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { annotate, declareNetworks, field, phase, podwireEvents } from '../../deploy/demo/cluster.ts';
import { floodTargets, linksIn, vxlanOf, type PodRef } from '../../deploy/demo/kernel-look.ts';
import { waitReachable } from '../../deploy/demo/ping.ts';
import { inSystem, waitUntilServing } from '../../deploy/lab/installed.ts';
import { podNetnsPath } from '../../deploy/lab/lab.ts';
import { labTest, waitEvent, waitFor, waitLink } from './harness.ts';
import { exactlyOne, intentFirst, meshComplete, nothingLeaked, statusTruth } from './invariants.ts';
import { readKeys } from './records.ts';
import { findRuns } from './runs.ts';
import { endSandbox, sandboxId } from './sandbox.ts';
import { publishedStatus } from './status-truth.ts';

describe('the life of a pod', () => {
  const t = labTest('lives');
  const scaleWatcher = async (replicas: number): Promise<void> => {
    await inSystem(t.lab, ['scale', 'deployment/podwire-watcher', `--replicas=${replicas}`]);
    await waitUntilServing(t.lab);
  };
  let anchor: PodRef;

  before(async () => {
    await declareNetworks(t.lab, { life: 'id=3201 up' });
    [anchor] = (await t.createPods([{ name: 'anchor', node: t.node(0), networks: 'life ip=10.51.0.1/24' }])) as [
      PodRef,
    ];
    await exactlyOne(t.lab, [anchor]);
  });

  test("on the node's own network is refused once, and the node keeps its links", async () => {
    const nodeNetns = t.lab.nodes[1]?.netnsPath ?? '';
    const before = (await linksIn(nodeNetns)).map(({ name }) => name).filter((name) => !name.startsWith('veth'));
    const [pod] = (await t.createPods([
      { name: 'host', node: t.node(1), networks: 'life ip=10.51.0.9/24', spec: { hostNetwork: true } },
    ])) as [PodRef];
    const uid = await field(t.lab, pod, '{.metadata.uid}');
    await waitEvent(t.lab, pod, 'NetworkRefused', /hostNetwork: true.*remove/);
    // Its run ends: nothing is tried again and again.
    await waitFor(
      'a closed run and its mark',
      async () => {
        const open = await findRuns(t.lab, `WorkflowId="${runId(pod, uid)}" AND ExecutionStatus="Running"`);
        const marks = await readKeys(t.lab, `/podwire/pods/${uid}`);
        return open.length === 0 && marks.length === 1 ? true : undefined;
      },
      { limitMs: 20_000 },
    );
    const after = (await linksIn(nodeNetns)).map(({ name }) => name).filter((name) => !name.startsWith('veth'));
    assert.deepEqual(after, before);
    assert.deepEqual(await readKeys(t.lab, `/podwire/attachments/${t.node(1)}/${uid}/`), []);
    assert.deepEqual(
      (await publishedStatus(t.lab, pod)).map(({ state, code }) => `${state} ${code}`),
      ['Refused HostNetwork'],
    );
    // Said before the pod ran, perhaps: that it runs is no reason to say it again.
    assert.deepEqual(
      (await podwireEvents(t.lab, pod)).map(({ reason }) => reason),
      ['NetworkRefused'],
    );
    await t.deletePods([pod]);
  });

  test('ends in its mesh when it has finished, although its object stays', async () => {
    const [pod] = (await t.createPods([
      { name: 'job', node: t.node(1), networks: 'life ip=10.51.0.2/24', command: ['sh', '-c', WAIT_FOR_FILE] },
    ])) as [PodRef];
    await exactlyOne(t.lab, [anchor, pod]);
    await meshComplete(t.lab, 'cluster/life');
    const address = await field(t.lab, pod, '{.status.podIP}');
    const anchorNetns = await podNetnsPath(t.lab, anchor);
    assert.ok((await floodTargets(anchorNetns, 'life')).includes(address));
    await t.exec(pod, ['touch', '/tmp/end']);
    await waitFor('the pod to finish', async () => ((await phase(t.lab, pod)) === 'Succeeded' ? true : undefined), {
      limitMs: 30_000,
    });
    await waitFor(
      'the anchor to forget the pod',
      async () => ((await floodTargets(anchorNetns, 'life')).includes(address) ? undefined : true),
      { limitMs: 15_000, everyMs: 50 },
    );
    await meshComplete(t.lab, 'cluster/life');
    await nothingLeaked(t.lab);
    await t.deletePods([pod]);
  });

  test('goes on when its sandbox is made anew: the link is in the new network namespace within seconds', async () => {
    const [pod] = (await t.createPods([
      { name: 'reborn', node: t.node(2), networks: 'life ip=10.51.0.3/24', spec: { restartPolicy: 'Always' } },
    ])) as [PodRef];
    await exactlyOne(t.lab, [anchor, pod]);
    const [uid, old] = [await field(t.lab, pod, '{.metadata.uid}'), await sandboxId(t.lab, pod)];
    await endSandbox(t.lab, pod);
    const reborn = await waitFor(
      'a new sandbox',
      async () => {
        const id = await sandboxId(t.lab, pod);
        return id === old ? undefined : id;
      },
      { limitMs: 30_000 },
    );
    const started = performance.now();
    await waitLink(t.lab, pod, 'life', (link) => link?.up === true && link.addresses.includes('10.51.0.3/24'), 20_000);
    const took = performance.now() - started;
    assert.notEqual(reborn, old);
    assert.equal(await field(t.lab, pod, '{.metadata.uid}'), uid, 'it is still the same pod');
    assert.ok(took < 10_000, `the link came ${Math.round(took)} ms after the sandbox`);
    await waitReachable(t.lab, anchor, '10.51.0.3');
    await exactlyOne(t.lab, [anchor, pod]);
    await Promise.all([statusTruth(t.lab, [anchor, pod]), meshComplete(t.lab, 'cluster/life')]);
    await nothingLeaked(t.lab);
    await t.deletePods([pod]);
  });

  test('is the same when two watchers look at it', async () => {
    await scaleWatcher(2);
    try {
      const [pod] = (await t.createPods([{ name: 'watched', node: t.node(1), networks: 'life ip=10.51.0.4/24' }])) as [
        PodRef,
      ];
      await exactlyOne(t.lab, [anchor, pod]);
      await annotate(t.lab, pod, 'life ip=10.51.0.44/24');
      await waitLink(t.lab, pod, 'life', (link) => link?.addresses.join() === '10.51.0.44/24');
      await exactlyOne(t.lab, [anchor, pod]);
      await Promise.all([statusTruth(t.lab, [anchor, pod]), meshComplete(t.lab, 'cluster/life')]);
      await intentFirst(t.lab);
      const events = (await podwireEvents(t.lab, pod)).filter((event) => event.reason === 'NetworkAttached');
      assert.equal(new Set(events.map((event) => event.message)).size, events.length, 'no event is said twice');
      await t.deletePods([pod]);
      await meshComplete(t.lab, 'cluster/life');
    } finally {
      await scaleWatcher(1);
    }
  });

  test('leaves nothing when everything is deleted', async () => {
    const netns = await podNetnsPath(t.lab, anchor);
    assert.equal(vxlanOf(await linksIn(netns)).length, 1);
    await t.createPods([{ name: 'last', node: t.node(2), networks: 'life ip=10.51.0.5/24, own id=3209 up' }]);
    await exactlyOne(t.lab, [t.pod('last'), anchor]);
    await t.deletePods([anchor, t.pod('last')]);
    await nothingLeaked(t.lab);
    for (const prefix of ['/podwire/attachments/', '/podwire/networks/', '/podwire/vnis/', '/podwire/pods/'])
      assert.deepEqual(
        (await readKeys(t.lab, prefix)).map(({ key }) => key),
        [],
        prefix,
      );
  });
});

const WAIT_FOR_FILE = 'until [ -e /tmp/end ]; do sleep 0.1; done';
const runId = (pod: PodRef, uid: string): string => `pod/${pod.namespace}/${pod.name}/${uid}`;
