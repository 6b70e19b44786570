/** Networks before the first container as an administrator switches them on and off: components of the manifests, and nothing by hand on a node. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { firstAction } from '../../deploy/demo/acts/first-action.ts';
import { threePods } from '../../deploy/demo/acts/three-pods.ts';
import { apply, declareNetworks, field, podManifest, waitRunning } from '../../deploy/demo/cluster.ts';
import { podLink, type PodRef } from '../../deploy/demo/kernel-look.ts';
import { callHostsPlugins, callNodesPlugins } from '../../deploy/lab/chained.ts';
import { installPodwire } from '../../deploy/lab/installed.ts';
import { kubectl, pathOnHost } from '../../deploy/lab/lab.ts';
import { ON_NODE } from '../../deploy/lab/layout.ts';
import { CHAINED_FILE } from '../../domain/cni-server/chained-list.ts';
import { bridgeConfig, defineNetworks, reservations } from '../lab/cni-networks.ts';
import { FIRST_LOOK, firstLook } from '../lab/first-look.ts';
import { labTest, waitFor, waitLink } from '../lab/harness.ts';
import { exactlyOne, meshComplete, statusTruth } from '../lab/invariants.ts';
import { readKeys } from '../lab/records.ts';
import { ROOT } from '../runner/groups.ts';
import { since } from './burst.ts';
import { installedWith } from './installed-with.ts';

const SOON = { limitMs: 30_000, everyMs: 100 };
const NPWG = 'k8s.v1.cni.cncf.io/networks';
const CHAINED = join(ON_NODE.cniConf, CHAINED_FILE);
const PLUGIN = join(ON_NODE.cniBin, 'podwire-cni');

describe("podwire's CNI plugin, installed by a component of the manifests", () => {
  const t = labTest('ship');
  const nodes = (): string[] => t.lab.nodes.map(({ name }) => name);
  const onNode = (node: string, path: string): string => pathOnHost(t.lab, node, path);
  let dir: string;
  let configurations: string[][];
  let first: PodRef;
  let second: PodRef;

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'podwire-cni-server-'));
    configurations = files();
    await declareNetworks(t.lab, { ship1: 'id=4891 up' });
    await defineNetworks(t.lab, t.namespace, { ship: bridgeConfig('ship', 'br-ship', '10.91.0.0/24') });
    for (const node of t.lab.nodes) await callNodesPlugins(node);
  });
  after(async () => {
    await t.deletePods([first, second].filter((pod) => (pod as PodRef | undefined) !== undefined));
    await installPodwire(t.lab, { overlay: 'existing', settings: {} });
    // As docs/cni-server.md has it: an apply leaves what the component alone brought. The lab has the same for podwire as processes of the host.
    await kubectl(t.lab, ['delete', 'clusterrole,clusterrolebinding', 'podwire-node-cni']);
    await kubectl(t.lab, ['apply', '-f', join(ROOT, 'deploy/components/cni-server/rbac.yaml')]);
    for (const node of t.lab.nodes) {
      await callHostsPlugins(node);
      for (const path of [CHAINED, PLUGIN]) rmSync(onNode(node.name, path), { force: true });
    }
    rmSync(dir, { recursive: true, force: true });
  });

  const files = (): string[][] => nodes().map((node) => readdirSync(onNode(node, ON_NODE.cniConf)).sort());

  /** A pod whose container tells its interfaces as the first thing that it does; it asks for a network of each dialect. */
  async function looking(name: string, index: number): Promise<PodRef> {
    const pod = t.pod(name);
    const manifest = podManifest(pod, {
      node: t.node(index),
      image: t.lab.testImage,
      networks: `ship1 ip=10.92.0.${index + 1}/24`,
      command: FIRST_LOOK,
    }) as { metadata: { annotations: Record<string, string> } };
    manifest.metadata.annotations[NPWG] = '[{"name":"ship","interface":"data0"}]';
    await apply(t.lab, [manifest]);
    await waitRunning(t.lab, [pod]);
    return pod;
  }

  test('is on every node when podwire serves, and the runtime is told to call it after the network of the node', async (c) => {
    const began = performance.now();
    await installedWith(t.lab, dir, { components: ['cni-server'] });
    c.diagnostic(`all of podwire served ${since(began)} after the component was applied`);
    for (const node of nodes()) {
      assert.ok(existsSync(onNode(node, PLUGIN)), node);
      await waitFor('the chain', async () => existsSync(onNode(node, CHAINED)) || undefined, SOON);
      const { plugins } = JSON.parse(readFileSync(onNode(node, CHAINED), 'utf8')) as { plugins: { type: string }[] };
      assert.equal(plugins.at(-1)?.type, 'podwire-cni');
    }
  });

  test("gives pods networks that their containers see as the first thing that they do, in the worker's own pod", async () => {
    [first, second] = await Promise.all([looking('first', 0), looking('second', 1)]);
    for (const [index, pod] of [first, second].entries()) {
      const seen = await firstLook(t.lab, pod);
      assert.match(seen, new RegExp(`ship1 +inet 10\\.92\\.0\\.${index + 1}/24`));
      assert.match(seen, /data0 +inet 10\.91\.0\.\d+\/24/);
    }
    await statusTruth(t.lab, [first, second]);
    await exactlyOne(t.lab, [first, second]);
    await meshComplete(t.lab, 'cluster/ship1');
  });

  test("gives a container its networks before its first action, as in the demo's last act", async () => {
    const context = { lab: t.lab, namespace: t.namespace, did: () => undefined, saw: () => undefined };
    await threePods.run(context);
    assert.equal((await firstAction.run(context)).answered.received, 3);
    await t.deletePods(['a', 'b', 'gateway', 'early'].map((name) => t.pod(name)));
  });

  test('has given the address back when a pod is gone', async () => {
    const uid = await field(t.lab, first, '{.metadata.uid}');
    assert.equal(reservations(t.lab, t.node(0), 'ship').length, 1);
    await t.deletePods([first]);
    assert.deepEqual(reservations(t.lab, t.node(0), 'ship'), []);
    assert.deepEqual(await readKeys(t.lab, `/podwire/attachments/${t.node(0)}/${uid}/`), []);
  });

  test('is called no more with the component for its removal, and takes nothing from pods that it served', async () => {
    const link = await podLink(t.lab, second, 'ship1');
    await installedWith(t.lab, dir, { components: ['cni-server-removal'] });
    assert.deepEqual(files(), configurations);
    assert.deepEqual(await podLink(t.lab, second, 'ship1'), link);
    first = await looking('later', 0);
    await waitLink(t.lab, first, 'ship1', (seen) => seen?.up === true);
    await waitLink(t.lab, first, 'data0', (seen) => seen?.up === true);
    await statusTruth(t.lab, [first, second]);
    await t.deletePods([second]);
    await waitFor(
      'its address to be given back',
      async () => reservations(t.lab, t.node(1), 'ship').length === 0 || undefined,
      SOON,
    );
  });
});
