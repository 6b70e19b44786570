/**
 * A node that is cut off: its kubelet, its worker and its way to the API are away, its pods run and send. A StatefulSet's pod on it is forced
 * away and made anew elsewhere, with the same overlay address: nobody hears the old one any more.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  apply,
  field,
  NETWORKS_ANNOTATION,
  podManifest,
  SELECTOR_LABEL,
  waitRunning,
} from '../../deploy/demo/cluster.ts';
import { linksIn, podLink, vxlanOf, type PodRef } from '../../deploy/demo/kernel-look.ts';
import { waitReachable } from '../../deploy/demo/ping.ts';
import { findProgram } from '../../deploy/lab/commands.ts';
import { inNetns, kubectl, podNetnsPath, startPart, stopPart, whyFailed, type LabNode } from '../../deploy/lab/lab.ts';
import { partSpec, type PartSpec } from '../../deploy/lab/parts.ts';
import { nodePart, startPodwirePart } from '../../deploy/lab/podwire.ts';
import { podwire } from '../cli/podwire-command.ts';
import { labTest, waitFor, waitLink } from '../lab/harness.ts';
import { exactlyOne, meshComplete, nothingLeaked } from '../lab/invariants.ts';
import { Pinger } from '../faults/pinger.ts';

const NETWORK = 'cutoff';
const OWN = '10.87.0.9';
const PEERS = ['10.87.0.1', '10.87.0.2'];
const LIMIT = { limitMs: 90_000 };

const desired = (address: string): string => `${NETWORK} id=4580 ip=${address}/24 up=true`;

describe('a pod of a node that is cut off', () => {
  const t = labTest('cutoff');
  let cut: LabNode;
  let others: LabNode[];
  let kubelet: PartSpec;
  let pod: PodRef;
  let peers: PodRef[];

  before(async () => {
    const { lab, namespace } = t;
    cut = lab.nodes.at(-1) as LabNode;
    others = lab.nodes.slice(0, -1);
    kubelet = partSpec(lab, `kubelet-${cut.name}`) as PartSpec;
    pod = t.pod('db-0');
    await cordon(others);
    await apply(lab, [statefulSet(namespace, lab.testImage)]);
    peers = await t.createPods(
      PEERS.map((address, index) => ({
        ...{ name: `peer${index}`, node: others[index % others.length]?.name ?? '', networks: desired(address) },
      })),
    );
    await waitFor('the pod of the StatefulSet', () => field(lab, pod, '{.metadata.uid}'), LIMIT);
    await waitRunning(lab, [pod]);
    await uncordon(others);
  });
  after(() => uncordon(t.lab.nodes));

  const cordon = (nodes: readonly LabNode[]): Promise<string> =>
    kubectl(t.lab, ['cordon', ...nodes.map(({ name }) => name)]);
  const uncordon = (nodes: readonly LabNode[]): Promise<string> =>
    kubectl(t.lab, ['uncordon', ...nodes.map(({ name }) => name)]);

  const wayToApi = (what: 'add' | 'del') =>
    inNetns(cut.netnsPath, 'ip', ['route', what, 'blackhole', `${t.lab.controlAddress}/32`]);

  async function cutOff(): Promise<void> {
    await stopPart(t.lab, kubelet.name);
    await stopPart(t.lab, nodePart(cut.name));
    const made = await wayToApi('add');
    assert.equal(made.code, 0, whyFailed(made));
    await cordon([cut]);
  }

  async function nodeIsBack(): Promise<void> {
    await wayToApi('del');
    await startPodwirePart(t.lab, nodePart(cut.name));
    await startPart(t.lab, kubelet);
    const wait = ['wait', '--for=condition=Ready', `node/${cut.name}`, '--timeout=2s'];
    await waitFor(`node ${cut.name} to be Ready`, () => kubectl(t.lab, wait), LIMIT);
  }

  /** What `podwire status` says of the mesh: `yes`, `no`, `under way`, …, and who is behind. */
  async function completeness(): Promise<string> {
    const { stdout, stderr } = await podwire(t.lab, ['status', `${t.namespace}/peer0`]);
    const row = stdout.split('\n').find((line) => line.startsWith(`${t.namespace}/${NETWORK} `));
    assert.ok(row, `${stdout}${stderr}`);
    return row.slice(`${t.namespace}/${NETWORK}`.length).trim();
  }

  const isComplete = (): Promise<true> =>
    waitFor(
      'the mesh to be complete',
      async () => {
        assert.match(await completeness(), /^yes\b/);
        return true as const;
      },
      LIMIT,
    );

  /** The MAC that a peer sends to. */
  async function knownMac(peer: PodRef): Promise<string | undefined> {
    const words = ['-j', 'neigh', 'show', 'dev', NETWORK, OWN];
    const { stdout } = await inNetns(await podNetnsPath(t.lab, peer), 'ip', words);
    const [entry] = JSON.parse(stdout.trim() === '' ? '[]' : stdout) as { lladdr?: string }[];
    return entry?.lladdr;
  }

  test('is not heard any more once its successor is there, the mesh is not called complete, and all is cleaned up when it is back', async (context) => {
    const { lab } = t;
    // Before the namespace goes, in which nothing ends while the kubelet is away.
    context.after(async () => {
      await nodeIsBack();
      await kubectl(lab, ['-n', t.namespace, 'delete', 'statefulset', 'db']);
    });
    await meshComplete(lab, `${t.namespace}/${NETWORK}`, LIMIT);
    assert.equal(await field(lab, pod, '{.spec.nodeName}'), cut.name);
    await isComplete();
    const oldNetns = await podNetnsPath(lab, pod);
    const old = await podLink(lab, pod, NETWORK);
    for (const peer of peers) {
      await waitReachable(lab, peer, OWN);
      assert.equal(await knownMac(peer), old?.mac);
    }

    await cutOff();
    const sending = PEERS.map((address) => new Pinger(oldNetns, address));
    const uid = await field(lab, pod, '{.metadata.uid}');
    await kubectl(lab, ['-n', t.namespace, 'delete', 'pod', pod.name, '--force', '--grace-period=0']);
    await waitFor(
      'its successor',
      async () => ((await field(lab, pod, '{.metadata.uid}')) === uid ? undefined : true),
      LIMIT,
    );
    await waitRunning(lab, [pod]);
    assert.notEqual(await field(lab, pod, '{.spec.nodeName}'), cut.name);
    const link = await waitLink(lab, pod, NETWORK, (seen) => seen?.up === true && seen.addresses.length === 1, 60_000);
    await meshComplete(lab, `${t.namespace}/${NETWORK}`, LIMIT);
    assert.notEqual(link?.mac, old?.mac);

    const busybox = findProgram('busybox') ?? '/usr/bin/busybox';
    const claims = inNetns(oldNetns, busybox, ['arping', '-U', '-c', '8', '-I', NETWORK, OWN]);
    for (const peer of peers) {
      const words = ['ping', '-c', '10', '-i', '0.5', '-W', '1', OWN];
      const { stdout } = await inNetns(await podNetnsPath(lab, peer), busybox, words);
      assert.match(stdout, /10 packets transmitted, 10 packets received/);
      assert.equal(await knownMac(peer), link?.mac);
    }
    await claims;
    assert.match(await completeness(), new RegExp(`^no +.*${cut.name} `));
    const unheard = await Promise.all(sending.map((pinger) => pinger.stop()));
    context.diagnostic(`the old one sent ${unheard.map(({ sent }) => sent).join(' and ')} pings`);
    assert.ok(vxlanOf(await linksIn(oldNetns)).length === 1, 'the old one has its link: nobody could remove it');
    const late = await inNetns(oldNetns, busybox, ['ping', '-c', '5', '-i', '0.2', '-W', '1', PEERS[0] ?? '']);
    assert.match(late.stdout, / 0 packets received/);

    await nodeIsBack();
    await uncordon([cut]);
    // Its kubelet finds out that the pod is not its own any more, and ends it.
    await waitFor(
      'the old link to be gone',
      async () => vxlanOf(await linksIn(oldNetns).catch(() => [])).length === 0 || undefined,
      LIMIT,
    );
    await isComplete();
    await exactlyOne(lab, [pod, ...peers], LIMIT);
    await nothingLeaked(lab, LIMIT);
    assert.deepEqual(await podLink(lab, pod, NETWORK), link, 'the successor was not touched');
    for (const peer of peers) await waitReachable(lab, peer, OWN);
  });
});

function statefulSet(namespace: string, image: string): object {
  const { spec } = podManifest({ namespace, name: 'db' }, { node: '', image }) as { spec: object };
  const labels = { app: 'db', [SELECTOR_LABEL]: 'true' };
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { namespace, name: 'db' },
    spec: {
      ...{ serviceName: 'db', replicas: 1, selector: { matchLabels: { app: 'db' } } },
      template: {
        metadata: { labels, annotations: { [NETWORKS_ANNOTATION]: desired(OWN) } },
        spec: { ...spec, nodeName: undefined, restartPolicy: 'Always' },
      },
    },
  };
}
