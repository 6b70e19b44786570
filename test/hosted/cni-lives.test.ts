/** Pods that come and go, and sandboxes that do, while CNI networks are attached, being attached and being detached. */
import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { before, describe, test } from 'node:test';
import { apply, field, podManifest, waitRunning } from '../../deploy/demo/cluster.ts';
import { linksIn, podLink, type PodRef } from '../../deploy/demo/kernel-look.ts';
import { kubectl, podNetnsPath, startPart, stopPart } from '../../deploy/lab/lab.ts';
import { partSpec } from '../../deploy/lab/parts.ts';
import { failpointsFile, nodePart } from '../../deploy/lab/podwire.ts';
import {
  bridgeConfig,
  bridgePorts,
  cniRecords,
  defineNetworks,
  npwgStatus,
  reservations,
  waitStatus,
  wantNetworks,
} from '../lab/cni-networks.ts';
import { labTest, waitFor, waitLink } from '../lab/harness.ts';
import { intentFirst, nothingLeaked } from '../lab/invariants.ts';
import { readKeys } from '../lab/records.ts';
import { endSandbox, sandboxId } from '../lab/sandbox.ts';

/** How long an operation is held; below the time-out of every step. */
const HELD_MS = 4_000;
const SETTLED = { limitMs: 40_000 };
const NETWORKS = ['la', 'lb', 'lc'] as const;

describe('the life of a pod with CNI networks', () => {
  const t = labTest('cni-lives');

  before(async () => {
    await defineNetworks(
      t.lab,
      t.namespace,
      Object.fromEntries(
        NETWORKS.map((name, index) => [name, bridgeConfig(name, `br-${name}`, `10.92.${index}.0/24`)]),
      ),
    );
  });

  /** Holds the next operation that comes along the point; resolves once it stands there. */
  const hold = (node: string, point: string, delayMs = HELD_MS): { reached: () => Promise<void>; end: () => void } => {
    const file = failpointsFile(t.lab, nodePart(node));
    writeFileSync(file, JSON.stringify([{ point, action: 'delay', delayMs, once: true }]));
    const reached = async (): Promise<void> => {
      await waitFor(`an operation at ${point}`, async () => readFileSync(file, 'utf8') === '[]' || undefined, {
        limitMs: 15_000,
        everyMs: 20,
      });
    };
    return { reached, end: () => rmSync(file, { force: true }) };
  };
  const create = async (name: string, node: string, spec: object = {}): Promise<PodRef> => {
    const [pod] = await t.createPods([{ name, node, label: false, spec: { ...spec } }]);
    assert.ok(pod);
    return pod;
  };
  const attach = async (pod: PodRef, network: string): Promise<void> => {
    await wantNetworks(t.lab, pod, [{ name: network, interface: 'data0' }]);
    await waitLink(t.lab, pod, 'data0', (link) => link?.up === true && link.addresses.length === 1, 20_000);
  };
  const freed = async (node: string, network: string): Promise<void> => {
    await waitFor(
      `no reservation of ${network} on ${node}`,
      async () => (reservations(t.lab, node, network).length === 0 ? true : undefined),
      SETTLED,
    );
    await waitFor(
      `no port on the bridge of ${network} on ${node}`,
      async () => ((await bridgePorts(t.lab, node, `br-${network}`)).length === 0 ? true : undefined),
      SETTLED,
    );
  };

  describe('deleted', { concurrency: 3 }, () => {
    // Failpoints belong to a node: each of these has a node, and a network, of its own.
    const ATTACHING = [
      [0, 'cniAdd:after-journal', 'before its plugin ran'],
      [1, 'cniAdd:after-plugins', 'after its plugin ran'],
    ] as const;
    for (const [index, point, what] of ATTACHING) {
      test(`while it is being attached, ${what}: address, link and journal are gone`, async () => {
        const network = NETWORKS[index];
        const pod = await create(`attaching${index}`, t.node(index));
        const held = hold(t.node(index), point);
        await wantNetworks(t.lab, pod, [{ name: network, interface: 'data0' }]);
        await held.reached();
        await t.deletePods([pod]);
        await freed(t.node(index), network);
        held.end();
      });
    }
    test('while it is being detached: address, link and journal are gone', async () => {
      const pod = await create('detaching', t.node(2));
      await attach(pod, 'lc');
      const held = hold(t.node(2), 'cniDelete:after-plugins');
      await wantNetworks(t.lab, pod, null);
      await held.reached();
      await t.deletePods([pod]);
      await freed(t.node(2), 'lc');
      held.end();
    });
  });

  test('deletions in the middle left nothing', () => nothingLeaked(t.lab, SETTLED));

  describe('replaced', { concurrency: 3 }, () => {
    test('by a pod of the same name whose predecessor is detached late: the new one keeps all it has', async () => {
      const node = t.node(0);
      const pod = t.pod('set-0');
      await apply(t.lab, [statefulSet(t.namespace, node, t.lab.testImage)]);
      await waitFor('set-0 to exist', () => field(t.lab, pod, '{.metadata.uid}'), { limitMs: 20_000 });
      await waitRunning(t.lab, [pod]);
      await waitLink(t.lab, pod, 'data0', (link) => link?.up === true);
      const [oldUid, oldSandbox] = [await field(t.lab, pod, '{.metadata.uid}'), await sandboxId(t.lab, pod)];
      const held = hold(node, 'cniDelete:before', 10_000);
      await kubectl(t.lab, ['-n', pod.namespace, 'delete', 'pod', pod.name, '--grace-period=1', '--wait=false']);
      await held.reached();
      await waitFor(
        'another set-0',
        async () => ((await field(t.lab, pod, '{.metadata.uid}')) === oldUid ? undefined : true),
        { limitMs: 20_000 },
      );
      await waitRunning(t.lab, [pod]);
      const link = await waitLink(t.lab, pod, 'data0', (seen) => seen?.up === true, 20_000);
      assert.equal((await cniRecords(t.lab, oldUid)).length, 1, 'the old one is still being detached');
      await waitFor(
        'the old one to be forgotten',
        async () => ((await cniRecords(t.lab, oldUid)).length === 0 ? true : undefined),
        SETTLED,
      );
      held.end();
      assert.deepEqual(await podLink(t.lab, pod, 'data0'), link, 'the late DEL did not touch the new one');
      assert.notEqual(await sandboxId(t.lab, pod), oldSandbox);
      assert.equal(reservations(t.lab, node, 'la').length, 1);
      assert.equal((await bridgePorts(t.lab, node, 'br-la')).length, 1);
      await kubectl(t.lab, ['-n', t.namespace, 'delete', 'statefulset', 'set', '--timeout=30s']);
      await freed(node, 'la');
    });

    test('while it was attached: its address is free again', async () => {
      const pod = await create('attached', t.node(1));
      await attach(pod, 'lb');
      await t.deletePods([pod]);
      await freed(t.node(1), 'lb');
    });

    test('by itself in a new sandbox: the network is in the new one, and the old address is free', async () => {
      const node = t.node(2);
      const pod = await create('reborn', node, { restartPolicy: 'Always' });
      await attach(pod, 'lc');
      const old = await sandboxId(t.lab, pod);
      await endSandbox(t.lab, pod);
      await waitFor('a new sandbox', async () => ((await sandboxId(t.lab, pod)) === old ? undefined : true), {
        limitMs: 30_000,
      });
      await waitLink(t.lab, pod, 'data0', (link) => link?.up === true && link.addresses.length === 1, 20_000);
      await waitFor(
        'one reservation',
        async () => (reservations(t.lab, node, 'lc').length === 1 ? true : undefined),
        SETTLED,
      );
      await waitStatus(t.lab, pod, ['data0 Attached']);
      const link = await podLink(t.lab, pod, 'data0');
      const [entry] = await npwgStatus(t.lab, pod);
      assert.deepEqual([entry?.mac, entry?.ips?.[0]], [link?.mac, link?.addresses[0]?.split('/')[0]]);
      const records = await cniRecords(t.lab, await field(t.lab, pod, '{.metadata.uid}'));
      assert.deepEqual(
        records.map((record) => record.sandboxId),
        [await sandboxId(t.lab, pod)],
      );
      await t.deletePods([pod]);
      await freed(node, 'lc');
    });
  });

  test('goes on when containerd is away for a while: what is attached stays, what was asked for meanwhile comes', async () => {
    const node = t.node(1);
    const [kept, late] = await t.createPods([
      { name: 'kept', node, label: false },
      { name: 'late', node },
    ]);
    assert.ok(kept !== undefined && late !== undefined);
    await attach(kept, 'lb');
    const before = await podLink(t.lab, kept, 'data0');
    const netns = await podNetnsPath(t.lab, late);
    // It has the label, so that its sandbox is published before it asks. Else the run waits for the sandbox itself, and there is no attachment yet whose status could say why it fails.
    await waitFor(
      'the sandbox of late to be published',
      async () =>
        (await readKeys(t.lab, `/podwire/sandboxes/${node}/`)).some(
          ({ value }) => (value as { name?: string }).name === 'late',
        ) || undefined,
      { limitMs: 10_000 },
    );
    const part = `containerd-${node}`;
    const spec = partSpec(t.lab, part);
    assert.ok(spec, `the lab has no part ${part}`);
    await stopPart(t.lab, part, 'SIGKILL');
    try {
      await wantNetworks(t.lab, late, [{ name: 'lb', interface: 'data1' }]);
      await waitStatus(t.lab, late, (status) => status[0]?.code === 'CriUnavailable', 20_000);
      assert.ok((await linksIn(netns)).every(({ name }) => name !== 'data1'));
    } finally {
      await startPart(t.lab, spec);
    }
    await waitFor(
      'data1 of late',
      async () => ((await linksIn(netns)).some(({ name, up }) => name === 'data1' && up) ? true : undefined),
      { limitMs: 45_000 },
    );
    await waitStatus(t.lab, late, ['data1 Attached']);
    assert.deepEqual(await podLink(t.lab, kept, 'data0'), before, 'a restart of containerd changes nothing');
    assert.equal(reservations(t.lab, node, 'lb').length, 2);
    await intentFirst(t.lab);
    await t.deletePods([kept, late]);
    await freed(node, 'lb');
  });

  test('leaves nothing when everything is deleted', () => nothingLeaked(t.lab, SETTLED));
});

/** Its pod asks for network la from its creation on. */
function statefulSet(namespace: string, node: string, image: string): object {
  const pod = podManifest({ namespace, name: 'set' }, { node, image, label: false }) as { spec: object };
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { namespace, name: 'set' },
    spec: {
      serviceName: 'set',
      replicas: 1,
      selector: { matchLabels: { app: 'set' } },
      template: {
        metadata: {
          labels: { app: 'set' },
          annotations: { 'k8s.v1.cni.cncf.io/networks': '[{"name":"la","interface":"data0"}]' },
        },
        spec: { ...pod.spec, restartPolicy: 'Always' },
      },
    },
  };
}
