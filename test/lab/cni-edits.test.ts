/** Edits of NPWG's annotation and of the definitions behind it: what is right is carried out, what is wrong says why and heals. */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { annotate, declareNetworks, field, podwireEvents } from '../../deploy/demo/cluster.ts';
import { linksIn, podLink, type PodRef } from '../../deploy/demo/kernel-look.ts';
import { inNetns, kubectl, podNetnsPath, whyFailed } from '../../deploy/lab/lab.ts';
import {
  bridgeConfig,
  bridgePorts,
  cniRecords,
  defineNetworks,
  npwgStatus,
  removeNetworkDefinitions,
  reservations,
  waitStatus,
  wantNetworks,
  type NpwgStatus,
} from './cni-networks.ts';
import { statusTruthOfCni } from './cni-status-truth.ts';
import { labTest, makeNamespace, removeNamespace, waitEvent, waitFor, waitLink } from './harness.ts';
import { intentFirst, nothingLeaked } from './invariants.ts';

const SOON = { limitMs: 15_000, everyMs: 50 };
const NPWG_STATUS = 'k8s.v1.cni.cncf.io/network-status';

describe('edits of CNI networks', () => {
  const t = labTest('cni-edits');
  const pods = new Map<string, PodRef>();
  /** Every test has a pod of its own. */
  const podOf = (name: string): PodRef => {
    const pod = pods.get(name);
    assert.ok(pod, `there is no pod ${name}`);
    return pod;
  };
  const NAMES =
    'mixed late taken deleted edited swap order foreign alone bare twice two unnamed back refusing ranged'.split(' ');

  before(async () => {
    await defineNetworks(t.lab, t.namespace, {
      ea: bridgeConfig('ea', 'br-ea', '10.90.1.0/24'),
      eb: bridgeConfig('eb', 'br-eb', '10.90.2.0/24'),
      gone: bridgeConfig('gone', 'br-gone', '10.90.3.0/24'),
      changing: bridgeConfig('changing', 'br-chg', '10.90.4.0/24'),
      ranged: { ...bridgeConfig('ranged', 'br-rng', '10.90.5.0/24'), capabilities: { ips: true } },
      // Its parent comes later: the real plugin says that there is no such link.
      parentless: { cniVersion: '1.0.0', name: 'parentless', type: 'macvlan', master: 'up-later', ipam: {} },
    });
    const made = await t.createPods(NAMES.map((name, index) => ({ name, node: t.node(index), label: name === 'two' })));
    made.forEach((pod) => pods.set(pod.name, pod));
  });

  const at = (subnet: number): RegExp => new RegExp(`^10\\.90\\.${subnet}\\.\\d+/24$`);
  const attached = (pod: PodRef, name: string, subnet: number): ReturnType<typeof waitLink> =>
    waitLink(t.lab, pod, name, (link) => link?.up === true && at(subnet).test(link.addresses.join()));
  const nodeOf = (name: string): string => t.node(NAMES.indexOf(name));

  describe('each with a pod of its own', { concurrency: 4 }, () => {
    test('the good network of an edit is attached while the other fails and says why, and that one heals by itself', async () => {
      const pod = podOf('mixed');
      await wantNetworks(t.lab, pod, [
        { name: 'parentless', interface: 'bad0' },
        { name: 'ea', interface: 'good0' },
      ]);
      await attached(pod, 'good0', 1);
      const event = await waitEvent(t.lab, pod, 'NetworkAttachFailing', /bad0.*macvlan.*Link not found.*retrying/);
      assert.equal(event.type, 'Warning');
      const status = await waitStatus(t.lab, pod, ['bad0 Failing', 'good0 Attached']);
      assert.match(status[0]?.message ?? '', /macvlan, ADD failed.*Link not found/);
      assert.deepEqual(
        (await npwgStatus(t.lab, pod)).map((entry) => entry.interface),
        ['good0'],
      );
      const kept = await podLink(t.lab, pod, 'good0');
      const [node] = t.lab.nodes.filter(({ name }) => name === nodeOf('mixed'));
      const made = await inNetns(node?.netnsPath ?? '', 'ip', ['link', 'add', 'up-later', 'type', 'bridge']);
      assert.equal(made.code, 0, whyFailed(made));
      try {
        await waitLink(t.lab, pod, 'bad0', (link) => link?.kind === 'macvlan' && link.up, 45_000);
        await waitStatus(t.lab, pod, ['bad0 Attached', 'good0 Attached']);
        assert.deepEqual(await podLink(t.lab, pod, 'good0'), kept, 'the good one was never touched');
        await wantNetworks(t.lab, pod, null);
        await waitStatus(t.lab, pod, []);
      } finally {
        await inNetns(node?.netnsPath ?? '', 'ip', ['link', 'delete', 'up-later']);
      }
    });

    test('an interface whose new network cannot be attached has its old one again, with the same address, and says both', async () => {
      const pod = podOf('back');
      await wantNetworks(t.lab, pod, [{ name: 'ea', interface: 'edit0' }]);
      const before = await attached(pod, 'edit0', 1);
      await wantNetworks(t.lab, pod, [{ name: 'parentless', interface: 'edit0' }]);
      await waitEvent(t.lab, pod, 'NetworkRefused', /edit0.*macvlan.*Link not found/, 45_000);
      const status = await waitStatus(t.lab, pod, ['edit0 Attached', 'edit0 Refused'], 45_000);
      assert.deepEqual(
        status.map(({ name }) => name),
        [`${t.namespace}/ea`, `${t.namespace}/parentless`],
      );
      const again = await attached(pod, 'edit0', 1);
      assert.deepEqual(again?.addresses, before?.addresses);
      assert.deepEqual(
        (await npwgStatus(t.lab, pod)).map((entry) => entry.name),
        [`${t.namespace}/ea`],
      );
      await statusTruthOfCni(t.lab, pod);
      // As it was before the mistake: nothing is done.
      await wantNetworks(t.lab, pod, [{ name: 'ea', interface: 'edit0' }]);
      await waitStatus(t.lab, pod, ['edit0 Attached']);
      assert.deepEqual(await podLink(t.lab, pod, 'edit0'), again);
    });

    test('an interface whose IPAM refuses the address of an edit has its old address again, and says both', async () => {
      const pod = podOf('ranged');
      const want = (address: string): Promise<void> =>
        wantNetworks(t.lab, pod, [{ name: 'ranged', interface: 'edit0', ips: [address] }]);
      await want('10.90.5.20');
      const before = await attached(pod, 'edit0', 5);
      await want('10.99.0.9');
      await waitEvent(t.lab, pod, 'NetworkRefused', /edit0.*10\.99\.0\.9/, 45_000);
      await waitStatus(t.lab, pod, ['edit0 Attached', 'edit0 Refused'], 45_000);
      assert.deepEqual((await attached(pod, 'edit0', 5))?.addresses, before?.addresses);
      assert.deepEqual(reservations(t.lab, nodeOf('ranged'), 'ranged'), ['10.90.5.20']);
      await want('10.90.5.21');
      await waitLink(t.lab, pod, 'edit0', (link) => link?.addresses.join() === '10.90.5.21/24');
      await waitStatus(t.lab, pod, ['edit0 Attached']);
    });

    test('an interface stays untouched when a network is asked for in its place that nobody defined, or a plugin that is not there', async () => {
      const pod = podOf('refusing');
      await wantNetworks(t.lab, pod, [{ name: 'ea', interface: 'edit0' }]);
      const before = await attached(pod, 'edit0', 1);
      await defineNetworks(t.lab, t.namespace, {
        pluginless: { cniVersion: '1.0.0', name: 'pluginless', type: 'no-such-plugin' },
      });
      for (const name of ['undefined', 'pluginless']) {
        await wantNetworks(t.lab, pod, [{ name, interface: 'edit0' }]);
        await waitEvent(t.lab, pod, 'NetworkRefused', new RegExp(name === 'undefined' ? name : 'no-such-plugin'));
        await waitStatus(
          t.lab,
          pod,
          (entries) => entries.map(({ state }) => state).join() === 'Attached,Refused',
          45_000,
        );
        assert.deepEqual(await podLink(t.lab, pod, 'edit0'), before, name);
      }
      await wantNetworks(t.lab, pod, [{ name: 'eb', interface: 'edit0' }]);
      await attached(pod, 'edit0', 2);
      await waitStatus(t.lab, pod, ['edit0 Attached']);
    });

    test('a definition that does not exist yet is waited for visibly, and attached when it comes', async () => {
      const pod = podOf('late');
      await wantNetworks(t.lab, pod, [{ name: 'comes-later', interface: 'net7' }]);
      await waitEvent(t.lab, pod, 'NetworkRefused', /comes-later/);
      await waitStatus(t.lab, pod, (status) => status[0]?.state === 'Refused');
      assert.equal(await podLink(t.lab, pod, 'net7'), undefined);
      await defineNetworks(t.lab, t.namespace, {
        'comes-later': bridgeConfig('comes-later', 'br-late', '10.90.5.0/24'),
      });
      await attached(pod, 'net7', 5);
      await waitStatus(t.lab, pod, ['net7 Attached']);
    });

    test('an interface that somebody else made is refused and left alone, also when it is asked for no longer', async () => {
      const pod = podOf('taken');
      const netns = await podNetnsPath(t.lab, pod);
      const made = await inNetns(netns, 'ip', ['link', 'add', 'mine0', 'type', 'bridge']);
      assert.equal(made.code, 0, whyFailed(made));
      const foreign = await podLink(t.lab, pod, 'mine0');
      await wantNetworks(t.lab, pod, [{ name: 'ea', interface: 'mine0' }]);
      await waitEvent(t.lab, pod, 'NetworkRefused', /mine0.*not podwire's.*choose another/);
      await waitStatus(t.lab, pod, ['mine0 Refused']);
      assert.deepEqual(await podLink(t.lab, pod, 'mine0'), foreign);
      await wantNetworks(t.lab, pod, null);
      await waitStatus(t.lab, pod, []);
      assert.deepEqual(await podLink(t.lab, pod, 'mine0'), foreign, 'no DEL was run on it');
      assert.deepEqual(await cniRecords(t.lab, await field(t.lab, pod, '{.metadata.uid}')), []);
    });

    test('a network without an interface name gets the next one when somebody else made the first, which is left alone', async () => {
      const pod = podOf('unnamed');
      const made = await inNetns(await podNetnsPath(t.lab, pod), 'ip', ['link', 'add', 'net1', 'type', 'bridge']);
      assert.equal(made.code, 0, whyFailed(made));
      const foreign = await podLink(t.lab, pod, 'net1');
      await wantNetworks(t.lab, pod, [{ name: 'ea' }]);
      await waitLink(t.lab, pod, 'net2', (link) => link?.up === true);
      await waitStatus(t.lab, pod, ['net2 Attached']);
      await wantNetworks(t.lab, pod, null);
      await waitStatus(t.lab, pod, []);
      assert.deepEqual([await podLink(t.lab, pod, 'net1'), await podLink(t.lab, pod, 'net2')], [foreign, undefined]);
      assert.deepEqual(await cniRecords(t.lab, await field(t.lab, pod, '{.metadata.uid}')), []);
    });

    test('a network whose definition was deleted is detached with the configuration that it was attached with', async () => {
      const pod = podOf('deleted');
      await wantNetworks(t.lab, pod, [{ name: 'gone', interface: 'net3' }]);
      await attached(pod, 'net3', 3);
      assert.equal(reservations(t.lab, nodeOf('deleted'), 'gone').length, 1);
      await waitStatus(t.lab, pod, ['net3 Attached']);
      const kept = await podLink(t.lab, pod, 'net3');
      await removeNetworkDefinitions(t.lab, t.namespace, ['gone']);
      await waitEvent(t.lab, pod, 'NetworkRefused', /gone/);
      assert.deepEqual(await podLink(t.lab, pod, 'net3'), kept, 'what is attached stays');
      await wantNetworks(t.lab, pod, null);
      await waitLink(t.lab, pod, 'net3', (link) => link === undefined);
      await waitStatus(t.lab, pod, []);
      assert.deepEqual(reservations(t.lab, nodeOf('deleted'), 'gone'), []);
      assert.deepEqual(await bridgePorts(t.lab, nodeOf('deleted'), 'br-gone'), []);
    });

    test('an edited definition is for attachments to come: what is attached is detached with its own configuration', async () => {
      const pod = podOf('edited');
      const node = nodeOf('edited');
      await wantNetworks(t.lab, pod, [{ name: 'changing', interface: 'net4' }]);
      await attached(pod, 'net4', 4);
      await waitStatus(t.lab, pod, ['net4 Attached']);
      const kept = await podLink(t.lab, pod, 'net4');
      // Another bridge, another subnet and another name for the reservations: nothing of the old one is in the new text.
      await defineNetworks(t.lab, t.namespace, { changing: bridgeConfig('changed', 'br-chg2', '10.90.14.0/24') });
      await wantNetworks(t.lab, pod, [
        { name: 'changing', interface: 'net4' },
        { name: 'changing', interface: 'net5' },
      ]);
      await attached(pod, 'net5', 14);
      assert.deepEqual(await podLink(t.lab, pod, 'net4'), kept, 'a running program keeps its interface');
      await wantNetworks(t.lab, pod, [{ name: 'changing', interface: 'net5' }]);
      await waitStatus(t.lab, pod, ['net5 Attached']);
      assert.equal(await podLink(t.lab, pod, 'net4'), undefined);
      assert.deepEqual(reservations(t.lab, node, 'changing'), []);
      assert.deepEqual(await bridgePorts(t.lab, node, 'br-chg'), []);
      assert.equal(reservations(t.lab, node, 'changed').length, 1);
      await statusTruthOfCni(t.lab, pod);
    });

    test('the network behind an interface is replaced, and two interfaces are exchanged, in one edit each', async () => {
      const pod = podOf('swap');
      const node = nodeOf('swap');
      await wantNetworks(t.lab, pod, [{ name: 'ea', interface: 'one' }]);
      await attached(pod, 'one', 1);
      await wantNetworks(t.lab, pod, [{ name: 'eb', interface: 'one' }]);
      await attached(pod, 'one', 2);
      await wantNetworks(t.lab, pod, [
        { name: 'eb', interface: 'one' },
        { name: 'ea', interface: 'two' },
      ]);
      await attached(pod, 'two', 1);
      await wantNetworks(t.lab, pod, [
        { name: 'ea', interface: 'one' },
        { name: 'eb', interface: 'two' },
      ]);
      await attached(pod, 'one', 1);
      await attached(pod, 'two', 2);
      await waitStatus(t.lab, pod, ['one Attached', 'two Attached']);
      const uid = await field(t.lab, pod, '{.metadata.uid}');
      const sandbox = (await cniRecords(t.lab, uid))[0]?.sandboxId;
      assert.deepEqual(
        (await cniRecords(t.lab, uid)).map(({ interfaceName, network }) => `${interfaceName} ${network.name}`).sort(),
        ['one ea', 'two eb'],
      );
      assert.ok(sandbox);
      await waitFor(
        'one port on each bridge for each pod',
        async () => {
          const netns = await podNetnsPath(t.lab, pod);
          return (await linksIn(netns)).filter(({ kind }) => kind === 'veth').length === 3 || undefined;
        },
        SOON,
      );
      assert.ok((await bridgePorts(t.lab, node, 'br-ea')).length >= 1);
      await statusTruthOfCni(t.lab, pod);
    });

    test('attaches run in the order of the annotation, and generated names follow it', async () => {
      const pod = podOf('order');
      await wantNetworks(t.lab, pod, 'eb,ea,eb');
      await attached(pod, 'net3', 2);
      await waitStatus(t.lab, pod, ['net1 Attached', 'net2 Attached', 'net3 Attached']);
      const links = (await linksIn(await podNetnsPath(t.lab, pod))).filter(({ name }) => name.startsWith('net'));
      const byIndex = [...links].sort((a, b) => a.ifindex - b.ifindex);
      assert.deepEqual(
        byIndex.map(({ name, addresses }) => `${name} ${addresses.join().split('.')[2] ?? ''}`),
        ['net1 2', 'net2 1', 'net3 2'],
      );
      assert.deepEqual(
        (await npwgStatus(t.lab, pod)).map((entry) => entry.interface),
        ['net1', 'net2', 'net3'],
      );
    });

    test("what another runtime attached and wrote into network-status stays as it is, and its interface is nobody else's", async () => {
      const pod = podOf('foreign');
      const multus = [
        { name: 'cbr0', interface: 'eth0', ips: ['10.244.9.9'], mac: '02:00:00:00:00:09', default: true, dns: {} },
        { name: `${t.namespace}/eb`, interface: 'cold0', ips: ['10.90.2.250'], mac: '02:00:00:00:00:0a', dns: {} },
      ];
      await kubectl(t.lab, [
        '-n',
        pod.namespace,
        'annotate',
        'pod',
        pod.name,
        `${NPWG_STATUS}=${JSON.stringify(multus)}`,
      ]);
      await wantNetworks(t.lab, pod, [
        { name: 'eb', interface: 'cold0' },
        { name: 'ea', interface: 'hot0' },
      ]);
      await attached(pod, 'hot0', 1);
      const entries = await waitFor('three entries', async () => threeOf(await npwgStatus(t.lab, pod)), SOON);
      assert.deepEqual(entries.slice(0, 2), multus);
      assert.equal(await podLink(t.lab, pod, 'cold0'), undefined, 'podwire attached nothing for it');
      await wantNetworks(t.lab, pod, [{ name: 'eb', interface: 'cold0' }]);
      await waitLink(t.lab, pod, 'hot0', (link) => link === undefined);
      await waitFor('two entries', async () => ((await npwgStatus(t.lab, pod)).length === 2 ? true : undefined), SOON);
      assert.deepEqual(await npwgStatus(t.lab, pod), multus);
    });

    test("another namespace's network is refused with an event that cites the rule", async () => {
      const pod = podOf('alone');
      const other = `${t.namespace}-x`;
      await makeNamespace(t.lab, other);
      try {
        await defineNetworks(t.lab, other, { theirs: bridgeConfig('theirs', 'br-theirs') });
        await wantNetworks(t.lab, pod, [
          { name: 'theirs', namespace: other, interface: 'no0' },
          { name: 'ea', interface: 'yes0' },
        ]);
        const event = await waitEvent(t.lab, pod, 'NetworkRefused', new RegExp(`theirs`));
        assert.match(event.message, /namespace/);
        assert.match(event.message, /isolation|NPWG/i);
        await attached(pod, 'yes0', 1);
        assert.equal(await podLink(t.lab, pod, 'no0'), undefined);
      } finally {
        await removeNamespace(t.lab, other);
      }
    });

    test('a pod without any annotation at its creation gets a network while it runs, without a restart', async () => {
      const pod = podOf('bare');
      assert.doesNotMatch(await field(t.lab, pod, '{.metadata.annotations}'), /cni\.cncf\.io|openvnf|podwire\.io/);
      await wantNetworks(t.lab, pod, 'ea@hot1');
      await attached(pod, 'hot1', 1);
      assert.equal(await field(t.lab, pod, '{.status.containerStatuses[0].restartCount}'), '0');
    });

    test('two people who edit at once end with the wish of the last, and one reservation', async () => {
      const pod = podOf('twice');
      const edits = [
        [{ name: 'ea', interface: 'x0' }],
        [{ name: 'eb', interface: 'x0' }],
        [
          { name: 'eb', interface: 'x0' },
          { name: 'ea', interface: 'x1' },
        ],
      ];
      await Promise.all([...edits, ...edits].map((edit) => wantNetworks(t.lab, pod, edit)));
      await wantNetworks(t.lab, pod, [{ name: 'ea', interface: 'x0' }]);
      await attached(pod, 'x0', 1);
      await waitLink(t.lab, pod, 'x1', (link) => link === undefined);
      await waitStatus(t.lab, pod, ['x0 Attached']);
      const events = (await podwireEvents(t.lab, pod)).map(({ name }) => name);
      assert.equal(new Set(events).size, events.length, 'no event is said twice');
      const uid = await field(t.lab, pod, '{.metadata.uid}');
      const [record, ...others] = await cniRecords(t.lab, uid);
      assert.deepEqual(others, []);
      assert.equal(record?.network.name, 'ea');
    });

    test('an interface that two dialects want belongs to the first, the other is told, and neither breaks', async () => {
      const pod = podOf('two');
      await declareNetworks(t.lab, { both0: 'id=3301 up' });
      await wantNetworks(t.lab, pod, [{ name: 'ea', interface: 'both0' }]);
      await attached(pod, 'both0', 1);
      const kept = await podLink(t.lab, pod, 'both0');
      await annotate(t.lab, pod, 'both0 ip=10.91.0.1/24, side0 id=3302 ip=10.91.1.1/24 up');
      await waitEvent(t.lab, pod, 'NetworkRefused', /both0.*npwg annotation.*choose another/);
      await waitLink(t.lab, pod, 'side0', (link) => link?.vni === 3302 && link.up);
      assert.deepEqual(await podLink(t.lab, pod, 'both0'), kept);
      await wantNetworks(t.lab, pod, null);
      await waitLink(t.lab, pod, 'both0', (link) => link?.vni === 3301 && link.up);
      await declareNetworks(t.lab, { both0: null });
    });
  });

  test('leave nothing behind when the annotations are taken away', async () => {
    await intentFirst(t.lab);
    await Promise.all([...pods.values()].map((pod) => wantNetworks(t.lab, pod, null)));
    await nothingLeaked(t.lab, { limitMs: 30_000 });
    for (const { name } of t.lab.nodes) {
      for (const network of ['ea', 'eb', 'gone', 'changing', 'changed', 'ranged']) {
        assert.deepEqual(reservations(t.lab, name, network), [], `${network} on ${name}`);
      }
    }
    await t.deletePods([...pods.values()]);
    await nothingLeaked(t.lab, { limitMs: 30_000 });
  });
});

const threeOf = (entries: readonly NpwgStatus[]): readonly NpwgStatus[] | undefined =>
  entries.length === 3 ? entries : undefined;
