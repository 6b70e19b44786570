/**
 * A node worker whose pods' network is podwire dies at every step of its own: in ADD, in DEL, and in the run that follows from them. What the
 * kubelet and the run do by themselves afterwards is enough.
 */
import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { createEtcd, type Etcd } from '../../adapters/etcd/client.ts';
import { listPrimarySandboxes } from '../../adapters/etcd/primary-sandboxes.ts';
import { waitRunning } from '../../deploy/demo/cluster.ts';
import type { PodRef } from '../../deploy/demo/kernel-look.ts';
import { partPid } from '../../deploy/lab/lab.ts';
import { failpointsFile, nodePart, startPodwirePart } from '../../deploy/lab/podwire.ts';
import { primaryPoints } from '../faults/step-list.ts';
import { deletePods, waitFor } from '../lab/harness.ts';
import { allAgree, heldLeases } from '../primary/node-truth.ts';
import { ownLab } from '../primary/own-lab.ts';
import { answering, answerOf, netnsOf } from '../primary/reach.ts';
import { chosenPoints } from './chosen-points.ts';

const COMES = ['primary:leased', 'primary:wired', 'primary:added'];
const COMES_BEHIND = ['recordSandbox:before', 'recordSandbox:after', 'verifySandbox:before', 'verifySandbox:after'];
const GOES = ['primary:ending', 'primary:unwired', 'primary:released'];
const GOES_BEHIND = ['endSandbox:before', 'endSandbox:after-release', 'endSandbox:after'];
const DIES = { limitMs: 45_000, everyMs: 50 };
/** The runs of sandboxes wait for a worker that was killed, and the kubelet comes again after a pause. */
const RECOVERS = { limitMs: 120_000, everyMs: 300 };

describe("a node worker that dies at a step of its pods' network", () => {
  const t = ownLab();
  let etcd: Etcd;
  let looksOn: PodRef;

  before(async () => {
    etcd = createEtcd({ endpoints: [`http://${t.lab.etcd.host}`], timeoutMs: 5_000 });
    [looksOn] = (await t.run([{ name: 'looks-on', node: t.node(1) }])) as [PodRef];
  });
  after(() => {
    for (const { name } of t.lab.nodes) rmSync(failpointsFile(t.lab, nodePart(name)), { force: true });
    etcd.close();
  });

  /** The worker of the first node. */
  async function killedAt(point: string, act: () => Promise<unknown>): Promise<void> {
    const part = nodePart(t.node(0).name);
    const pid = partPid(t.lab, part);
    writeFileSync(failpointsFile(t.lab, part), JSON.stringify([{ point, action: 'kill', once: true }]));
    const acting = act();
    await waitFor(`${part} to die at ${point}`, async () => partPid(t.lab, part) !== pid || undefined, DIES);
    await startPodwirePart(t.lab, part);
    await acting;
  }

  /** Disks, runtime, kernel, API and etcd name the same pods. */
  async function isSound(point: string): Promise<void> {
    await allAgree(t.lab, RECOVERS.limitMs);
    await waitFor(
      `etcd to say what the disks say after ${point}`,
      async () => {
        const disks = t.lab.nodes.flatMap((node) => heldLeases(t.lab, node).map(({ sandboxId }) => sandboxId));
        const records = (await listPrimarySandboxes(etcd)).map(({ sandboxId }) => sandboxId);
        return disks.sort().join() === records.sort().join() || undefined;
      },
      RECOVERS,
    );
  }

  const nameOf = (point: string): string => `at-${point.toLowerCase().replaceAll(':', '-')}`;

  test('has a test for each of its steps', () => {
    assert.deepEqual([...COMES, ...COMES_BEHIND, ...GOES, ...GOES_BEHIND].sort(), primaryPoints().sort());
  });

  test('has given each pod its address, which the other node reaches, and kept nothing of the tries before', async () => {
    for (const point of chosenPoints([...COMES, ...COMES_BEHIND])) {
      const name = nameOf(point);
      await killedAt(point, () => t.create([{ name, node: t.node(0), command: answering(name) }]));
      await waitRunning(t.lab, [t.pod(name)], RECOVERS.limitMs);
      await isSound(point);
      const lease = heldLeases(t.lab, t.node(0)).find(({ pod }) => pod.name === name);
      assert.equal(await answerOf(await netnsOf(t.lab, looksOn), lease?.addresses[0] ?? assert.fail(name)), name);
    }
  });

  test('has given everything back when its pods have ended', async () => {
    const points = chosenPoints([...GOES, ...GOES_BEHIND]);
    await t.run(points.map((point) => ({ name: nameOf(point), node: t.node(0) })));
    for (const point of points) {
      await killedAt(point, () => deletePods(t.lab, [t.pod(nameOf(point))]));
      await isSound(point);
    }
  });
});
