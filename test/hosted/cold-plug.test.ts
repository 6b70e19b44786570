/** Networks before the first container starts, and away before its network namespace: podwire as the last plugin of the node's chain. */
import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import {
  annotate,
  apply,
  declareNetworks,
  field,
  podManifest,
  podwireEvents,
  waitRunning,
} from '../../deploy/demo/cluster.ts';
import { podLink, type PodRef } from '../../deploy/demo/kernel-look.ts';
import { chainPodwire, unchainPodwire } from '../../deploy/lab/chained.ts';
import { kubectl, partPid, pathOnHost, stopPart, type LabNode } from '../../deploy/lab/lab.ts';
import { ON_NODE, STATIC_PODS } from '../../deploy/lab/layout.ts';
import { nodePart, startPodwirePart } from '../../deploy/lab/podwire.ts';
import { bridgeConfig, defineNetworks, npwgStatus, reservations } from '../lab/cni-networks.ts';
import { FIRST_LOOK, firstLook } from '../lab/first-look.ts';
import { labTest, waitFor, waitLink } from '../lab/harness.ts';
import { exactlyOne, meshComplete, statusTruth } from '../lab/invariants.ts';
import { readKeys } from '../lab/records.ts';
import { endSandbox, sandboxId } from '../lab/sandbox.ts';

const SOON = { limitMs: 30_000, everyMs: 100 };
const NPWG = 'k8s.v1.cni.cncf.io/networks';

describe('a pod on a node whose chain ends with podwire', () => {
  const t = labTest('cold');
  const node = (index: number): LabNode => t.lab.nodes[index % t.lab.nodes.length] as LabNode;

  before(async () => {
    await declareNetworks(t.lab, { cold1: 'id=3801 up', cold2: 'id=3802 up' });
    await defineNetworks(t.lab, t.namespace, { cold: bridgeConfig('cold', 'br-cold', '10.78.0.0/24') });
    for (const each of t.lab.nodes) await chainPodwire(t.lab, each);
  });
  after(async () => {
    for (const each of t.lab.nodes) await unchainPodwire(t.lab, each);
  });

  /** A pod whose container tells its interfaces as the first thing that it does. */
  const starts = async (
    name: string,
    onNode: number,
    asks: { readonly networks?: string; readonly npwg?: string },
  ): Promise<PodRef> => {
    const pod = t.pod(name);
    const { networks, npwg } = asks;
    const manifest = podManifest(pod, {
      node: node(onNode).name,
      image: t.lab.testImage,
      ...(networks === undefined ? { label: false } : { networks }),
      command: FIRST_LOOK,
      spec: { restartPolicy: 'Always' },
    }) as { metadata: { annotations: Record<string, string> } };
    if (npwg !== undefined) manifest.metadata.annotations[NPWG] = npwg;
    await apply(t.lab, [manifest]);
    return pod;
  };
  const runs = async (...of: Parameters<typeof starts>): Promise<PodRef> => {
    const pod = await starts(...of);
    await waitRunning(t.lab, [pod]);
    return pod;
  };
  const recordsOf = (pod: { readonly uid: string; readonly node: string }): Promise<unknown[]> =>
    readKeys(t.lab, `/podwire/attachments/${pod.node}/${pod.uid}/`);
  let both: PodRef;
  let other: PodRef;

  test('sees networks of both dialects as the first thing that its container does', async () => {
    other = await runs('other', 1, { networks: 'cold1 ip=10.79.0.2/24' });
    both = await runs('both', 0, {
      networks: 'cold1 ip=10.79.0.1/24',
      npwg: '[{"name":"cold","interface":"data0"}]',
    });
    const seen = await firstLook(t.lab, both);
    assert.match(seen, /cold1 +inet 10\.79\.0\.1\/24/);
    assert.match(seen, /data0 +inet 10\.78\.0\.\d+\/24/);
    assert.match(await firstLook(t.lab, other), /cold1 +inet 10\.79\.0\.2\/24/);
    await statusTruth(t.lab, [both, other]);
    assert.equal((await npwgStatus(t.lab, both)).length, 1);
  });

  test('has each of them once, and nothing is done anew when it has its address', async () => {
    const link = await podLink(t.lab, both, 'cold1');
    await waitFor('the address', async () => (await field(t.lab, both, '{.status.podIP}')) || undefined, SOON);
    await exactlyOne(t.lab, [both, other]);
    await meshComplete(t.lab, 'cluster/cold1');
    assert.deepEqual(await podLink(t.lab, both, 'cold1'), link);
    const events = (await podwireEvents(t.lab, both)).filter(({ reason }) => reason === 'NetworkAttached');
    assert.equal(events.length, 2);
  });

  test('is edited as any other afterwards', async () => {
    await annotate(t.lab, both, 'cold1 ip=10.79.0.1/24, cold2 ip=10.80.0.1/24');
    await waitLink(t.lab, both, 'cold2', (seen) => seen?.up === true);
    await statusTruth(t.lab, [both]);
  });

  test('gives everything back before its network namespace goes', async () => {
    const uid = await field(t.lab, both, '{.metadata.uid}');
    const of = { uid, node: node(0).name };
    assert.equal(reservations(t.lab, of.node, 'cold').length, 1);
    await t.deletePods([both]);
    assert.deepEqual(reservations(t.lab, of.node, 'cold'), []);
    assert.deepEqual(await recordsOf(of), []);
    assert.deepEqual(await readKeys(t.lab, `/podwire/networks/cluster/cold1/members/${uid}/`), []);
    await meshComplete(t.lab, 'cluster/cold1');
  });

  test('asks for nothing: it starts, and podwire keeps nothing of it', async () => {
    const plain = await runs('plain', 0, {});
    const uid = await field(t.lab, plain, '{.metadata.uid}');
    assert.deepEqual(await readKeys(t.lab, `/podwire/sandboxes/${node(0).name}/${uid}`), []);
    await t.deletePods([plain]);
  });

  test('has its networks in its next sandbox as well, before its container starts anew', async () => {
    const id = await sandboxId(t.lab, other);
    await endSandbox(t.lab, other);
    await waitFor(
      'the next sandbox',
      async () => ((await sandboxId(t.lab, other).catch(() => id)) === id ? undefined : true),
      SOON,
    );
    await waitFor(
      'its first look',
      async () => /cold1 +inet 10\.79\.0\.2/.test(await firstLook(t.lab, other)) || undefined,
      SOON,
    );
    await exactlyOne(t.lab, [other]);
    await meshComplete(t.lab, 'cluster/cold1');
  });

  test('waits for a node worker that is away, and has its networks when it starts', async () => {
    const part = nodePart(node(0).name);
    await stopPart(t.lab, part);
    const pod = await starts('patient', 0, { networks: 'cold1 ip=10.79.0.3/24' });
    await waitFor(
      'the runtime is told to come again',
      async () =>
        (await kubectl(t.lab, ['-n', pod.namespace, 'get', 'events'])).includes('FailedCreatePodSandBox') || undefined,
      SOON,
    );
    await startPodwirePart(t.lab, part);
    await waitRunning(t.lab, [pod]);
    assert.match(await firstLook(t.lab, pod), /cold1 +inet 10\.79\.0\.3\/24/);
    await exactlyOne(t.lab, [pod]);
  });

  test('is one that the kubelet makes from a file: it has its networks as well', async () => {
    const folder = pathOnHost(t.lab, node(0).name, join(ON_NODE.kubelet, STATIC_PODS));
    mkdirSync(folder, { recursive: true });
    const file = join(folder, `${t.namespace}.json`);
    const options = { node: node(0).name, image: t.lab.testImage, networks: 'cold1 ip=10.79.0.4/24' };
    writeFileSync(file, JSON.stringify(podManifest(t.pod('file'), { ...options, command: FIRST_LOOK })));
    const pod = t.pod(`file-${node(0).name}`);
    try {
      await waitFor('the mirror', () => field(t.lab, pod, '{.metadata.uid}'), SOON);
      await waitRunning(t.lab, [pod]);
      assert.match(await firstLook(t.lab, pod), /cold1 +inet 10\.79\.0\.4\/24/);
    } finally {
      rmSync(file, { force: true });
    }
    const uid = await field(t.lab, pod, '{.metadata.uid}').catch(() => '');
    await waitFor(
      'its records are gone',
      async () => (await recordsOf({ uid, node: node(0).name })).length === 0 || undefined,
      SOON,
    );
  });

  test('ends in time while Temporal does not answer, others start, and everything is given back afterwards', async () => {
    const last = await runs('last', 0, { networks: 'cold1 ip=10.79.0.5/24', npwg: 'cold' });
    const of = { uid: await field(t.lab, last, '{.metadata.uid}'), node: node(0).name };
    const temporal = partPid(t.lab, 'temporal') ?? 0;
    process.kill(temporal, 'SIGSTOP');
    try {
      const began = performance.now();
      await Promise.all([t.deletePods([last]), runs('meanwhile', 0, {})]);
      assert.ok(performance.now() - began < 25_000, 'a DEL may take 10 s');
      assert.notEqual((await recordsOf(of)).length, 0);
    } finally {
      process.kill(temporal, 'SIGCONT');
    }
    await waitFor('its records are gone', async () => (await recordsOf(of)).length === 0 || undefined, {
      limitMs: 90_000,
    });
    assert.deepEqual(reservations(t.lab, of.node, 'cold'), []);
  });
});
