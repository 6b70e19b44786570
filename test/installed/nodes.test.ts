/** A node is drained, taken out of the cluster, and comes back under the same name. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { PodRef } from '../../deploy/demo/kernel-look.ts';
import { inSystem, waitUntilServing, workerPods } from '../../deploy/lab/installed.ts';
import { kubectl, startPart, stopPart } from '../../deploy/lab/lab.ts';
import { partSpec, type PartSpec } from '../../deploy/lab/parts.ts';
import type { AttachmentRecord } from '../../domain/records.ts';
import { labTest, waitFor } from '../lab/harness.ts';
import { readKeys } from '../lab/records.ts';
import { Burst, since } from './burst.ts';

const LIMIT = { limitMs: 90_000 };
/** Of a drain: the pod is still there when its node is taken away. */
const STAYS = 'stays';

describe('a node that is replaced', () => {
  const t = labTest('nodes');
  const node = (): string => t.lab.nodes.at(-1)?.name ?? '';
  let burst: Burst;
  let kubelet: PartSpec;

  before(async () => {
    kubelet = partSpec(t.lab, `kubelet-${node()}`) as PartSpec;
    burst = await Burst.prepare(t, { name: 'nod', id: 4867, prefix: '10.77' });
    await burst.ask(6);
    await burst.attached(LIMIT);
  });
  after(async () => {
    await startPart(t.lab, kubelet);
    await nodeReady();
  });

  const nodeReady = async (): Promise<void> => {
    const wait = ['wait', '--for=condition=Ready', `node/${node()}`, '--timeout=2s'];
    await waitFor(`node ${node()} to be Ready`, () => kubectl(t.lab, wait), { limitMs: 60_000 });
  };
  const recordsOfNode = async (): Promise<AttachmentRecord[]> =>
    (await readKeys(t.lab, `/podwire/attachments/${node()}/`)).map(({ value }) => value as AttachmentRecord);

  test('keeps no record of the pods that were drained or left behind, and its worker serves new pods', async (c) => {
    const [left, ...drained] = burst.pods.filter((_, index) => t.node(index) === node()) as [PodRef, ...PodRef[]];
    assert.ok(drained.length > 0);
    await kubectl(t.lab, ['-n', t.namespace, 'label', 'pod', left.name, `${STAYS}=yes`]);
    const selector = ['--force', '--ignore-daemonsets', '--delete-emptydir-data', `--pod-selector=!${STAYS}`];
    await kubectl(t.lab, ['drain', node(), ...selector, '--timeout=60s'], { timeoutMs: 70_000 });
    burst.forget(drained);
    await burst.attached(LIMIT);
    assert.deepEqual(
      (await recordsOfNode()).map(({ name }) => name).sort(),
      [left.name, left.name],
      'only of the pod that stays',
    );

    const [old] = await workerPods(t.lab, node());
    await stopPart(t.lab, kubelet.name);
    await kubectl(t.lab, ['delete', 'node', node()]);
    await kubectl(t.lab, ['-n', t.namespace, 'delete', 'pod', left.name, '--force', '--grace-period=0']);
    burst.forget([left]);
    const began = performance.now();
    await startPart(t.lab, kubelet);
    await nodeReady();
    const added = await burst.ask(3, node());
    // Its pod may be the old one: a node that is back soon enough keeps those that nobody deleted.
    const wait = ['wait', '--for=condition=Ready', 'pod', '-l', 'app.kubernetes.io/name=podwire-node'];
    const ofNode = ['--field-selector', `spec.nodeName=${node()}`, '--timeout=60s'];
    await inSystem(t.lab, [...wait, ...ofNode], { timeoutMs: 70_000 });
    const kept = (await workerPods(t.lab, node())).includes(old ?? '');
    c.diagnostic(`${kept ? 'its old' : 'a new'} worker was ready ${since(began)} after the node came back`);
    await burst.attached(LIMIT);
    c.diagnostic(`${added.length} new pods were attached ${since(began)} after the node came back`);
    assert.ok((await recordsOfNode()).every(({ name }) => added.some((pod) => pod.name === name)));
    await waitUntilServing(t.lab);
  });
});
