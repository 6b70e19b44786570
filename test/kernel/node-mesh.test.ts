/** The mesh between nodes on the real kernel: namespaces stand for nodes, pods, and whoever else is in the network between the nodes. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createNetlinkThread } from '../../adapters/netlink/thread.ts';
import { until } from '../workflows/limits.ts';
import { heardIn, macOf, reaches, say, Underlay, type MeshNode, type Pod } from './mesh-nodes.ts';
import type { TestNetns } from './namespace.ts';
import { NEVER } from './node-under-test.ts';
import { peerOf, tellPeers } from './peer.ts';
import { seenIn } from './seen.ts';

const IP = '/usr/sbin/ip';
const NFT = '/usr/sbin/nft';
const thread = createNetlinkThread();
after(() => thread.close());

/** Everybody who is to call or be called by TCP. */
const answering: (() => void)[] = [];
after(() => answering.forEach((end) => end()));

const routesIn = async ({ netns }: Pick<MeshNode, 'netns'>): Promise<string> =>
  `${await netns.exec([IP, 'route'])}${await netns.exec([IP, '-6', 'route'])}`;

describe('pods of two nodes', () => {
  let underlay: Underlay;
  let [one, two] = [] as unknown as [MeshNode, MeshNode];
  let [a, b] = [] as unknown as [Pod, Pod];
  let world: TestNetns;
  before(async () => {
    underlay = await Underlay.create(thread);
    world = await underlay.host(['192.0.2.250/24', '2001:db8:2::250/64']);
    for (const address of ['203.0.113.9/32', '2001:db8:9::9/128'])
      await world.exec([IP, 'address', 'add', address, 'dev', 'lo']);
    const gateways = ['192.0.2.250', '2001:db8:2::250'];
    [one, two] = [await underlay.node(1, {}, { gateways }), await underlay.node(2, {}, { gateways })];
    [a, b] = [await one.pod(2), await two.pod(2)];
    for (const { netns } of [a, b, one, two]) answering.push(tellPeers(netns));
    answering.push(tellPeers(world));
    await underlay.look(one, two);
  });
  after(() => underlay.remove());

  test('reach each other by both families, each by its own address', async () => {
    await reaches(a, b);
    await reaches(b, a);
  });

  test('are called by the other node by its gateway’s address, and call it', async () => {
    assert.equal(await peerOf(one.netns, b.addresses[0] ?? ''), '10.7.1.1');
    assert.equal(await peerOf(one.netns, b.addresses[1] ?? ''), 'fd00:7:1::1');
    assert.equal(await peerOf(a.netns, '10.7.2.1'), '10.7.1.2');
  });

  test('leave the cluster by the address of their node, and reach other nodes by it', async () => {
    assert.equal(await peerOf(a.netns, '203.0.113.9'), '192.0.2.1');
    assert.equal(await peerOf(b.netns, '2001:db8:9::9'), '2001:db8:2::2');
    assert.equal(await peerOf(a.netns, '192.0.2.2'), '192.0.2.1');
    assert.equal(await peerOf(a.netns, '192.0.2.1'), '10.7.1.2');
  });

  test('have static ways alone: the device learns nothing, and asks nobody', async () => {
    const [device] = JSON.parse(await one.netns.exec([IP, '-d', '-j', 'link', 'show', 'podwire0'])) as [
      { mtu: number; address: string; linkinfo: { info_data: { id: number; port: number; learning: boolean } } },
    ];
    const { id, port, learning } = device.linkinfo.info_data;
    assert.deepEqual([device.mtu, id, port, learning], [1450, 10, 4789, false]);
    assert.equal(device.address, macOf(one));
    const entries = await one.netns.exec(['/usr/sbin/bridge', 'fdb', 'show', 'dev', 'podwire0']);
    assert.match(entries.trim(), new RegExp(`^${macOf(two)} dst 192\\.0\\.2\\.2 self permanent$`));
    const neighbours = await one.netns.exec([IP, 'neigh', 'show', 'dev', 'podwire0', 'nud', 'permanent']);
    assert.deepEqual(neighbours.split('\n').filter((line) => /^(10\.|fd)/.test(line)).length, 2);
  });

  test('stay connected while workers are started anew, and nothing is written then', async () => {
    const before = [await seenIn(one.netns), await one.netns.exec([NFT, 'list', 'ruleset'])];
    const index = await one.netns.exec([IP, '-o', 'link', 'show', 'podwire0']);
    await one.restart().load(NEVER);
    assert.deepEqual(await one.mesh.sync(NEVER), { netns: 1, written: 0, removed: 0 });
    assert.equal((await one.netns.exec([IP, '-o', 'link', 'show', 'podwire0'])).split(':')[0], index.split(':')[0]);
    assert.deepEqual([await seenIn(one.netns), await one.netns.exec([NFT, 'list', 'ruleset'])], before);
    await reaches(a, b);
  });

  test('reach each other again after a reboot, from the disk alone', async () => {
    const written = [await seenIn(one.netns), await one.netns.exec([NFT, 'list', 'ruleset'])];
    await one.netns.exec([IP, 'link', 'delete', 'podwire0']);
    await one.netns.exec([NFT, 'flush', 'ruleset']);
    for (const family of ['-4', '-6'])
      await one.netns.exec([IP, family, 'route', 'flush', 'proto', '230', 'type', 'unreachable']);
    await one.restart().load(NEVER);
    assert.deepEqual([await seenIn(one.netns), await one.netns.exec([NFT, 'list', 'ruleset'])], written);
    await reaches(a, b);
  });

  test('get back what somebody changed', async () => {
    await one.mesh.sync(NEVER);
    const whole = await seenIn(one.netns);
    const changes: (readonly string[])[] = [
      [IP, 'route', 'delete', '10.7.2.0/24'],
      [IP, '-6', 'route', 'delete', 'fd00:7:2::/64'],
      [IP, 'route', 'delete', '10.7.2.1/32', 'dev', 'podwire0'],
      [IP, 'route', 'add', '10.7.99.0/24', 'via', '10.7.2.1', 'dev', 'podwire0', 'proto', '230'],
      [IP, 'neigh', 'delete', '10.7.2.1', 'dev', 'podwire0'],
      ['/usr/sbin/bridge', 'fdb', 'delete', macOf(two), 'dev', 'podwire0', 'dst', '192.0.2.2'],
      ['/usr/sbin/bridge', 'fdb', 'add', '0e:70:00:00:00:99', 'dev', 'podwire0', 'dst', '192.0.2.99'],
      [IP, 'address', 'add', '10.9.9.9/32', 'dev', 'podwire0'],
      [IP, 'link', 'set', 'podwire0', 'down'],
      [IP, 'link', 'set', 'podwire0', 'mtu', '1300'],
      [IP, 'link', 'delete', 'podwire0'],
    ];
    for (const change of changes) {
      await one.netns.exec(change);
      await one.mesh.sync(NEVER);
      assert.deepEqual(await seenIn(one.netns), whole, change.join(' '));
    }
    await one.netns.exec([NFT, 'flush', 'ruleset']);
    await one.mesh.sync(NEVER);
    assert.match(await one.netns.exec([NFT, 'list', 'ruleset']), /table inet podwire-primary/);
    await reaches(a, b);
  });

  test('cannot say that they are somebody else', async (t) => {
    const heard = heardIn(b.netns);
    t.after(() => heard.end());
    const [four = '', six = ''] = b.addresses;
    for (const address of ['10.7.1.77/32', 'fd00:7:1::77/128', 'fd00:7:2::77/128', '2001:db8:2::1/128'])
      await a.netns.exec([IP, 'address', 'add', address, 'dev', 'lo']);
    await untilHeard(heard, () => say(a.netns, six, 'own'), 'own');
    await say(a.netns, four, 'false', '10.7.1.77');
    for (const by of ['fd00:7:1::77', 'fd00:7:2::77', '2001:db8:2::1']) await say(a.netns, six, 'false', by);
    await untilHeard(heard, () => say(a.netns, six, 'last'), 'last');
    assert.ok(!heard.lines.includes('false'));
    // Without the rule nothing would keep IPv6 from it.
    await one.netns.exec([NFT, 'flush', 'chain', 'inet', 'podwire-primary', 'prerouting']);
    await untilHeard(heard, () => say(a.netns, six, 'false', 'fd00:7:1::77'), 'false');
    await a.netns.exec([IP, 'address', 'flush', 'dev', 'lo', 'scope', 'global']);
    await one.restart().load(NEVER);
  });

  test('are reached by tunnels of nodes alone', async (t) => {
    const heard = heardIn(b.netns);
    t.after(() => heard.end());
    const [to = ''] = b.addresses;
    // By the node's own address; from another host, from a pod there, and from a pod of another node.
    const other = await two.pod(9);
    for (const [from, remote] of [
      [world, '192.0.2.2'],
      [other.netns, '192.0.2.2'],
      [a.netns, '192.0.2.2'],
    ] as const) {
      await foreignTunnel(from, remote, macOf(two), to);
      await say(from, to, 'foreign');
    }
    await untilHeard(heard, () => say(one.netns, to, 'last'), 'last');
    assert.ok(!heard.lines.includes('foreign'), heard.lines.join());
    // Without the rules each of them would be heard.
    await two.netns.exec([NFT, 'delete', 'table', 'inet', 'podwire-primary']);
    await untilHeard(heard, () => say(world, to, 'foreign of a host'), 'foreign of a host');
    await untilHeard(heard, () => say(other.netns, to, 'foreign of a pod'), 'foreign of a pod');
    await two.restart().load(NEVER);
    await one.netns.exec([NFT, 'flush', 'chain', 'inet', 'podwire-primary', 'forward']);
    await untilHeard(heard, () => say(a.netns, to, 'foreign by a node'), 'foreign by a node');
    await one.restart().load(NEVER);
    for (const netns of [world, other.netns, a.netns]) await netns.exec([IP, 'link', 'delete', 'vx0']);
    await reaches(a, b);
  });

  test('follow a node that has another address', async () => {
    await two.netns.exec([IP, 'address', 'add', '192.0.2.22/24', 'dev', 'eth0']);
    await two.netns.exec([IP, 'address', 'delete', '192.0.2.2/24', 'dev', 'eth0']);
    await two.netns.exec([IP, 'address', 'replace', '192.0.2.22/24', 'dev', 'eth0']);
    await two.netns.exec([IP, 'route', 'replace', 'default', 'via', '192.0.2.250']);
    two.addresses = ['192.0.2.22', '2001:db8:2::2'];
    await underlay.look(two, one);
    await reaches(a, b);
    await reaches(b, a);
    assert.equal(await peerOf(b.netns, '203.0.113.9'), '192.0.2.22');
  });

  test('lose sight of a node that is gone, and nothing of it is left', async () => {
    const three = await underlay.node(3);
    await underlay.look(one, three);
    assert.match(await routesIn(one), /10\.7\.3\.0\/24 via 10\.7\.3\.1 dev podwire0/);
    assert.equal(await underlay.members.remove('n3'), true);
    assert.equal(await underlay.members.remove('n3'), false);
    await one.mesh.sync(NEVER);
    assert.doesNotMatch(await routesIn(one), /10\.7\.3\.|fd00:7:3/);
    const left = `${await one.netns.exec([IP, 'neigh'])}${await one.netns.exec(['/usr/sbin/bridge', 'fdb'])}`;
    assert.doesNotMatch(`${left}${await one.netns.exec([NFT, 'list', 'ruleset'])}`, /10\.7\.3|192\.0\.2\.3[^0-9]/);
    await reaches(a, b);
  });
});

/** By which somebody who is no node would send into the mesh, as another node's pod. */
async function foreignTunnel(from: TestNetns, remote: string, mac: string, to: string): Promise<void> {
  for (const command of [
    `link add vx0 type vxlan id 10 dstport 4789 remote ${remote} dev eth0`,
    'address add 10.7.1.99/32 dev vx0',
    'link set vx0 up',
    `route add ${to}/32 dev vx0 src 10.7.1.99`,
    `neigh add ${to} dev vx0 lladdr ${mac}`,
  ])
    await from.exec([IP, ...command.split(' ')]);
}

/** Says it until it is heard: sockets open late, and datagrams are lost. */
async function untilHeard(
  heard: { readonly lines: string[] },
  saying: () => Promise<void>,
  line: string,
): Promise<void> {
  let isSaying = true;
  const again = (async () => {
    while (isSaying) await saying();
  })();
  try {
    await until(`"${line}" is heard`, () => heard.lines.includes(line), 15_000);
  } finally {
    isSaying = false;
    await again;
  }
}

describe('direct routing', () => {
  let underlay: Underlay;
  before(async () => {
    underlay = await Underlay.create(thread);
    await underlay.segment('br1');
    const router = await underlay.host(['192.0.2.254/24', '2001:db8:2::254/64']);
    await underlay.host(['198.51.100.254/24', '2001:db8:3::254/64'], 'br1', 'eth1', router);
    for (const setting of ['net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1'])
      await router.exec(['/usr/sbin/sysctl', '-qw', setting]);
  });
  after(() => underlay.remove());

  test('is by the neighbour’s address, and by the tunnel to whoever is farther away', async () => {
    const near = { gateways: ['192.0.2.254', '2001:db8:2::254'] };
    const far = {
      ...{ gateways: ['198.51.100.254', '2001:db8:3::254'], bridge: 'br1' },
      addresses: ['198.51.100.6/24', '2001:db8:3::6/64'],
    };
    const auto = { directRouting: 'auto' } as const;
    const nodes = [
      await underlay.node(4, auto, near),
      await underlay.node(5, auto, near),
      await underlay.node(6, auto, far),
    ] as const;
    const [four, five, six] = nodes;
    const pods = [await four.pod(2), await five.pod(2), await six.pod(2)] as const;
    for (const { netns } of pods) answering.push(tellPeers(netns));
    await underlay.look(...nodes);
    for (const [index, from] of pods.entries())
      for (const to of pods.filter((_, other) => other !== index)) await reaches(from, to);
    const routes = await routesIn(four);
    assert.match(routes, /10\.7\.5\.0\/24 via 192\.0\.2\.5 dev eth0/);
    assert.match(routes, /fd00:7:5::\/64 via 2001:db8:2::5 dev eth0/);
    assert.match(routes, /10\.7\.6\.0\/24 via 10\.7\.6\.1 dev podwire0/);

    // Back and forth without an interruption that leaves something behind.
    const direct = await seenIn(four.netns);
    await four.restart({ directRouting: 'never' }).load(NEVER);
    await five.restart({ directRouting: 'never' }).load(NEVER);
    assert.doesNotMatch(await routesIn(four), /via 192\.0\.2\.5/);
    await reaches(pods[0], pods[1]);
    await four.restart({ directRouting: 'auto' }).load(NEVER);
    await five.restart({ directRouting: 'auto' }).load(NEVER);
    assert.deepEqual(await seenIn(four.netns), direct);
    await reaches(pods[0], pods[1]);

    await four.restart({ directRouting: 'always' }).load(NEVER);
    assert.deepEqual(four.unreached, [
      'n6: it is no neighbour in IPv4, and there is no tunnel',
      'n6: it is no neighbour in IPv6, and there is no tunnel',
    ]);
    assert.doesNotMatch(await routesIn(four), /10\.7\.6\./);
  });
});

describe('a node whose neighbours have IPv6 addresses alone', () => {
  test('reaches their pods of both families by tunnels of IPv6', async (t) => {
    const underlay = await Underlay.create(thread);
    t.after(() => underlay.remove());
    const nodes = [
      await underlay.node(7, {}, { addresses: ['2001:db8:2::7/64'] }),
      await underlay.node(8, {}, { addresses: ['2001:db8:2::8/64'] }),
    ] as const;
    const pods = [await nodes[0].pod(2), await nodes[1].pod(2)] as const;
    for (const { netns } of pods) answering.push(tellPeers(netns));
    await underlay.look(...nodes);
    await reaches(pods[0], pods[1]);
    assert.match(await nodes[0].netns.exec([IP, 'link', 'show', 'podwire0']), /mtu 1430 /);
  });
});
