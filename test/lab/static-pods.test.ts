/** Pods that the kubelet makes from files: the API has mirrors of them, under other UIDs. */
import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { annotate, declareNetworks, field, podManifest, waitRunning } from '../../deploy/demo/cluster.ts';
import type { PodRef, SeenLink } from '../../deploy/demo/kernel-look.ts';
import { pathOnHost } from '../../deploy/lab/lab.ts';
import { ON_NODE, STATIC_PODS } from '../../deploy/lab/layout.ts';
import { labTest, waitFor, waitLink } from './harness.ts';
import { publishedStatus } from './status-truth.ts';
import { readKeys } from './records.ts';

const LIMIT = { limitMs: 30_000 };

const isThere = (link: SeenLink | undefined): boolean => link?.up === true;

describe('a static pod', () => {
  const t = labTest('static');
  let file = '';
  let pod: PodRef;
  const uidOf = (): Promise<string> => field(t.lab, pod, '{.metadata.uid}');

  before(async () => {
    const node = t.node(0);
    await declareNetworks(t.lab, { fixed: 'id=3701 up', later: 'id=3702 up' });
    pod = t.pod(`web-${node}`);
    const folder = pathOnHost(t.lab, node, join(ON_NODE.kubelet, STATIC_PODS));
    mkdirSync(folder, { recursive: true });
    file = join(folder, `${t.namespace}.json`);
    const networks = 'fixed ip=10.57.0.1/24';
    const manifest = podManifest(t.pod('web'), { node, networks, image: t.lab.testImage });
    writeFileSync(file, JSON.stringify(manifest));
    await waitFor('the mirror', () => uidOf(), LIMIT);
    await waitRunning(t.lab, [pod]);
  });
  after(() => rmSync(file, { force: true }));

  test('gets its networks, as its file and later edits of its mirror ask for them', async () => {
    await waitLink(t.lab, pod, 'fixed', isThere);
    await annotate(t.lab, pod, 'fixed ip=10.57.0.1/24, later ip=10.58.0.1/24');
    await waitLink(t.lab, pod, 'later', isThere);
    await waitFor('its status', async () => (await publishedStatus(t.lab, pod)).length === 2 || undefined, LIMIT);
    const hash = await field(t.lab, pod, '{.metadata.annotations.kubernetes\\.io/config\\.mirror}');
    assert.notEqual(hash, await uidOf());
    assert.equal((await readKeys(t.lab, `/podwire/sandboxes/${t.node(0)}/${hash}`)).length, 1);
    assert.equal((await readKeys(t.lab, `/podwire/attachments/${t.node(0)}/${await uidOf()}/`)).length, 2);
  });
});
