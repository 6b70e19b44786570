/**
 * A node worker dies at every step of its own in a call of the container runtime for a chained plugin (ADR 52). What the kubelet does by itself
 * afterwards is enough: the pod has each of its networks once, or nothing is left of it.
 */
import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { apply, declareNetworks, field, podManifest, waitRunning } from '../../deploy/demo/cluster.ts';
import type { PodRef } from '../../deploy/demo/kernel-look.ts';
import { chainPodwire, unchainPodwire } from '../../deploy/lab/chained.ts';
import { partPid, type LabNode } from '../../deploy/lab/lab.ts';
import { failpointsFile, nodePart, startPodwirePart } from '../../deploy/lab/podwire.ts';
import { coldPlugPoints } from '../faults/step-list.ts';
import { bridgeConfig, defineNetworks, reservations } from '../lab/cni-networks.ts';
import { FIRST_LOOK, firstLook } from '../lab/first-look.ts';
import { ensurePodwire, labTest, waitFor } from '../lab/harness.ts';
import { exactlyOne, meshComplete, nothingLeaked, statusTruth } from '../lab/invariants.ts';
import { readKeys } from '../lab/records.ts';

const ADD_POINTS = ['coldPlug:announced', 'coldPlug:published', 'coldPlug:settled'];
const DEL_POINTS = ['coldPlug:ending', 'coldPlug:unpublished', 'coldPlug:released'];
const DIES = { limitMs: 30_000, everyMs: 20 };
/** A run waits for a worker that was killed in one of its steps, and the kubelet comes again after a pause. */
const RECOVERS = { limitMs: 90_000 };

interface Looking extends PodRef {
  readonly node: string;
  readonly uid: string;
}

describe('a node worker that dies in the middle of a call of the container runtime', () => {
  const t = labTest('coldcrash');
  const nodes = (): readonly LabNode[] => t.lab.nodes;

  before(async () => {
    await declareNetworks(t.lab, { coldc: 'id=4870 up' });
    await defineNetworks(t.lab, t.namespace, { coldb: bridgeConfig('coldb', 'br-coldb', '10.93.0.0/24') });
    for (const node of nodes()) await chainPodwire(t.lab, node);
  });
  after(async () => {
    for (const { name } of nodes()) rmSync(failpointsFile(t.lab, nodePart(name)), { force: true });
    await ensurePodwire(t.lab);
    for (const node of nodes()) await unchainPodwire(t.lab, node);
  });

  /** One point for each node; each worker dies at its own and is started again. */
  async function killedAt(points: readonly string[], act: () => Promise<unknown>): Promise<void> {
    assert.equal(points.length, nodes().length);
    const parts = nodes().map(({ name }) => nodePart(name));
    const pids = parts.map((part) => partPid(t.lab, part));
    parts.forEach((part, index) => {
      const kill = [{ point: points[index], action: 'kill', once: true }];
      writeFileSync(failpointsFile(t.lab, part), JSON.stringify(kill));
    });
    const acting = act();
    await Promise.all(
      parts.map(async (part, index) => {
        const isGone = (): true | undefined => (partPid(t.lab, part) === pids[index] ? undefined : true);
        await waitFor(`${part} to die at ${points[index]}`, async () => isGone(), DIES);
        await startPodwirePart(t.lab, part);
      }),
    );
    await acting;
  }

  const address = (index: number): string => `10.94.0.${index + 1}/24`;

  async function createOneOnEach(): Promise<Looking[]> {
    const pods = nodes().map(({ name }, index) => ({ ...t.pod(`each${index}`), node: name }));
    const manifests = pods.map((pod, index) => {
      const networks = `coldc ip=${address(index)}`;
      const options = { node: pod.node, image: t.lab.testImage, networks, command: FIRST_LOOK };
      const manifest = podManifest(pod, options) as { metadata: { annotations: Record<string, string> } };
      manifest.metadata.annotations['k8s.v1.cni.cncf.io/networks'] = '[{"name":"coldb","interface":"data0"}]';
      return manifest;
    });
    await apply(t.lab, manifests);
    return Promise.all(pods.map(async (pod) => ({ ...pod, uid: await field(t.lab, pod, '{.metadata.uid}') })));
  }

  let pods: Looking[];

  test('has a test for each of its steps', () => {
    assert.deepEqual([...ADD_POINTS, ...DEL_POINTS].sort(), coldPlugPoints().sort());
  });

  test('has given each pod its networks once before its container starts, and kept nothing of the tries before', async () => {
    await killedAt(ADD_POINTS, async () => {
      pods = await createOneOnEach();
    });
    await waitRunning(t.lab, pods);
    for (const [index, pod] of pods.entries()) {
      const seen = await firstLook(t.lab, pod);
      assert.match(seen, new RegExp(`coldc +inet 10\\.94\\.0\\.${index + 1}/24`), ADD_POINTS[index]);
      assert.match(seen, /data0 +inet 10\.93\.0\.\d+\/24/, ADD_POINTS[index]);
      // The runtime ends the sandbox of a try that failed when the kubelet comes to it.
      const isOne = async (): Promise<true | undefined> =>
        reservations(t.lab, pod.node, 'coldb').length === 1 ? true : undefined;
      await waitFor(`one address for the pod of ${ADD_POINTS[index]}`, isOne, RECOVERS);
    }
    await exactlyOne(t.lab, pods, RECOVERS);
    await statusTruth(t.lab, pods, RECOVERS);
    await meshComplete(t.lab, 'cluster/coldc', RECOVERS);
  });

  test('has given everything back when the pods have ended', async () => {
    await killedAt(DEL_POINTS, () => t.deletePods(pods));
    await nothingLeaked(t.lab, RECOVERS);
    for (const [index, { node, uid }] of pods.entries()) {
      const left = async (): Promise<unknown[]> => [
        ...reservations(t.lab, node, 'coldb'),
        ...(await readKeys(t.lab, `/podwire/attachments/${node}/${uid}/`)),
        ...(await readKeys(t.lab, `/podwire/sandboxes/${node}/${uid}`)),
        ...(await readKeys(t.lab, `/podwire/networks/cluster/coldc/members/${uid}/`)),
      ];
      const isEmpty = async (): Promise<true | undefined> => ((await left()).length === 0 ? true : undefined);
      await waitFor(`nothing of ${DEL_POINTS[index]}'s pod`, isEmpty, RECOVERS);
    }
  });
});
