/** Parts of a node are taken away while its worker attaches: the worker's pod by force, and the container runtime under it. */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { annotate } from '../../deploy/demo/cluster.ts';
import { podLink, type PodRef } from '../../deploy/demo/kernel-look.ts';
import { inSystem, workerPods } from '../../deploy/lab/installed.ts';
import { restartPart } from '../../deploy/lab/lab.ts';
import { labTest, waitFor, waitLink } from '../lab/harness.ts';
import { intentFirst } from '../lab/invariants.ts';
import { Burst, since } from './burst.ts';
import { holdWorker } from './hold.ts';

const LIMIT = { limitMs: 60_000 };
/** Of two probes of the worker and a busy machine; a worker that is cut off for good never answers. */
const RUNTIME_BACK_MS = 40_000;

describe('a node on which podwire runs', () => {
  const t = labTest('killed');
  const node = (): string => t.node(1);
  let burst: Burst;

  before(async () => {
    burst = await Burst.prepare(t, { name: 'kil', id: 4862, prefix: '10.72' });
    await burst.ask(2);
    await burst.attached(LIMIT);
  });

  const worker = async (): Promise<string> =>
    waitFor(
      `one worker on ${node()}`,
      async () => {
        const [name, ...more] = await workerPods(t.lab, node());
        return more.length === 0 ? name : undefined;
      },
      { limitMs: 40_000 },
    );

  for (const { what, point } of [
    { what: 'a VXLAN link is made and not up', point: 'ensureVxlanLink:after-create' },
    { what: 'CNI plugins have run and nobody knows their result', point: 'cniAdd:after-plugins' },
  ])
    test(`has its worker's pod deleted by force when ${what}: its successor finishes the attach once`, async (c) => {
      const untouched = await burst.links();
      const old = await worker();
      await holdWorker(t.lab, node(), point, () => burst.ask(1, node()));
      const began = performance.now();
      await inSystem(t.lab, ['delete', 'pod', old, '--force', '--grace-period=0']);
      await intentFirst(t.lab);
      await burst.attached(LIMIT);
      c.diagnostic(`all was attached once ${since(began)} after the worker's pod was deleted`);
      const successor = await worker();
      assert.notEqual(successor, old);
      await inSystem(t.lab, ['wait', '--for=condition=Ready', `pod/${successor}`, '--timeout=60s'], {
        timeoutMs: 70_000,
      });
      const restarts = '{.status.containerStatuses[0].restartCount}';
      c.diagnostic(
        `its successor: ${await inSystem(t.lab, ['get', 'pod', successor, '-o', `jsonpath=${restarts}`])} restarts`,
      );
      const now = await burst.links();
      for (const [pod, links] of untouched) assert.deepEqual(now.get(pod), links, pod);
    });

  test('has its container runtime restarted: the same worker goes on attaching to pods that ran before and to new ones', async (c) => {
    const [before, untouched] = [await identity(), await burst.links()];
    const [old] = burst.pods.filter((_, index) => index % t.lab.nodes.length === 1) as [PodRef];
    const began = performance.now();
    await restartPart(t.lab, `containerd-${node()}`);
    const first = 'kil id=4862 ip=10.72.0.2/24 up=true';
    await annotate(t.lab, old, `${first}, more id=4863 ip=10.73.0.2/24 up=true`);
    await waitLink(t.lab, old, 'more', (link) => link?.up === true, RUNTIME_BACK_MS);
    c.diagnostic(`a pod that ran before had one more network ${since(began)} after the restart`);
    await annotate(t.lab, old, first);
    await burst.ask(2, node());
    await burst.attached(LIMIT);
    c.diagnostic(`new pods were attached ${since(began)} after the restart`);
    assert.equal(await podLink(t.lab, old, 'more'), undefined);
    const now = await burst.links();
    for (const [pod, links] of untouched) assert.deepEqual(now.get(pod), links, pod);
    assert.equal(await identity(), before, 'the worker was not restarted');
  });

  const identity = async (): Promise<string> => {
    const name = await worker();
    return inSystem(t.lab, [
      'get',
      'pod',
      name,
      '-o',
      'jsonpath={.metadata.uid} {.status.containerStatuses[0].containerID}',
    ]);
  };
});
