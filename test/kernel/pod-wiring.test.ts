/** Pods of one node on the primary network, in namespaces of the test's own: one is the node, the others are pods. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ipNumbers } from '../../adapters/ip/ip-numbers.ts';
import { inNetns } from '../../adapters/netlink/enter-netns.ts';
import { createNetlinkKernel, enteredBy } from '../../adapters/netlink/node-kernel.ts';
import { configurePair, ensurePair } from '../../adapters/netlink/operations/pod-wiring.ts';
import { createPodWiringKernel } from '../../adapters/netlink/pod-wiring-kernel.ts';
import { NetlinkSocket, PROTOCOL } from '../../adapters/netlink/socket.ts';
import { createNetlinkThread } from '../../adapters/netlink/thread.ts';
import type { IdentifiedNetns } from '../../domain/ports/link-kernel.ts';
import type { PodWiringKernel } from '../../domain/ports/pod-wiring-kernel.ts';
import { podMtu, podWiring, type PodWiring } from '../../domain/primary/pod-wiring.ts';
import { NEVER } from './node-under-test.ts';
import { createTestNetns, NETNS_ROOT, type TestNetns } from './namespace.ts';
import { peerOf, tellPeers } from './peer.ts';
import { seenIn } from './seen.ts';

const IP = '/usr/sbin/ip';
const MTU = podMtu(1500, 4);
const thread = createNetlinkThread();
const links = createNetlinkKernel({ netnsRoots: [NETNS_ROOT], thread });
after(() => thread.close());

const value = (text: string) => ipNumbers.value(text) ?? assert.fail(text);
/** The pod with this number at the end of its addresses. */
const wiringOf = (sandboxId: string, last: number): PodWiring =>
  podWiring(
    { sandboxId, ifName: 'eth0' },
    [
      { address: value(`10.1.1.${last}`), gateway: value('10.1.1.1') },
      { address: value(`fd00:1::${last.toString(16)}`), gateway: value('fd00:1::1') },
    ],
    MTU,
    ipNumbers,
  );

interface Place {
  readonly netns: TestNetns;
  readonly open: IdentifiedNetns;
}

const places: Place[] = [];
after(async () => {
  for (const { netns, open } of places) {
    await open.close();
    await netns.remove();
  }
});

/** Empty but for its loopback. */
async function newPlace(): Promise<Place> {
  const netns = await createTestNetns();
  await netns.exec([IP, 'link', 'delete', 'eth0']);
  await netns.exec([IP, 'link', 'set', 'lo', 'up']);
  const place = { netns, open: await links.open(netns.path, NEVER) };
  places.push(place);
  return place;
}

let node: Place;
let kernel: PodWiringKernel;
before(async () => {
  node = await newPlace();
  await node.netns.exec(['/usr/sbin/sysctl', '-qw', 'net.ipv6.conf.all.forwarding=1']);
  kernel = createPodWiringKernel(thread, node.open);
});

/** Everything about a namespace that wiring changes. */
const seen = ({ netns }: Place): Promise<unknown> => seenIn(netns);

const namesIn = async ({ netns }: Place): Promise<string[]> =>
  (JSON.parse(await netns.exec([IP, '-j', 'link'])) as { ifname: string }[]).map(({ ifname }) => ifname).sort();

describe('two pods of a node', () => {
  const [a, b] = [wiringOf('sandbox-a', 2), wiringOf('sandbox-b', 3)];
  const endings: (() => void)[] = [];
  let podA: Place;
  let podB: Place;
  before(async () => {
    podA = await newPlace();
    podB = await newPlace();
    assert.deepEqual(await kernel.wire(podA.open, a), []);
    assert.deepEqual(await kernel.wire(podB.open, b), []);
    for (const { netns } of [node, podB]) endings.push(tellPeers(netns));
  });
  after(() => endings.forEach((end) => end()));

  test('reach each other by both families', async () => {
    assert.equal(await peerOf(podA.netns, '10.1.1.3'), '10.1.1.2');
    assert.match(await peerOf(podA.netns, 'fd00:1::3'), /^fd00:.*:2$/);
  });

  test('reach their node by the gateway’s address', async () => {
    assert.equal(await peerOf(podA.netns, '10.1.1.1'), '10.1.1.2');
    assert.match(await peerOf(podA.netns, 'fd00:1::1'), /^fd00:.*:2$/);
  });

  test('are reached by their node, which calls by the gateway’s address', async () => {
    assert.equal(await peerOf(node.netns, '10.1.1.3'), '10.1.1.1');
    assert.match(await peerOf(node.netns, 'fd00:1::3'), /^fd00:.*:1$/);
  });

  test('have one address, one way out, and a MTU that a tunnel leaves', async () => {
    const eth0 = JSON.parse(await podA.netns.exec([IP, '-j', 'address', 'show', 'eth0'])) as [
      { mtu: number; address: string; addr_info: { local: string; prefixlen: number; scope: string }[] },
    ];
    assert.equal(eth0[0].mtu, 1450);
    assert.equal(eth0[0].address, '0a:58:0a:01:01:02');
    assert.deepEqual(
      eth0[0].addr_info
        .filter(({ scope }) => scope === 'global')
        .map(({ local, prefixlen }) => `${local}/${prefixlen}`),
      ['10.1.1.2/32', 'fd00:1::2/128'],
    );
    const routes = await podA.netns.exec([IP, '-4', 'route']);
    assert.deepEqual(routes.trim().split(/ *\n/).sort(), [
      '10.1.1.1 dev eth0 proto 230 scope link',
      'default via 10.1.1.1 dev eth0 proto 230',
    ]);
    assert.match(await podA.netns.exec([IP, '-6', 'route']), /default via fd00:1::1 dev eth0 proto 230/);
    const onNode = await node.netns.exec([IP, 'neigh', 'show', 'dev', a.hostName]);
    assert.match(onNode, /10\.1\.1\.2 lladdr 0a:58:0a:01:01:02 .*PERMANENT/);
    assert.match(onNode, /fd00:1::2 lladdr 0a:58:0a:01:01:02 .*PERMANENT/);
    assert.match(await podA.netns.exec([IP, 'neigh']), /10\.1\.1\.1 dev eth0 lladdr ee:ee:ee:ee:ee:ee PERMANENT/);
    assert.match(
      await node.netns.exec([IP, 'route']),
      /10\.1\.1\.2 dev pwp0a010102 proto 230 scope link src 10\.1\.1\.1/,
    );
  });

  test('hear no router advertisements, and neither does the node', async () => {
    for (const [place, name] of [
      [podA, 'eth0'],
      [node, a.hostName],
    ] as const)
      assert.equal((await place.netns.exec(['/usr/bin/cat', `/proc/sys/net/ipv6/conf/${name}/accept_ra`])).trim(), '0');
  });

  test('cannot call by the address of another pod', async () => {
    await podA.netns.exec([IP, 'address', 'add', '10.1.1.3/32', 'dev', 'lo']);
    await podA.netns.exec([IP, 'address', 'add', '10.1.1.77/32', 'dev', 'lo']);
    for (const bind of ['10.1.1.3', '10.1.1.77']) {
      const target = `TCP4:10.1.1.1:7000,bind=${bind},connect-timeout=1`;
      assert.equal(await podA.netns.exec(['/usr/bin/socat', '-u', target, '-'], { mayFail: true }), '');
    }
    await podA.netns.exec([IP, 'address', 'flush', 'dev', 'lo', 'scope', 'global']);
    const dropped = await node.netns.exec(['/usr/bin/cat', '/proc/net/netstat']);
    const [names = '', counts = ''] = dropped.split('\n').filter((line) => line.startsWith('TcpExt:'));
    const count = counts.split(' ')[names.split(' ').indexOf('IPReversePathFilter')];
    assert.notEqual(count, '0');
    assert.notEqual(count, undefined);
  });

  test('stay as they are when they are wired again', async () => {
    const before = [await seen(podA), await seen(node)];
    const index = await node.netns.exec(['/usr/bin/cat', `/sys/class/net/lo/ifindex`]);
    assert.deepEqual(await kernel.wire(podA.open, a), []);
    assert.deepEqual([await seen(podA), await seen(node)], before);
    assert.equal(await node.netns.exec(['/usr/bin/cat', `/sys/class/net/lo/ifindex`]), index);
    assert.equal(await peerOf(podA.netns, '10.1.1.3'), '10.1.1.2');
  });

  test('leave nothing when they go, and nothing is removed for another sandbox', async () => {
    assert.equal(await kernel.unwire({ hostName: a.hostName, alias: b.alias }, NEVER), false);
    assert.equal(await kernel.unwire(a, NEVER), true);
    assert.equal(await kernel.unwire(a, NEVER), false);
    assert.deepEqual([await namesIn(podA), await namesIn(node)], [['lo'], ['lo', b.hostName]]);
    assert.doesNotMatch(await node.netns.exec([IP, 'route', 'show', 'table', 'all']), /10\.1\.1\.2/);
    assert.doesNotMatch(await node.netns.exec([IP, 'neigh', 'show', 'nud', 'permanent']), /10\.1\.1\.2/);
    // The gateway is still there for the other pod.
    assert.equal(await peerOf(podB.netns, '10.1.1.1'), '10.1.1.3');
    assert.equal(await kernel.unwire(b, NEVER), true);
    assert.deepEqual([await namesIn(podB), await namesIn(node)], [['lo'], ['lo']]);
  });
});

describe('a pod that is wired', () => {
  test('is refused when it has an interface of that name that is another’s', async () => {
    const pod = await newPlace();
    await pod.netns.exec([IP, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'far0']);
    await assert.rejects(kernel.wire(pod.open, wiringOf('sandbox-c', 4)), { code: 'LinkConflict' });
    assert.deepEqual(await namesIn(pod), ['eth0', 'far0', 'lo']);
    assert.deepEqual(await namesIn(node), ['lo']);
  });

  test('takes the place of what is left of the pod before', async () => {
    const [old, young] = [await newPlace(), await newPlace()];
    await kernel.wire(old.open, wiringOf('sandbox-old', 5));
    await kernel.wire(young.open, wiringOf('sandbox-young', 5));
    assert.deepEqual(await namesIn(old), ['lo']);
    assert.match(
      await node.netns.exec([IP, 'link', 'show', 'pwp0a010105']),
      /alias podwire-primary:sandbox-young:eth0/,
    );
    assert.equal(await kernel.unwire(wiringOf('sandbox-old', 5), NEVER), false);
    assert.equal(await kernel.unwire(wiringOf('sandbox-young', 5), NEVER), true);
  });

  test('is found to lack what somebody removed, and has it again after another ADD', async () => {
    const pod = await newPlace();
    const wiring = wiringOf('sandbox-g', 9);
    await kernel.wire(pod.open, wiring);
    assert.deepEqual(await kernel.check(pod.open, wiring), []);
    const onPod = 'on eth0 of the pod';
    const onNode = `on ${wiring.hostName} of the node`;
    const ways: [Place, string, string[]][] = [
      [pod, 'address delete 10.1.1.9/32 dev eth0', [`address 10.1.1.9 ${onPod}`]],
      [pod, 'route delete default', [`the route to 0.0.0.0/0 ${onPod}`]],
      [pod, '-6 route delete default', [`the route to ::/0 ${onPod}`]],
      [
        pod,
        'neigh replace 10.1.1.1 dev eth0 lladdr 02:00:00:00:00:01 nud permanent',
        [`the neighbour 10.1.1.1 ${onPod}`],
      ],
      [pod, 'link set eth0 mtu 1300', ['eth0 of the pod has MTU 1300 instead of 1450']],
      [node, `route delete 10.1.1.9/32 dev ${wiring.hostName}`, [`the route to 10.1.1.9/32 ${onNode}`]],
      [node, `neigh delete fd00:1::9 dev ${wiring.hostName}`, [`the neighbour fd00:1::9 ${onNode}`]],
      [node, `address delete fd00:1::1/128 dev ${wiring.hostName}`, [`address fd00:1::1 ${onNode}`]],
      [node, `link delete ${wiring.hostName}`, [`the pair of eth0 and ${wiring.hostName}`]],
    ];
    for (const [{ netns }, command, lacking] of ways) {
      await netns.exec([IP, ...command.split(' ')]);
      const found = await kernel.check(pod.open, wiring);
      assert.deepEqual(
        lacking.filter((each) => !found.includes(each)),
        [],
        `${command}: ${found.join('; ')}`,
      );
      await kernel.wire(pod.open, wiring);
      assert.deepEqual(await kernel.check(pod.open, wiring), [], command);
    }
    await pod.netns.exec([IP, 'link', 'set', 'eth0', 'down']);
    assert.ok((await kernel.check(pod.open, wiring)).includes('eth0 of the pod is down'), 'a link that is down');
    await kernel.unwire(wiring, NEVER);
  });

  test('leaves nothing on the node when its namespace goes first', async () => {
    const pod = await newPlace();
    const wiring = wiringOf('sandbox-d', 6);
    await kernel.wire(pod.open, wiring);
    await pod.netns.exec([IP, 'link', 'delete', 'eth0']);
    assert.deepEqual(await namesIn(node), ['lo']);
    assert.equal(await kernel.unwire(wiring, NEVER), false);
  });

  test('is not touched on the node where the name is no veth’s', async () => {
    const pod = await newPlace();
    const wiring = wiringOf('sandbox-e', 7);
    await node.netns.exec([IP, 'link', 'add', wiring.hostName, 'type', 'bridge']);
    await assert.rejects(kernel.wire(pod.open, wiring), { code: 'LinkConflict' });
    assert.equal(await kernel.unwire(wiring, NEVER), false);
    await node.netns.exec([IP, 'link', 'delete', wiring.hostName]);
  });

  test('is complete after a second try, whichever request the first one ended behind', async () => {
    const wiring = wiringOf('sandbox-f', 8);
    const whole = await newPlace();
    await kernel.wire(whole.open, wiring);
    const expected = [await seen(whole), await seen(node)];
    await kernel.unwire(wiring, NEVER);
    let last = 0;
    for (let isWhole = false; !isWhole;) {
      last += 1;
      const pod = await newPlace();
      isWhole = wireUpTo(pod, wiring, last);
      await kernel.wire(pod.open, wiring);
      assert.deepEqual([await seen(pod), await seen(node)], expected, `after ${last} requests`);
      assert.equal(await kernel.unwire(wiring, NEVER), true);
      assert.deepEqual(await namesIn(node), ['lo']);
    }
    assert.ok(last > 15, `${last} requests`);
  });

  /** As the process would leave it that is killed behind so many requests. @returns whether there were no more */
  function wireUpTo(pod: Place, wiring: PodWiring, last: number): boolean {
    class Killed extends Error {}
    let count = 0;
    const opened: NetlinkSocket[] = [];
    const dying = (place: Place) => {
      const socket = inNetns(enteredBy(place.open).descriptor, () => new NetlinkSocket(PROTOCOL.ROUTE));
      opened.push(socket);
      return {
        get: (request: Parameters<NetlinkSocket['get']>[0]) => socket.get(request),
        request: (...args: Parameters<NetlinkSocket['request']>) => {
          if (count === last) throw new Killed();
          count += 1;
          socket.request(...args);
        },
      };
    };
    const sockets = { pod: dying(pod), host: dying(node), hostFd: enteredBy(node.open).descriptor.fd };
    try {
      configurePair(sockets, ensurePair(sockets, wiring), wiring);
      return true;
    } catch (error) {
      assert.ok(error instanceof Killed, String(error));
      return false;
    } finally {
      for (const socket of opened) socket.close();
    }
  }
});
