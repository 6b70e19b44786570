/** podwire with its own Temporal and etcd as pods (overlay evaluation): each of them, and the Kubernetes API, is taken away and comes back. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { annotate } from '../../deploy/demo/cluster.ts';
import type { PodRef } from '../../deploy/demo/kernel-look.ts';
import { forwardService, stopForward } from '../../deploy/lab/forward-service.ts';
import { inSystem, installPodwire, provideImages, SYSTEM_NAMESPACE } from '../../deploy/lab/installed.ts';
import { partPid, restartPart, silentProgress, type Lab } from '../../deploy/lab/lab.ts';
import { labTest, waitFor, waitLink, type LabTest } from '../lab/harness.ts';
import { nothingLeaked } from '../lab/invariants.ts';
import { Burst, since } from './burst.ts';

/** Connections that hang since a Service changed its pod are given up after 5 s at most. */
const LIMIT = { limitMs: 60_000 };
const BACK_MS = 40_000;
const ETCD = { namespace: SYSTEM_NAMESPACE, service: 'podwire-etcd', port: 2379 };
const TEMPORAL = { namespace: SYSTEM_NAMESPACE, service: 'podwire-temporal', port: 7233 };

describe('podwire with stores of its own', () => {
  const t = labTest('stores');
  let lab: Lab;
  let burst: Burst;
  let asker: PodRef;
  const own = 'sto id=4864 ip=10.74.0.1/24 up=true';

  before(async () => {
    await provideImages(t.lab, 'evaluation', silentProgress);
    await installPodwire(t.lab, { overlay: 'evaluation', settings: {} });
    // The same lab, whose Temporal and etcd are those that podwire now uses.
    lab = {
      ...t.lab,
      etcd: { ...t.lab.etcd, host: await forwardService(t.lab, ETCD) },
      temporal: { ...t.lab.temporal, host: await forwardService(t.lab, TEMPORAL) },
    };
    const inside: LabTest = { ...t, lab, namespace: t.namespace };
    burst = await Burst.prepare(inside, { name: 'sto', id: 4864, prefix: '10.74' });
    await burst.ask(4);
    await burst.attached(LIMIT);
    [asker] = burst.pods as [PodRef];
  });
  after(async () => {
    for (const target of [ETCD, TEMPORAL]) await stopForward(t.lab, target);
  });

  /** Something is taken away, a pod asks for one network more, and has it when all is back; nothing else changed. */
  async function survives(takeAway: () => Promise<unknown>, index: number): Promise<string> {
    const untouched = await burst.links();
    const began = performance.now();
    await takeAway();
    const networks = `${own}, more id=487${index} ip=10.75.${index}.1/24 up=true`;
    await waitFor('the API to take a wish', async () => annotate(lab, asker, networks).then(() => true), LIMIT);
    await waitLink(lab, asker, 'more', (link) => link?.up === true, BACK_MS);
    const took = since(began);
    await waitFor('the API to take a wish', async () => annotate(lab, asker, own).then(() => true), LIMIT);
    await burst.ask(1);
    await burst.attached(LIMIT);
    const now = await burst.links();
    for (const [pod, links] of untouched) assert.deepEqual(now.get(pod), links, pod);
    return took;
  }

  const deletePod = (name: string): Promise<string> =>
    inSystem(lab, ['delete', 'pod', name, '--wait=false', '--grace-period=1']);

  test('has its etcd deleted: it comes back with its data, and podwire goes on', async (c) => {
    c.diagnostic(`a wish was carried out ${await survives(() => deletePod('podwire-etcd-0'), 1)} after it`);
  });

  test('has its Temporal deleted: it comes back with its runs, and podwire goes on', async (c) => {
    c.diagnostic(`a wish was carried out ${await survives(() => deletePod('podwire-temporal-0'), 2)} after it`);
  });

  test('has both deleted at once', async (c) => {
    const both = (): Promise<unknown> => Promise.all(['podwire-etcd-0', 'podwire-temporal-0'].map(deletePod));
    c.diagnostic(`a wish was carried out ${await survives(both, 3)} after it`);
  });

  test('has the Kubernetes API restarted', async (c) => {
    const old = partPid(lab, 'kube-apiserver');
    c.diagnostic(`a wish was carried out ${await survives(() => restartPart(lab, 'kube-apiserver'), 4)} after it`);
    assert.notEqual(partPid(lab, 'kube-apiserver'), old);
  });

  test('leaves nothing of pods that are deleted', async () => {
    await t.deletePods(burst.pods);
    burst.forget([...burst.pods]);
    await nothingLeaked(lab, LIMIT);
  });
});
