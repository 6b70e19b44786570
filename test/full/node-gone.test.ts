/** A node that never comes back: what it still owned becomes tombstones, which its worker clears if it returns all the same. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { linksIn, vxlanOf } from '../../deploy/demo/kernel-look.ts';
import { kubectl, podNetnsPath, startPart, stopPart, type LabNode } from '../../deploy/lab/lab.ts';
import { partSpec, type PartSpec } from '../../deploy/lab/parts.ts';
import { nodePart, ORCHESTRATOR_PART, startPodwire, startPodwirePart } from '../../deploy/lab/podwire.ts';
import { labTest, waitFor } from '../lab/harness.ts';
import { exactlyOne, meshComplete, nothingLeaked } from '../lab/invariants.ts';
import { readKeys } from '../lab/records.ts';

/** Ten seconds until the node counts as silent, two looks a second apart, and a busy machine. */
const TOMBSTONE_WITHIN_MS = 40_000;

describe('a node that is gone', () => {
  const context = labTest('gone');
  let gone: LabNode;
  let kubelet: PartSpec;

  before(async () => {
    const { lab } = context;
    gone = lab.nodes.at(-1) as LabNode;
    kubelet = partSpec(lab, `kubelet-${gone.name}`) as PartSpec;
    await stopPart(lab, ORCHESTRATOR_PART);
    await startPodwirePart(lab, ORCHESTRATOR_PART, { env: { PODWIRE_NODE_GONE_SECONDS: '1' } });
  });
  after(async () => {
    await nodeIsBack();
    await stopPart(context.lab, ORCHESTRATOR_PART);
    await startPodwire(context.lab);
  });

  async function nodeIsBack(): Promise<void> {
    const { lab } = context;
    await startPart(lab, kubelet);
    const wait = ['wait', '--for=condition=Ready', `node/${gone.name}`, '--timeout=2s'];
    await waitFor(`node ${gone.name} to be Ready`, () => kubectl(lab, wait), { limitMs: 60_000 });
  }

  test('records become tombstones when the Node object is gone, and a returning worker removes links and tombstones', async () => {
    const { lab, namespace } = context;
    const pods = await context.createPods(
      lab.nodes.map(({ name }, index) => ({
        name: `gone${index}`,
        node: name,
        networks: `gone id=4550 ip=10.81.0.${index + 1}/24 up=true`,
      })),
    );
    const lost = pods.at(-1);
    assert.ok(lost);
    await meshComplete(lab, `${namespace}/gone`, { limitMs: 30_000 });
    const netns = await podNetnsPath(lab, lost);

    await stopPart(lab, kubelet.name);
    await stopPart(lab, nodePart(gone.name));
    await kubectl(lab, ['delete', 'node', gone.name]);
    await kubectl(lab, [
      '-n',
      namespace,
      'delete',
      'pod',
      lost.name,
      '--force',
      '--grace-period=0',
      '--ignore-not-found',
    ]);
    const tombstones = (): ReturnType<typeof readKeys> => readKeys(lab, `/podwire/tombstones/${gone.name}/`);
    await waitFor('a tombstone', async () => ((await tombstones()).length === 1 ? true : undefined), {
      limitMs: TOMBSTONE_WITHIN_MS,
    });
    await meshComplete(lab, `${namespace}/gone`);
    await exactlyOne(lab, pods.slice(0, -1));
    assert.deepEqual(await readKeys(lab, `/podwire/attachments/${gone.name}/`), []);
    assert.equal(vxlanOf(await linksIn(netns)).length, 1, 'the link is still there: nobody could remove it');

    await startPodwirePart(lab, nodePart(gone.name));
    await waitFor('no tombstone', async () => ((await tombstones()).length === 0 ? true : undefined), {
      limitMs: 20_000,
    });
    assert.deepEqual(vxlanOf(await linksIn(netns)), []);
    await nodeIsBack();
    // Its kubelet removes the sandbox, and with it what the worker had published about it.
    await nothingLeaked(lab, { limitMs: 60_000 });
  });
});
