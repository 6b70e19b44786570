/** `podwire teardown`: everything that podwire made goes, stays gone, and comes back when that is taken back. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { annotate, field } from '../../deploy/demo/cluster.ts';
import { linksIn, podLink, type PodRef } from '../../deploy/demo/kernel-look.ts';
import { pathOnHost, podNetnsPath, stopPart } from '../../deploy/lab/lab.ts';
import { nodePart, startPodwirePart } from '../../deploy/lab/podwire.ts';
import { podwire } from '../cli/podwire-command.ts';
import { bridgeConfig, defineNetworks, reservations, wantNetworks } from '../lab/cni-networks.ts';
import { labTest, waitLink } from '../lab/harness.ts';
import { exactlyOne, meshComplete } from '../lab/invariants.ts';
import { readKeys } from '../lab/records.ts';

const LIMIT = { limitMs: 60_000 };
const STATUS = '{.metadata.annotations.podwire\\.io/network-status}';

describe('podwire teardown', () => {
  const t = labTest('teardown');
  let pods: PodRef[] = [];
  const networks = (index: number): string => `torn id=4851 ip=10.85.1.${index + 1}/24 up`;

  before(async () => {
    await defineNetworks(t.lab, t.namespace, { wired: bridgeConfig('wired', 'br-torn', '10.85.0.0/24') });
    pods = await t.createPods(
      [0, 1, 2, 3].map((index) => ({ name: `p${index}`, node: t.node(index % 2), networks: networks(index) })),
    );
    for (const pod of pods) await wantNetworks(t.lab, pod, [{ name: 'wired', interface: 'wired0' }]);
    for (const pod of pods) await waitLink(t.lab, pod, 'wired0', (link) => link?.up === true);
    for (const pod of pods) await waitLink(t.lab, pod, 'torn', (link) => link?.up === true);
  });
  after(async () => {
    await podwire(t.lab, ['teardown', '--undo']);
  });

  test('says what it would do, and does nothing without --yes', async () => {
    const dry = await podwire(t.lab, ['teardown', '--dry-run']);
    assert.equal(dry.code, 3, dry.stderr);
    assert.match(dry.stdout, new RegExp(`${t.node(0)}: 2 VXLAN, 2 CNI`));
    const unsure = await podwire(t.lab, ['teardown']);
    assert.equal(unsure.code, 1);
    assert.match(unsure.stderr, /8 interfaces out of running pods.*--yes/);
    assert.ok(await podLink(t.lab, pods[0] as PodRef, 'torn'));
  });

  test('says what is left, and why, while a node does not answer; the next one carries it through', async (c) => {
    const away = nodePart(t.node(1));
    await stopPart(t.lab, away);
    const first = await podwire(t.lab, ['teardown', '--yes', '--wait', '25']);
    c.diagnostic(first.stdout);
    assert.equal(first.code, 3, first.stdout + first.stderr);
    assert.match(first.stdout, new RegExp(`left: ${t.node(1)}: 2 VXLAN, 2 CNI`));
    await startPodwirePart(t.lab, away);
    const second = await podwire(t.lab, ['teardown', '--yes', '--wait', '50']);
    c.diagnostic(second.stdout);
    assert.equal(second.code, 0, second.stdout + second.stderr);
  });

  test('leaves no link, no reservation, no journal, no record and no status', async () => {
    for (const pod of pods) {
      const names = (await linksIn(await podNetnsPath(t.lab, pod))).map(({ name }) => name);
      assert.deepEqual(
        names.filter((name) => name === 'torn' || name === 'wired0'),
        [],
      );
      assert.equal(await field(t.lab, pod, STATUS), '');
    }
    for (const node of t.lab.nodes) {
      assert.deepEqual(reservations(t.lab, node.name, 'wired'), []);
      assert.deepEqual(readdirSync(pathOnHost(t.lab, node.name, '/var/lib/podwire/cni')), []);
    }
    const left = (await readKeys(t.lab)).map(({ key }) => key);
    const allowed = /^\/podwire\/(?:sandboxes|nodes|node-configs|orchestrators|store|teardown)/;
    assert.deepEqual(
      left.filter((key) => !allowed.test(key)),
      [],
    );
  });

  test('keeps it so: nothing is attached that is asked for meanwhile, and status says why', async () => {
    await annotate(t.lab, pods[0] as PodRef, `${networks(0)}, more id=4852 ip=10.85.2.1/24 up`);
    const [late] = (await t.createPods([{ name: 'late', node: t.node(1), networks: networks(8) }])) as [PodRef];
    await new Promise((resolve) => setTimeout(resolve, 6_000));
    for (const pod of [...pods, late]) assert.equal(await podLink(t.lab, pod, 'torn'), undefined);
    assert.deepEqual(await readKeys(t.lab, '/podwire/attachments/'), []);
    const { stderr } = await podwire(t.lab, ['status']);
    assert.match(stderr, /taken out of the cluster since .*--undo/);
    pods.push(late);
  });

  test('is taken back by --undo: every pod has again what it asks for', async () => {
    const undone = await podwire(t.lab, ['teardown', '--undo']);
    assert.equal(undone.code, 0, undone.stderr);
    for (const pod of pods) await waitLink(t.lab, pod, 'torn', (link) => link?.up === true, 30_000);
    await exactlyOne(t.lab, pods, LIMIT);
    await meshComplete(t.lab, `${t.namespace}/torn`, LIMIT);
  });
});
