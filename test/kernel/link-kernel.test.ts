/** One contract for both ways to the kernel: netlink, and iproute2's programs. What `ip` and `bridge` print is the judge. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createIprouteKernel } from '../../adapters/iproute/node-kernel.ts';
import { parseFdb, parseNeighbours, parseNetns } from '../../adapters/iproute/views.ts';
import { createNetlinkKernel } from '../../adapters/netlink/node-kernel.ts';
import { createNetlinkThread } from '../../adapters/netlink/thread.ts';
import { PodwireError } from '../../domain/failures.ts';
import { FLOOD_MAC } from '../../domain/forwarding/fdb.ts';
import type { IdentifiedNetns, LinkCommand, LinkKernel } from '../../domain/ports/link-kernel.ts';
import { NEVER } from './node-under-test.ts';
import { createTestNetns, NETNS_ROOT, type TestNetns } from './namespace.ts';

const IP = '/usr/sbin/ip';
const thread = createNetlinkThread();
const iproute2 = createIprouteKernel({ netnsRoots: [NETNS_ROOT] });
const netlink = createNetlinkKernel({ netnsRoots: [NETNS_ROOT], thread });
after(() => thread.close());

const GREEN = { op: 'add-vxlan', name: 'green', vni: 4711, dstPort: 8472, parent: 'eth0', mtu: 1450 } as const;
const UP: LinkCommand = { op: 'set-up', name: 'green' };

/** Objects of every kind that podwire reads. */
const MANY_KINDS = [
  'link add name v4 type vxlan id 1 dstport 8472 srcport 32768 61000 dev eth0 nolearning local 10.244.1.5',
  'link add name v6 type vxlan id 2 dstport 4789 dev eth0 local fd00:244::5',
  'link add name mc type vxlan id 3 dstport 4790 group 239.1.1.1 dev eth0 l2miss l3miss proxy rsc',
  'link add name mc6 type vxlan id 4 dstport 4791 group ff05::100 dev eth0',
  'link add name far type vxlan id 5 dstport 4792 remote 10.9.9.9 gbp',
  'link add name any type vxlan external dstport 4793',
  'link add name br0 type bridge',
  'link add name d.0 mtu 9000 address 02:00:00:00:00:07 type veth peer name far1',
  'link set dev far1 up',
  'link set dev d.0 alias podwire:a:1',
  'link set dev d.0 up',
  'link set dev v4 up',
  'address add 192.168.1.1/24 dev d.0',
  'address add 192.168.1.2/32 dev d.0',
  'address add fd00:1::1/64 dev d.0 nodad',
  'address add 10.1.0.1/31 dev v4',
  'route add 10.50.0.0/16 via 192.168.1.9 dev d.0 proto 230',
  'route add 10.51.0.0/16 via 192.168.1.9 dev d.0',
  'route add 10.52.0.1/32 via 192.168.1.9 dev d.0 table 77 proto 230',
  'route add default via 192.168.1.9 dev d.0',
  'route add fd00:50::/64 via fd00:1::9 dev d.0 proto 230',
  'route add fd00:51::/64 nexthop via fd00:1::9 dev d.0 nexthop via fd00:1::8 dev d.0',
  'route add 10.53.0.0/16 nexthop via 192.168.1.9 dev d.0 nexthop via 192.168.1.8 dev d.0',
  'route add blackhole 10.54.0.0/16',
  'route add 10.55.0.0/16 dev d.0',
];

for (const [name, kernel] of Object.entries({ netlink, iproute2 })) describe(name, () => contract(kernel));

function contract(kernel: LinkKernel): void {
  let pod: TestNetns;
  let open: IdentifiedNetns;
  before(async () => {
    pod = await createTestNetns();
    open = await kernel.open(pod.path, NEVER);
  });
  after(async () => {
    await open.close();
    await pod.remove();
  });
  const ip = (...args: string[]): Promise<string> => pod.exec([IP, ...args]);
  const fresh = async (): Promise<void> => {
    await open.close();
    await pod.replace();
    open = await kernel.open(pod.path, NEVER);
  };
  const failure = async (...commands: LinkCommand[]): Promise<string> => {
    try {
      await kernel.execute(open, commands);
      return 'done';
    } catch (error) {
      assert.ok(error instanceof PodwireError, String(error));
      return error.code;
    }
  };

  test('a namespace with objects of every kind is read as iproute2 prints it', async () => {
    await fresh();
    await pod.exec([IP, '-batch', '-'], { input: `${MANY_KINDS.join('\n')}\n` });
    const judge = parseNetns(
      await pod.exec([IP, '-d', '-j', '-batch', '-'], { input: 'address show\nroute show table all\n' }),
    );
    const seen = await kernel.observe(open);
    assert.deepEqual(seen.links, judge.links);
    const routes = (view: typeof seen) => view.routes.map((route) => JSON.stringify(route)).sort();
    assert.deepEqual(routes(seen), routes(judge));
    assert.ok(routes(seen).length >= 9, 'routes with gateways');
    assert.deepEqual(
      await kernel.notOnLink(open, 'd.0', [
        '192.168.1.77',
        '10.55.3.3',
        '10.50.0.1',
        '9.9.9.9',
        'fd00:1::77',
        'fe80::1',
        'fd00:9::1',
      ]),
      ['10.50.0.1', '9.9.9.9', 'fd00:9::1'],
    );
  });

  test('every command does what it says, and once more nothing', async () => {
    await fresh();
    const commands: LinkCommand[] = [
      { ...GREEN, srcPorts: { first: 40000, last: 41000 }, mac: '02:00:00:00:00:01' },
      { op: 'set-alias', name: 'green', alias: 'podwire:a:1' },
      { op: 'set-mtu', name: 'green', mtu: 1400 },
      { op: 'set-mac', name: 'green', mac: '02:00:00:00:00:02' },
      { op: 'rename', name: 'green', to: 'g.1' },
      { op: 'set-up', name: 'g.1' },
      { op: 'add-address', name: 'g.1', cidr: '192.168.7.1/24' },
      { op: 'add-address', name: 'g.1', cidr: 'fd00:7::1/64' },
      { op: 'add-route', name: 'g.1', destination: '10.70.0.0/16', gateway: '192.168.7.9' },
      { op: 'add-route', name: 'g.1', destination: 'fd00:70::/64', gateway: 'fd00:7::9' },
      { op: 'prefer-default', name: 'g.1', gateway: '192.168.7.9' },
      { op: 'prefer-default', name: 'g.1', gateway: 'fd00:7::9' },
      { op: 'announce', name: 'g.1', address: '192.168.7.1' },
      { op: 'announce-all', name: 'g.1', mac: '02:00:00:00:00:02' },
    ];
    const view = await kernel.execute(open, commands, true);
    const link = view.links.find((each) => each.name === 'g.1');
    assert.deepEqual(
      { ...link, ifindex: 0, addresses: link?.addresses.filter(({ linkLocal }) => !linkLocal) },
      {
        ...{ ifindex: 0, name: 'g.1', mac: '02:00:00:00:00:02', mtu: 1400, up: true, alias: 'podwire:a:1' },
        kind: 'vxlan',
        vxlan: {
          ...{ vni: 4711, dstPort: 8472, parent: 'eth0', family: 4, learning: false },
          srcPorts: { first: 40000, last: 41000 },
        },
        addresses: [
          { cidr: '192.168.7.1/24', family: 4, linkLocal: false },
          { cidr: 'fd00:7::1/64', family: 6, linkLocal: false },
        ],
      },
    );
    const routes = await ip('-d', 'route', 'show');
    assert.match(routes, /unicast default via 192\.168\.7\.9 dev g\.1 proto 230 scope global/);
    assert.match(routes, /unicast 10\.70\.0\.0\/16 via 192\.168\.7\.9 dev g\.1 proto 230 scope global/);
    assert.match(await ip('-6', 'route', 'show'), /default via fd00:7::9 dev g\.1 proto 230 metric 1 /);
    assert.match(await ip('-d', 'address', 'show', 'dev', 'g.1'), /fd00:7::1\/64 scope global nodad/);

    const again = commands.filter(({ op }) => ['add-address', 'announce'].includes(op));
    assert.equal(await failure(...again, { op: 'prefer-default', name: 'g.1', gateway: '192.168.7.9' }), 'done');
    const away: LinkCommand[] = [
      { op: 'unprefer-default', name: 'g.1', gateway: 'fd00:7::9' },
      { op: 'drop-default', name: 'g.1' },
      { op: 'remove-route', name: 'g.1', destination: '10.70.0.0/16', gateway: '192.168.7.9' },
      { op: 'remove-route', name: 'g.1', destination: 'fd00:70::/64', gateway: 'fd00:7::9' },
      { op: 'remove-address', name: 'g.1', cidr: '192.168.7.1/24' },
      { op: 'remove-address', name: 'g.1', cidr: 'fd00:7::1/64' },
      { op: 'set-alias', name: 'g.1', alias: '' },
      { op: 'set-down', name: 'g.1' },
    ];
    assert.equal(await failure(...away), 'done');
    assert.equal(await failure(...away), 'done', 'what is gone already counts as done');
    const bare = (await kernel.observe(open)).links.find((each) => each.name === 'g.1');
    assert.deepEqual([bare?.up, bare?.alias, bare?.addresses], [false, undefined, []]);
    assert.equal((await kernel.observe(open)).routes.length, 0);
    assert.equal(await failure({ op: 'remove-link', name: 'g.1' }), 'done');
    assert.equal(await failure({ op: 'remove-link', name: 'g.1' }), 'done');
  });

  test('what the kernel refuses has the same code in both, and nothing behind it is done', async () => {
    await fresh();
    await ip('link', 'add', 'taken', 'type', 'bridge');
    assert.equal(await failure({ ...GREEN, parent: 'none' }), 'ParentMissing');
    assert.equal(await failure(GREEN, { ...GREEN, name: 'blue' }), 'VniInUse');
    assert.equal(await failure({ op: 'rename', name: 'green', to: 'taken' }), 'CommandFailed');
    assert.equal(await failure({ op: 'set-mtu', name: 'absent', mtu: 1400 }), 'CommandFailed');
    assert.equal(await failure({ op: 'add-address', name: 'absent', cidr: '10.0.0.1/24' }), 'CommandFailed');
    assert.equal(await failure({ op: 'set-mac', name: 'green', mac: '01:00:00:00:00:01' }), 'InvalidLink');
    assert.equal(await failure(UP, { op: 'add-address', name: 'green', cidr: '192.168.7.1/24' }), 'done');
    const route = (destination: string, gateway: string): LinkCommand => ({
      op: 'add-route',
      name: 'green',
      destination,
      gateway,
    });
    assert.equal(await failure(route('10.1.0.0/16', '9.9.9.9')), 'InvalidLink');
    assert.equal(
      await failure(route('10.1.0.0/16', '192.168.7.2'), route('10.1.0.0/16', '192.168.7.2')),
      'LinkConflict',
    );
    assert.equal(await failure({ op: 'prefer-default', name: 'green', gateway: '9.9.9.9' }), 'GatewayNotOnLink');
    for (const bad of ['a b', '-x', '', 'a'.repeat(16)])
      assert.equal(await failure({ op: 'set-up', name: bad }), 'InvalidLink', JSON.stringify(bad));
    assert.equal(
      await failure({ op: 'set-mtu', name: 'absent', mtu: 1400 }, { op: 'set-down', name: 'green' }),
      'CommandFailed',
    );
    assert.equal((await kernel.observe(open)).links.find(({ name }) => name === 'green')?.up, true);
  });

  test('forwarding entries are added, replaced and removed; those that are so already count as done', async () => {
    await fresh();
    await kernel.execute(open, [GREEN, UP]);
    const mac = '02:00:00:00:00:99';
    const flood = (destination: string) => ({ mac: FLOOD_MAC, destination });
    const fdb = async () => parseFdb(await pod.exec(['/usr/sbin/bridge', '-j', 'fdb', 'show', 'dev', 'green']));
    const change = async (add: object[], remove: object[] = []) => {
      const [outcome] = await kernel.changeFdbs([{ netns: open, link: 'green', change: { add, remove } as never }]);
      return outcome?.status === 'fulfilled' ? outcome.value : String(outcome?.reason);
    };
    const special = { mac: '02:00:00:00:00:77', destination: '10.0.0.7', port: 4790, vni: 99, via: 'eth0' };
    assert.equal(
      await change([flood('10.0.0.1'), flood('10.0.0.2'), { mac, destination: '10.0.0.1' }, special]),
      'applied',
    );
    assert.equal(await change([flood('10.0.0.1'), { mac, destination: '10.0.0.3' }]), 'applied');
    const entries = [flood('10.0.0.1'), flood('10.0.0.2'), special, { mac, destination: '10.0.0.3' }];
    const sorted = (list: readonly object[]) => list.map((each) => JSON.stringify(each)).sort();
    assert.deepEqual(sorted(await fdb()), sorted(entries));
    assert.deepEqual(sorted((await kernel.readFdb(open, 'green')) ?? []), sorted(entries));
    assert.equal(await change([], [flood('10.0.0.1'), flood('10.0.0.8'), special]), 'applied');
    assert.equal((await fdb()).length, 2);
    assert.match(
      await change([flood('fd00::1')]),
      /CommandFailed|fdb|neighbour/i,
      'another family than the device has',
    );
    assert.equal(await kernel.readFdb(open, 'absent'), undefined);
    const away = await kernel.changeFdbs([
      { netns: open, link: 'absent', change: { add: [flood('10.0.0.1')], remove: [] } },
    ]);
    assert.deepEqual(away, [{ status: 'fulfilled', value: 'link-absent' }]);
  });

  test("static neighbours carry podwire's mark; what the kernel learned is forgotten, and static ones stay", async () => {
    await fresh();
    await kernel.execute(open, [GREEN, UP, { op: 'add-address', name: 'green', cidr: '192.168.7.1/24' }]);
    const neighbour = (address: string, last: string) => ({ address, mac: `02:00:00:00:01:${last}` });
    const change = (set: object[], remove: object[] = []) =>
      kernel.changeNeighbours([{ netns: open, link: 'green', change: { set, remove } as never }]);
    const APPLIED = [{ status: 'fulfilled', value: 'applied' }];
    assert.deepEqual(await change([neighbour('192.168.7.2', '02'), neighbour('fd00:7::2', '02')]), APPLIED);
    assert.deepEqual(await change([neighbour('192.168.7.2', '03')], [neighbour('192.168.7.9', '09')]), APPLIED);
    await ip('neigh', 'add', '192.168.7.4', 'dev', 'green', 'lladdr', '02:00:00:00:01:04', 'nud', 'permanent');
    await ip('neigh', 'add', '192.168.7.5', 'dev', 'green', 'lladdr', '02:00:00:00:01:05', 'nud', 'stale');
    const own = [neighbour('192.168.7.2', '03'), neighbour('fd00:7::2', '02')];
    assert.deepEqual(await kernel.readNeighbours(open, 'green'), own);
    assert.deepEqual(
      await kernel.forgetNeighbours([
        { netns: open, link: 'green', change: ['192.168.7.5', '192.168.7.4', '192.168.7.6'] },
      ]),
      APPLIED,
    );
    const left = parseNeighbours(await ip('-j', '-4', 'neigh', 'show', 'dev', 'green')).map(({ address }) => address);
    assert.deepEqual(left.filter((address) => address !== '192.168.7.5').sort(), ['192.168.7.2', '192.168.7.4']);
    assert.ok(!left.includes('192.168.7.5'), 'the learned one is forgotten');
    assert.equal(await kernel.readNeighbours(open, 'absent'), undefined);
  });

  test('settings of the namespace are read and written there, and nowhere else', async () => {
    await fresh();
    await kernel.execute(open, [{ ...GREEN, name: 'g.1' }]);
    const path = 'net/ipv4/conf/g.1/arp_filter';
    await kernel.writeSysctls(
      open,
      new Map([
        [path, '1'],
        ['net/ipv4/conf/absent/arp_filter', '1'],
      ]),
    );
    assert.deepEqual(
      await kernel.readSysctls(open, [path, 'net/ipv4/tcp_rmem', 'net/ipv4/conf/absent/arp_filter']),
      new Map([
        [path, '1'],
        ['net/ipv4/tcp_rmem', (await pod.exec(['/usr/sbin/sysctl', '-n', 'net.ipv4.tcp_rmem'])).trim()],
      ]),
    );
    assert.equal(await kernel.ignoreRouterAdvertisements(open, 'g.1'), undefined);
    const keys = ['net/ipv6/conf/g.1/accept_ra', 'net/ipv4/conf/g.1/arp_notify', 'net/ipv6/conf/g.1/ndisc_notify'];
    assert.deepEqual([...(await kernel.readSysctls(open, keys)).values()], ['0', '1', '1']);
  });

  test('the other ends of veths are found with the bridge that they are a port of', async () => {
    const host = await createTestNetns();
    try {
      await host.exec([IP, '-batch', '-'], {
        input: [
          'link add name br0 type bridge',
          `link add name veth7 type veth peer name net1 netns ${pod.path.split('/').at(-1) ?? ''}`,
          'link set dev veth7 master br0',
          '',
        ].join('\n'),
      });
      const there = (await kernel.observe(open)).links.find(({ name }) => name === 'net1');
      const here = parseNetns(
        await host.exec([IP, '-d', '-j', '-batch', '-'], { input: 'address show\nroute show\n' }),
      );
      const veth7 = here.links.find(({ name }) => name === 'veth7');
      assert.equal(there?.peerIfindex, veth7?.ifindex);
      const inHost = kernelIn(kernel, host);
      if (inHost === undefined) return;
      assert.deepEqual(await inHost.hostEnds(NEVER), [
        { ifindex: veth7?.ifindex, name: 'veth7', peerIfindex: there?.ifindex, bridge: 'br0' },
      ]);
    } finally {
      await host.remove();
    }
  });
}

/** iproute2's looks at the namespace that its process is in. */
const kernelIn = (kernel: LinkKernel, host: TestNetns): LinkKernel | undefined =>
  kernel === netlink ? createNetlinkKernel({ netnsRoots: [NETNS_ROOT], thread, hostNetns: host.path }) : undefined;

describe('netlink alone', () => {
  test('what the kernel refuses is said in its own words, with the errno', async () => {
    const pod = await createTestNetns();
    const open = await netlink.open(pod.path, NEVER);
    try {
      await assert.rejects(
        netlink.execute(open, [
          GREEN,
          UP,
          { op: 'add-address', name: 'green', cidr: '192.168.7.1/24' },
          { op: 'add-route', name: 'green', destination: '10.1.0.5/16', gateway: '192.168.7.2' },
        ]),
        /Invalid prefix for given prefix length \(Invalid argument\)/,
      );
    } finally {
      await open.close();
      await pod.remove();
    }
  });

  test('a namespace that was closed is not entered, whatever its descriptor has become', async () => {
    const pod = await createTestNetns();
    const other = await createTestNetns();
    try {
      const open = await netlink.open(pod.path, NEVER);
      await open.close();
      const next = await netlink.open(other.path, NEVER);
      await assert.rejects(netlink.observe(open), /SandboxGone|was closed before it was entered/);
      await next.close();
    } finally {
      await pod.remove();
      await other.remove();
    }
  });

  test('an operation that is interrupted or out of time is of unknown outcome, and one that was not begun is not begun', async () => {
    const pod = await createTestNetns();
    const ending = new AbortController();
    const open = await netlink.open(pod.path, ending.signal);
    try {
      const many = netlink.execute(open, [GREEN, UP]);
      ending.abort();
      await assert.rejects(many, (error: unknown) => error instanceof PodwireError && error.code === 'CommandTimedOut');
      await assert.rejects(netlink.observe(open), /interrupted/);
    } finally {
      await open.close();
      await pod.remove();
    }
  });

  test('ten thousand forwarding entries are written, read and removed', async () => {
    const pod = await createTestNetns();
    const open = await netlink.open(pod.path, NEVER);
    try {
      await netlink.execute(open, [GREEN, UP]);
      const add = Array.from({ length: 10_000 }, (_each, n) => ({
        mac: FLOOD_MAC,
        destination: `10.${64 + (n >> 14)}.${(n >> 7) & 127}.${1 + (n & 127)}`,
      }));
      await netlink.changeFdbs([{ netns: open, link: 'green', change: { add, remove: [] } }]);
      assert.equal((await netlink.readFdb(open, 'green'))?.length, 10_000);
      const [outcome] = await netlink.changeFdbs([{ netns: open, link: 'green', change: { add: [], remove: add } }]);
      assert.deepEqual(outcome, { status: 'fulfilled', value: 'applied' });
      assert.deepEqual(await netlink.readFdb(open, 'green'), []);
    } finally {
      await open.close();
      await pod.remove();
    }
  });
});
