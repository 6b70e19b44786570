/** podwire's etcd is replaced by a new, empty one while pods have links: everything is recorded again, and nothing is touched. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { annotate } from '../../deploy/demo/cluster.ts';
import { podLink, type PodRef } from '../../deploy/demo/kernel-look.ts';
import { startPart, stopPart } from '../../deploy/lab/lab.ts';
import { partSpec } from '../../deploy/lab/parts.ts';
import type { AttachmentRecord } from '../../domain/records.ts';
import {
  bridgeConfig,
  cniRecords,
  defineNetworks,
  reservations,
  waitStatus,
  wantNetworks,
} from '../lab/cni-networks.ts';
import { labTest, waitEvent, waitFor, waitLink } from '../lab/harness.ts';
import { exactlyOne, meshComplete, nothingLeaked, statusTruth } from '../lab/invariants.ts';
import { readKeys } from '../lab/records.ts';
import { podwire } from '../cli/podwire-command.ts';
import { Untouched, type Watched } from './untouched.ts';

const LIMIT = { limitMs: 90_000 };
const VXLAN_PODS = 8;
const ETCD = 'podwire-etcd';

describe('an etcd that is lost', () => {
  const t = labTest('etcdlost');
  const watched: Watched[] = [];
  let members: PodRef[] = [];
  let wired: PodRef[] = [];
  let rival: PodRef;
  let leaver: PodRef;

  const uidOf = async (pod: PodRef): Promise<string> =>
    (await readKeys(t.lab, '/podwire/attachments/'))
      .map(({ value }) => value as AttachmentRecord)
      .find(({ namespace, name }) => namespace === pod.namespace && name === pod.name)?.podUid ?? '';

  before(async () => {
    await defineNetworks(t.lab, t.namespace, { wired: bridgeConfig('wired', 'br-lost', '10.83.0.0/24') });
    members = await t.createPods(
      Array.from({ length: VXLAN_PODS }, (_, index) => ({
        name: `member${index}`,
        node: t.node(index),
        networks: `lost id=4831 ip=10.83.1.${index + 1}/24 up`,
      })),
    );
    [leaver] = (await t.createPods([
      {
        name: 'leaver',
        node: t.node(0),
        networks: 'lost id=4831 ip=10.83.1.100/24 up, gone id=4832 ip=10.83.2.1/24 up',
      },
    ])) as [PodRef];
    wired = await t.createPods([0, 1].map((index) => ({ name: `wired${index}`, node: t.node(0) })));
    for (const pod of wired) await wantNetworks(t.lab, pod, [{ name: 'wired', interface: 'wired0' }]);
    for (const pod of members) await waitLink(t.lab, pod, 'lost', (link) => link?.up === true);
    for (const pod of wired) await waitLink(t.lab, pod, 'wired0', (link) => link?.up === true);
    await waitLink(t.lab, leaver, 'gone', (link) => link?.up === true);
    // It waits for the id that the others have.
    [rival] = (await t.createPods([
      { name: 'rival', node: t.node(1), networks: 'rival id=4831 ip=10.83.9.1/24 up' },
    ])) as [PodRef];
    await waitEvent(t.lab, rival, 'NetworkRefused', /4831/);
    await meshComplete(t.lab, `${t.namespace}/lost`, LIMIT);
    await Promise.all(wired.map((pod) => waitStatus(t.lab, pod, ['wired0 Attached'])));
    const addresses = await Promise.all(wired.map(async (pod) => (await podLink(t.lab, pod, 'wired0'))?.addresses[0]));
    members.forEach((pod, index) =>
      watched.push({ ...pod, interfaces: ['lost'], peer: `10.83.1.${((index + 1) % VXLAN_PODS) + 1}` }),
    );
    wired.forEach((pod, index) =>
      watched.push({ ...pod, interfaces: ['wired0'], peer: addresses[1 - index]?.split('/')[0] ?? '' }),
    );
  });

  test('is filled again with what is attached: no link touched, no packet lost, no address or id given twice', async (c) => {
    const uids = await Promise.all(wired.map(uidOf));
    const recordsBefore = await Promise.all(uids.map((uid) => cniRecords(t.lab, uid)));
    const reservedBefore = reservations(t.lab, t.node(0), 'wired').sort();
    const observer = await Untouched.watch(t.lab, watched);
    const spec = partSpec(t.lab, ETCD);
    assert.ok(spec);
    await stopPart(t.lab, ETCD);
    // Asked for while etcd is away: one network less, and another configuration for attachments to come.
    await annotate(t.lab, leaver, 'lost id=4831 ip=10.83.1.100/24 up');
    await defineNetworks(t.lab, t.namespace, { wired: bridgeConfig('wired', 'br-lost', '10.84.0.0/24') });
    rmSync(join(t.lab.dir, ETCD), { recursive: true, force: true });
    const back = performance.now();
    await startPart(t.lab, spec);
    await waitFor(
      'etcd to be whole',
      async () => ((await readKeys(t.lab, '/podwire/store/whole')).length > 0 ? true : undefined),
      LIMIT,
    );
    c.diagnostic(`whole ${((performance.now() - back) / 1000).toFixed(1)} s after its start`);

    await exactlyOne(t.lab, members, LIMIT);
    await meshComplete(t.lab, `${t.namespace}/lost`, LIMIT);
    await statusTruth(t.lab, [...members, leaver], LIMIT);
    const recordsAfter = await Promise.all(uids.map((uid) => cniRecords(t.lab, uid)));
    const made = (records: typeof recordsBefore): unknown =>
      records.flat().map(({ configText, definitionUid, cni, network, phase, generation, netns, result }) => ({
        ...{ configText, definitionUid, cni, network, phase, generation, netns, result },
      }));
    assert.deepEqual(made(recordsAfter), made(recordsBefore), 'records of CNI attachments are as they were');
    assert.deepEqual(reservations(t.lab, t.node(0), 'wired').sort(), reservedBefore);
    const owner = (await readKeys(t.lab, '/podwire/vnis/')).find(({ key }) => key.endsWith('/4831'));
    assert.equal(owner?.value, `${t.namespace}/lost`);
    assert.equal(await podLink(t.lab, rival, 'rival'), undefined);
    c.diagnostic(await observer.verify());
  });

  test('what was asked for while it was away is carried out afterwards, and new pods are attached as ever', async () => {
    const [late] = (await t.createPods([
      { name: 'late', node: t.node(1), networks: 'lost id=4831 ip=10.83.1.50/24 up' },
    ])) as [PodRef];
    await waitLink(t.lab, late, 'lost', (link) => link?.up === true);
    for (const node of t.lab.nodes) await podwire(t.lab, ['sweep', node.name]);
    await waitLink(t.lab, leaver, 'gone', (link) => link === undefined, 30_000);
    for (const pod of wired) await wantNetworks(t.lab, pod, null);
    for (const pod of wired) await waitLink(t.lab, pod, 'wired0', (link) => link === undefined);
    await waitFor(
      'reservations to be given back',
      async () => (reservations(t.lab, t.node(0), 'wired').length === 0 ? true : undefined),
      LIMIT,
    );
    await meshComplete(t.lab, `${t.namespace}/lost`, LIMIT);
    await nothingLeaked(t.lab, LIMIT);
  });
});
