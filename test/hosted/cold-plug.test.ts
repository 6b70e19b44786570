/** Networks before the first container starts, and away before its network namespace: podwire as the last plugin of the node's chain. */
import assert from 'node:assert/strict';
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
import { kubectl, type LabNode } from '../../deploy/lab/lab.ts';
import { bridgeConfig, defineNetworks, npwgStatus, reservations } from '../lab/cni-networks.ts';
import { labTest, waitFor, waitLink } from '../lab/harness.ts';
import { exactlyOne, meshComplete, statusTruth } from '../lab/invariants.ts';
import { readKeys } from '../lab/records.ts';

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
      command: ['sh', '-c', 'ip -o addr; exec sleep 3600'],
    }) as { metadata: { annotations: Record<string, string> } };
    if (npwg !== undefined) manifest.metadata.annotations[NPWG] = npwg;
    await apply(t.lab, [manifest]);
    await waitRunning(t.lab, [pod]);
    return pod;
  };
  const firstLook = (pod: PodRef): Promise<string> =>
    waitFor(
      'what the container has printed',
      async () => (await kubectl(t.lab, ['-n', pod.namespace, 'logs', pod.name])) || undefined,
      SOON,
    );
  const recordsOf = (pod: { readonly uid: string; readonly node: string }): Promise<unknown[]> =>
    readKeys(t.lab, `/podwire/attachments/${pod.node}/${pod.uid}/`);
  let both: PodRef;
  let other: PodRef;

  test('sees networks of both dialects as the first thing that its container does', async () => {
    other = await starts('other', 1, { networks: 'cold1 ip=10.79.0.2/24' });
    both = await starts('both', 0, {
      networks: 'cold1 ip=10.79.0.1/24',
      npwg: '[{"name":"cold","interface":"data0"}]',
    });
    const seen = await firstLook(both);
    assert.match(seen, /cold1 +inet 10\.79\.0\.1\/24/);
    assert.match(seen, /data0 +inet 10\.78\.0\.\d+\/24/);
    assert.match(await firstLook(other), /cold1 +inet 10\.79\.0\.2\/24/);
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
    const plain = await starts('plain', 0, {});
    const uid = await field(t.lab, plain, '{.metadata.uid}');
    assert.deepEqual(await readKeys(t.lab, `/podwire/sandboxes/${node(0).name}/${uid}`), []);
    await t.deletePods([plain]);
  });
});
