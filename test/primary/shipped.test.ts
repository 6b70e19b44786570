/** podwire as the only network by its manifests alone, as an administrator switches it on and off: a component, and nothing by hand on a node. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { describe, test } from 'node:test';
import { field } from '../../deploy/demo/cluster.ts';
import { inSystem, installPodwire, waitUntilServing } from '../../deploy/lab/installed.ts';
import { kubectl, pathOnHost } from '../../deploy/lab/lab.ts';
import { ON_NODE } from '../../deploy/lab/layout.ts';
import { PRIMARY_FILE } from '../../domain/cni-server/primary-list.ts';
import { deletePods, waitFor } from '../lab/harness.ts';
import { heldLeases } from './node-truth.ts';
import { ownLab, type PodOfNode } from './own-lab.ts';
import { answering, answerOf, netnsOf } from './reach.ts';

describe('the component primary, in a cluster that has no other network', () => {
  const t = ownLab('manifests');
  const web = (name: string, node: number): PodOfNode => ({ name, node: t.node(node), command: answering(name) });
  const configurations = (): string[][] =>
    t.lab.nodes.map(({ name }) => readdirSync(pathOnHost(t.lab, name, ON_NODE.cniConf)));
  const isReady = async (node: string): Promise<string> =>
    kubectl(t.lab, ['get', 'node', node, '-o', `jsonpath={.status.conditions[?(@.type=="Ready")].status}`]);

  test("makes nodes ready, on which podwire's own pods are the first of the network", async () => {
    for (const { name } of t.lab.nodes) assert.equal(await isReady(name), 'True');
    assert.deepEqual(configurations(), [[PRIMARY_FILE], [PRIMARY_FILE]]);
    const pods = t.lab.nodes.flatMap((node) => heldLeases(t.lab, node)).map(({ pod }) => pod.name);
    for (const part of ['watcher', 'orchestrator'])
      assert.ok(
        pods.some((name) => name.startsWith(`podwire-${part}-`)),
        pods.join(),
      );
  });

  test('connects pods of different nodes, also of those that start while the node workers are replaced', async () => {
    const [first] = await t.run([web('first', 0)]);
    assert.ok(first);
    await inSystem(t.lab, ['rollout', 'restart', 'daemonset/podwire-node']);
    const [second] = await t.run([web('second', 1)]);
    assert.ok(second);
    await waitUntilServing(t.lab);
    for (const address of (await field(t.lab, second, '{.status.podIPs[*].ip}')).split(' '))
      assert.equal(await answerOf(await netnsOf(t.lab, first), address), 'second');
    await deletePods(t.lab, [first, second]);
  });

  test('is undone by the component for its removal: nobody asks podwire any more, and nodes wait for another network', async () => {
    await installPodwire(t.lab, { overlay: 'existing', settings: {}, components: ['cni-server-removal'] });
    assert.deepEqual(configurations(), [[], []]);
    for (const { name } of t.lab.nodes)
      await waitFor(`${name} not to be ready`, async () => (await isReady(name)) === 'False' || undefined, {
        limitMs: 30_000,
      });
  });
});
