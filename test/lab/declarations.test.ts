/** The ConfigMap that declares networks: changes reach running pods, what vanishes takes nothing away. */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { annotate, declareNetworks } from '../../deploy/demo/cluster.ts';
import { podLink, type PodRef } from '../../deploy/demo/kernel-look.ts';
import { waitReachable } from '../../deploy/demo/ping.ts';
import { labTest, waitEvent, waitLink } from './harness.ts';
import { exactlyOne, meshComplete, nothingLost, statusTruth } from './invariants.ts';

describe('the declaration of a network', () => {
  const t = labTest('declared');
  let pods: [PodRef, PodRef];

  before(async () => {
    await declareNetworks(t.lab, { decl1: 'id=3101 up', decl2: 'id=3102 up' });
    pods = (await t.createPods([
      { name: 'p', node: t.node(0), networks: 'decl1 ip=10.41.0.1/24' },
      { name: 'q', node: t.node(2), networks: 'decl1 ip=10.41.0.2/24' },
    ])) as [PodRef, PodRef];
    await exactlyOne(t.lab, pods);
    await meshComplete(t.lab, 'cluster/decl1');
  });

  test('reaches running pods when its id is changed', async () => {
    await declareNetworks(t.lab, { decl1: 'id=3109 up' });
    for (const pod of pods) await waitLink(t.lab, pod, 'decl1', (link) => link?.vni === 3109 && link.up);
    await waitReachable(t.lab, pods[0], '10.41.0.2');
    await exactlyOne(t.lab, pods);
    await Promise.all([statusTruth(t.lab, pods), meshComplete(t.lab, 'cluster/decl1')]);
  });

  test('is kept by attached pods when it vanishes, and a Warning says so', async () => {
    const before = await podLink(t.lab, pods[0], 'decl1');
    await declareNetworks(t.lab, { decl1: null });
    await waitEvent(t.lab, pods[0], 'NetworkRefused', /decl1.*stays as it is/);
    await waitEvent(t.lab, pods[1], 'NetworkRefused', /decl1.*stays as it is/);
    assert.deepEqual(await podLink(t.lab, pods[0], 'decl1'), before);
    await waitReachable(t.lab, pods[0], '10.41.0.2');
    await statusTruth(t.lab, pods);
    await declareNetworks(t.lab, { decl1: 'id=3109 up' });
    await exactlyOne(t.lab, pods);
    assert.deepEqual(await podLink(t.lab, pods[0], 'decl1'), before, 'the link is still the same one');
    await meshComplete(t.lab, 'cluster/decl1');
  });

  test('owns its id: a pod that takes it for a network of its own is refused with an event', async () => {
    const [pod] = pods;
    await annotate(t.lab, pod, 'decl1 ip=10.41.0.1/24, thief id=3102 ip=10.49.0.1/24 up');
    const event = await waitEvent(t.lab, pod, 'NetworkRefused', /thief/);
    assert.match(event.message, /decl2/, 'the event names the owner of the id');
    assert.equal(await podLink(t.lab, pod, 'thief'), undefined);
    await exactlyOne(t.lab, pods);
    await statusTruth(t.lab, pods);
    await annotate(t.lab, pod, 'decl1 ip=10.41.0.1/24');
    await exactlyOne(t.lab, pods);
  });

  test('leaves other ids to who comes first: the next network gets one as soon as the first gives it up', async () => {
    const [first, next] = pods;
    await annotate(t.lab, first, 'decl1 ip=10.41.0.1/24, early id=3151 ip=10.48.0.1/24 up');
    await waitLink(t.lab, first, 'early', (link) => link?.vni === 3151 && link.up);
    await annotate(t.lab, next, 'decl1 ip=10.41.0.2/24, late id=3151 ip=10.48.0.2/24 up');
    await waitEvent(t.lab, next, 'NetworkRefused', new RegExp(`late: .*belongs to network ${t.namespace}/early`));
    await nothingLost(t.lab, pods);
    assert.equal(await podLink(t.lab, next, 'late'), undefined);

    await annotate(t.lab, first, 'decl1 ip=10.41.0.1/24');
    await waitLink(t.lab, next, 'late', (link) => link?.vni === 3151 && link.up);
    await Promise.all([nothingLost(t.lab, pods), exactlyOne(t.lab, pods), statusTruth(t.lab, pods)]);
    await annotate(t.lab, next, 'decl1 ip=10.41.0.2/24');
    await exactlyOne(t.lab, pods);
  });

  test('gives an address to one pod: the other is told who has it, and gets it when that one takes another', async () => {
    const [first, next] = pods;
    await annotate(t.lab, next, 'decl1 ip=10.41.0.1/24');
    const event = await waitEvent(t.lab, next, 'NetworkRefused', /address 10\.41\.0\.1 /);
    assert.match(event.message, new RegExp(`belongs to pod ${t.namespace}/${first.name}`));
    await nothingLost(t.lab, pods);
    await waitReachable(t.lab, first, '10.41.0.2');

    await annotate(t.lab, first, 'decl1 ip=10.41.0.3/24');
    await waitLink(t.lab, next, 'decl1', (link) => link?.addresses.includes('10.41.0.1/24') === true);
    await waitReachable(t.lab, first, '10.41.0.1');
    await Promise.all([nothingLost(t.lab, pods), exactlyOne(t.lab, pods), statusTruth(t.lab, pods)]);
  });
});
