/** Edits of running pods: networks added, removed and changed, mistakes made and corrected. */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { annotate, declareNetworks, podwireEvents } from '../../deploy/demo/cluster.ts';
import { podLink, type PodRef, type SeenLink } from '../../deploy/demo/kernel-look.ts';
import { waitReachable } from '../../deploy/demo/ping.ts';
import { podNetnsPath } from '../../deploy/lab/lab.ts';
import { Pinger } from '../faults/pinger.ts';
import { labTest, waitEvent, waitFor, waitLink } from './harness.ts';
import { exactlyOne, intentFirst, meshComplete, statusTruth } from './invariants.ts';
import { publishedStatus } from './status-truth.ts';

describe('a running pod', () => {
  const t = labTest('edits');
  let p: PodRef;
  let q: PodRef;

  before(async () => {
    await declareNetworks(t.lab, { edit1: 'id=3001 up', edit2: 'id=3002 up' });
    [p, q] = (await t.createPods([
      { name: 'p', node: t.node(0), networks: 'edit1 ip=10.31.0.1/24' },
      { name: 'q', node: t.node(1), networks: 'edit1 ip=10.31.0.2/24, edit2 ip=10.32.0.2/24' },
    ])) as [PodRef, PodRef];
    await holds();
  });

  const holds = async (): Promise<void> => {
    await intentFirst(t.lab);
    await exactlyOne(t.lab, [p, q]);
    await Promise.all([
      statusTruth(t.lab, [p, q]),
      meshComplete(t.lab, 'cluster/edit1'),
      meshComplete(t.lab, 'cluster/edit2'),
    ]);
  };
  const link = async (pod: PodRef, name: string): Promise<SeenLink> => {
    const found = await podLink(t.lab, pod, name);
    assert.ok(found, `${pod.name} has no ${name}`);
    return found;
  };

  test('gets a network that is added to its annotation, and keeps the other one as it was', async () => {
    const kept = await link(p, 'edit1');
    await annotate(t.lab, p, 'edit1 ip=10.31.0.1/24, edit2 ip=10.32.0.1/24');
    await waitLink(t.lab, p, 'edit2', (seen) => seen?.up === true);
    await waitReachable(t.lab, p, '10.32.0.2');
    assert.deepEqual(await link(p, 'edit1'), kept);
    await holds();
  });

  test('keeps its link, the very same one, when an address of it is changed', async () => {
    const old = await link(p, 'edit2');
    await annotate(t.lab, p, 'edit1 ip=10.31.0.1/24, edit2 ip=10.32.0.77/24');
    const changed = await waitLink(t.lab, p, 'edit2', (seen) => seen?.addresses.join() === '10.32.0.77/24');
    assert.equal(changed?.ifindex, old.ifindex);
    assert.equal(changed?.mac, old.mac);
    await waitReachable(t.lab, q, '10.32.0.77');
    await holds();
  });

  test('loses a network that is taken out of its annotation, and nothing else', async () => {
    const kept = await link(p, 'edit1');
    await annotate(t.lab, p, 'edit1 ip=10.31.0.1/24');
    await waitLink(t.lab, p, 'edit2', (seen) => seen === undefined);
    assert.deepEqual(await link(p, 'edit1'), kept);
    await holds();
  });

  test('gets its network at once when a mistake in its annotation is corrected', async () => {
    await annotate(t.lab, p, 'edit1 ip=10.31.0.1/24, edit2 ip=10.32.0.1/24 mtu=big');
    await waitEvent(t.lab, p, 'NetworkRefused', /edit2.*mtu.*"big".*allowed/);
    assert.equal(await podLink(t.lab, p, 'edit2'), undefined);
    await statusTruth(t.lab, [p]);
    const corrected = performance.now();
    await annotate(t.lab, p, 'edit1 ip=10.31.0.1/24, edit2 ip=10.32.0.1/24 mtu=1400');
    const seen = await waitLink(t.lab, p, 'edit2', (each) => each?.up === true && each.mtu === 1400);
    const took = performance.now() - corrected;
    assert.equal(seen?.mtu, 1400);
    assert.ok(took < 3_000, `it took ${Math.round(took)} ms, a back-off was waited for`);
    await holds();
  });

  test('gets another tunnel when the id of a network of its own is changed', async () => {
    const others = 'edit1 ip=10.31.0.1/24';
    await annotate(t.lab, p, `${others}, own id=3011 ip=10.33.0.1/24 up`);
    await waitLink(t.lab, p, 'own', (seen) => seen?.vni === 3011);
    await annotate(t.lab, p, `${others}, own id=3012 ip=10.33.0.1/24 up`);
    await waitLink(t.lab, p, 'own', (seen) => seen?.vni === 3012 && seen.up);
    await holds();
    await meshComplete(t.lab, `${t.namespace}/own`);
  });

  test('ends at its last wish when it is edited back and forth', async () => {
    const [a, b] = ['edit1 ip=10.31.0.1/24', 'edit1 ip=10.31.0.1/24, edit2 ip=10.32.0.1/24'];
    for (const desired of [b, a, b, a]) await annotate(t.lab, p, desired);
    await holds();
    assert.equal(await podLink(t.lab, p, 'edit2'), undefined);
  });

  test('keeps its network, without a lost packet, while an edit of it is refused by the kernel, and is told', async () => {
    const right = 'edit1 ip=10.31.0.1/24';
    await annotate(t.lab, p, right);
    await holds();
    const before_ = await link(p, 'edit1');
    const states = async (): Promise<string> =>
      (await publishedStatus(t.lab, p)).map(({ state, mtu }) => `${state} ${mtu ?? ''}`.trimEnd()).join(', ');
    const pinger = new Pinger(await podNetnsPath(t.lab, p), '10.31.0.2');
    for (const [mistake, said] of [
      ['mtu=9000', /edit1: set-mtu edit1 is refused by the kernel/],
      // A broadcast address is no gateway; one that is in no subnet of the link only costs its route.
      ['route=10.9.0.0/16:10.31.0.255', /edit1: route 10\.9\.0\.0\/16 via 10\.31\.0\.255 on edit1 is refused/],
    ] as const) {
      await annotate(t.lab, p, `${right} ${mistake}`);
      await waitEvent(t.lab, p, 'NetworkRefused', said);
      await waitFor(
        'a status that says both',
        async () => ((await states()) === `Attached ${before_.mtu}, Refused` ? true : undefined),
        { limitMs: 15_000 },
      );
      const seen = await link(p, 'edit1');
      assert.deepEqual({ ...seen, alias: '' }, { ...before_, alias: '' });
      await holds();
    }
    const { sent, received } = await pinger.stop();
    assert.equal(received, sent);
    const gone = (await podwireEvents(t.lab, p)).filter(
      ({ reason, message }) => reason === 'NetworkDetached' && message.includes('edit1'),
    );
    assert.deepEqual(gone, []);

    await annotate(t.lab, p, `${right} mtu=1400`);
    const corrected = await waitLink(t.lab, p, 'edit1', (seen) => seen?.mtu === 1400);
    assert.equal(corrected?.ifindex, before_.ifindex);
    await waitFor('a status without a refusal', async () => ((await states()) === 'Attached 1400' ? true : undefined), {
      limitMs: 15_000,
    });
    await annotate(t.lab, p, right);
    await waitLink(t.lab, p, 'edit1', (seen) => seen?.mtu === before_.mtu);
    await holds();
  });
});
