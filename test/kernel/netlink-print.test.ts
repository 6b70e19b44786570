/** What netlink's answers are written out as, compared with what `ip` and `bridge` print about the same namespace. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { createNetlinkKernel } from '../../adapters/netlink/node-kernel.ts';
import { createNetlinkThread } from '../../adapters/netlink/thread.ts';
import type { IdentifiedNetns } from '../../domain/ports/link-kernel.ts';
import type { InspectQuestion } from '../../domain/ports/inspect-pod.ts';
import { until, untilAsked } from '../workflows/limits.ts';
import { NEVER } from './node-under-test.ts';
import { createTestNetns, NETNS_ROOT, type TestNetns } from './namespace.ts';

const thread = createNetlinkThread();
const kernel = createNetlinkKernel({ netnsRoots: [NETNS_ROOT], thread });
after(() => thread.close());

const PROGRAMS: Readonly<Record<InspectQuestion['about'], readonly string[]>> = {
  fdb: ['/usr/sbin/bridge', 'fdb', 'show', 'dev'],
  addresses: ['/usr/sbin/ip', 'address', 'show', 'dev'],
  details: ['/usr/sbin/ip', '-d', 'address', 'show', 'dev'],
  routes: ['/usr/sbin/ip', 'route', 'show', 'dev'],
};
const ABOUT = Object.keys(PROGRAMS) as InspectQuestion['about'][];

/** What runs between two looks: lifetimes, and the timers of a bridge. */
const withoutClocks = (text: string | undefined): string | undefined =>
  text?.replace(/_lft \d+sec/g, '_lft Nsec').replace(/_timer +\d+\.\d\d/g, '_timer N');

describe('a namespace with links of many kinds', () => {
  let netns: TestNetns;
  let open: IdentifiedNetns;
  before(async () => {
    netns = await createTestNetns();
    open = await kernel.open(netns.path, NEVER);
    await netns.exec(['/usr/sbin/sysctl', '-qw', 'net.ipv6.conf.default.dad_transmits=0']);
  });
  after(async () => {
    await open.close();
    await netns.remove();
  });

  const run = async (...commands: readonly string[]): Promise<void> => {
    for (const command of commands) {
      const [program = '', ...args] = command.split(' ');
      await netns.exec([`/usr/sbin/${program}`, ...args]);
    }
  };
  /** Link modules that are not there take nothing from the others' test. */
  const couldRun = async (command: string): Promise<boolean> =>
    run(command).then(
      () => true,
      () => false,
    );
  const said = (about: InspectQuestion['about'], link: string): Promise<string> =>
    netns.exec([...PROGRAMS[about], link]);
  /** Asserts for all four questions; @returns the details, for what a test is about must be in there */
  const sameOf = async (...links: readonly string[]): Promise<string> => {
    const questions = links.flatMap((link) => ABOUT.map((about) => ({ about, link })));
    const asked = async (): Promise<(string | undefined)[]> => {
      const texts = [];
      for (const { about, link } of questions) texts.push(withoutClocks(await said(about, link)));
      return texts;
    };
    let answers: (string | undefined)[] = [];
    let expected: (string | undefined)[] = [];
    // The kernel changes some things by itself: an address may be found to be usable at any moment.
    await untilAsked('the kernel says the same before and after', async () => {
      expected = await asked();
      answers = (await kernel.print(open, questions)).map(withoutClocks);
      return isDeepStrictEqual(expected, await asked());
    });
    assert.deepEqual(answers, expected);
    return expected.join('');
  };
  const includesAll = (text: string, ...words: readonly string[]): void => {
    for (const word of words) assert.ok(text.includes(word), `${word}\n${text}`);
  };

  test('a loopback link is printed as iproute2 prints it, down and up', async () => {
    includesAll(await sameOf('lo'), '<LOOPBACK>', 'link/loopback');
    await run('ip link set lo up');
    includesAll(await sameOf('lo'), 'LOWER_UP', '127.0.0.1/8 scope host lo', 'inet6 ::1/128 scope host ');
  });

  test('veth pairs are printed as iproute2 prints them: both ends here, one end down, and one end elsewhere', async () => {
    includesAll(await sameOf('eth0', 'far0'), 'eth0@far0: ', 'far0@eth0: ', 'state UP', '    veth numtxqueues');
    await run('ip link set far0 down');
    includesAll(await sameOf('eth0', 'far0'), '<NO-CARRIER,', ',M-DOWN>', 'state LOWERLAYERDOWN', ' linkdown ');
    await run('ip link set far0 up', 'ip link add near type veth peer name gone');
    const elsewhere = spawn('/usr/bin/unshare', ['--net', '/usr/bin/sleep', '60']);
    try {
      const here = readlinkSync('/proc/self/ns/net');
      const pid = String(elsewhere.pid);
      await until('it has a namespace of its own', () => readlinkSync(`/proc/${pid}/ns/net`) !== here);
      await run(`ip link set gone netns ${pid}`);
      assert.match(await sameOf('near'), /near@if\d+: [^]* link-netnsid \d/);
    } finally {
      elsewhere.kill();
    }
  });

  test('aliases, other names, groups and queues are printed as iproute2 prints them', async () => {
    await run(
      'ip link add named type veth peer name named0',
      'ip link set named alias podwire:a:1',
      'ip link property add dev named altname another altname yet.another',
      'ip link set named0 group 7 txqueuelen 0 mtu 9000 promisc on allmulticast on',
    );
    const text = await sameOf('named', 'named0');
    includesAll(
      text,
      '    alias podwire:a:1\n    altname another\n    altname yet.another\n',
      'group 7 \n',
      'promiscuity 1 ',
    );
    includesAll(text, ',ALLMULTI,PROMISC', 'mtu 9000 ');
    const [byOtherName] = await kernel.print(open, [{ about: 'addresses', link: 'another' }]);
    assert.equal(byOtherName, await said('addresses', 'named'));
  });

  test('VXLAN devices are printed as iproute2 prints them, with all that they can be told', async () => {
    const base = 'ip link add';
    await run(
      `${base} vx1 type vxlan id 101 dev eth0 dstport 0`,
      `${base} vx2 type vxlan id 102 dev eth0 dstport 4789 local 10.244.1.5 remote 10.3.2.1 srcport 1000 2000 ttl 5 tos inherit nolearning proxy rsc l2miss l3miss ageing 20 maxaddress 99 gbp udpcsum df set`,
      `${base} vx3 type vxlan id 103 dstport 4790 local fd00:244::5 group ff05::1 dev eth0 ttl auto flowlabel 7 udp6zerocsumtx`,
      `${base} vx4 type vxlan external dstport 4791`,
      `${base} vx8 type vxlan external gpe dstport 4795`,
      `${base} vx5 type vxlan external dstport 4792 vnifilter`,
      `${base} vx6 type vxlan id 106 dstport 4793 group 239.1.1.1 dev eth0 ttl inherit noudpcsum df inherit tos 0x10 udp6zerocsumrx remcsumtx remcsumrx`,
      `${base} vx7 type vxlan id 107 dstport 4794 remote fd00::9 ageing 0`,
      'ip link set vx1 up',
      'ip link set vx2 protodown on',
      'ip link set vx2 protodown_reason 3 on',
      'ip link set vx2 protodown_reason 7 on',
    );
    const text = await sameOf('vx1', 'vx2', 'vx3', 'vx4', 'vx5', 'vx6', 'vx7', 'vx8');
    includesAll(
      text,
      'vxlan id 101 dev eth0 srcport 0 0 dstport 8472 ttl auto ageing 300 udpcsum ',
      ' remcsumtx remcsumrx ',
    );
    includesAll(
      text,
      'nolearning proxy rsc l2miss l3miss tos inherit ttl 5 df set ageing 20 maxaddr 99 ',
      'gbp ',
      'gpe ',
    );
    includesAll(
      text,
      'group ff05::1 local fd00:244::5 ',
      'external vnifilter',
      'protodown_reason <3,7>',
      'flowlabel 0x7',
    );
  });

  test('bridges and their ports are printed as iproute2 prints them', async () => {
    await run(
      'ip link add br0 type bridge',
      'ip link add p1 type vxlan id 201 dev eth0 dstport 0',
      'ip link add p2 type veth peer name p3',
      'ip link set p1 master br0',
      'ip link set p2 master br0',
      'ip link set p1 type bridge_slave backup_port p2 group_fwd_mask 20 hairpin on isolated on',
      'ip link set br0 type bridge group_fwd_mask 8 mcast_querier 1 stp_state 1 priority 7',
      'ip link set br0 address 02:00:00:0a:0b:0c',
      'ip link set p1 up',
      'ip link set br0 up',
    );
    const text = await sameOf('br0', 'p1', 'p2');
    includesAll(
      text,
      'bridge forward_delay 1500 ',
      'bridge_id 0007.2:0:0:a:b:c ',
      'bridge_slave state ',
      ' master br0 ',
    );
    includesAll(
      text,
      'group_fwd_mask 0x14 group_fwd_mask_str lacp,0x10 ',
      'backup_port p2 ',
      'hairpin on ',
      'isolated on ',
    );
  });

  test('MACVLANs are printed as iproute2 prints them, and so are those of other kinds where this kernel has them', async () => {
    await run(
      'ip link add mv0 link eth0 type macvlan mode bridge',
      'ip link add mv1 link eth0 type macvlan mode source',
      'ip link set mv1 type macvlan macaddr add 02:00:00:00:00:55',
      'ip link set mv1 type macvlan macaddr add 02:00:00:00:00:56',
      'ip link add mv2 link far0 type macvlan mode passthru nopromisc',
      'ip link add down0 type veth peer name down1',
      'ip link add mv3 link down0 type macvtap mode private',
    );
    const text = await sameOf('mv0', 'mv1', 'mv2', 'mv3');
    includesAll(
      text,
      'mv0@eth0: ',
      'macvlan mode bridge bcqueuelen ',
      'remotes (2) 02:00:00:00:00:55 02:00:00:00:00:56 ',
    );
    includesAll(text, 'passthru nopromisc ', 'macvtap mode private ', ',M-DOWN>');
    for (const [name, words] of Object.entries({
      iv0: 'link down1 type ipvlan mode l3 private',
      vl0: 'link eth0 type vlan id 7 gvrp on ingress-qos-map 1:2 3:4',
      du0: 'type dummy',
      if0: 'type ifb',
    })) {
      if (await couldRun(`ip link add ${name} ${words}`)) await sameOf(name);
    }
    for (const words of ['ip tuntap add tt0 mode tap', 'ip tuntap add tt1 mode tun multi_queue user root group 77 pi'])
      if (await couldRun(words)) await sameOf(words.split(' ')[3] ?? '');
  });

  test('addresses are printed as iproute2 prints them, with their flags, labels and lifetimes', async () => {
    await run(
      'ip link add ad0 type veth peer name ad1',
      'ip link set ad1 up',
      'ip link set ad0 up',
      'ip address add 10.77.0.1/24 brd + dev ad0',
      'ip address add 10.77.0.2/24 dev ad0 label ad0:x',
      'ip address add 10.78.0.1/24 dev ad0 metric 40 noprefixroute',
      'ip address add 10.79.0.6 peer 10.79.0.7/32 dev ad0 scope link',
      'ip address add 10.80.0.1/32 dev ad0 scope 77',
      'ip address add 10.77.0.3/24 dev ad0 valid_lft 900 preferred_lft 0',
      'ip address add fd00:77::1/64 dev ad0 nodad',
      'ip address add fd00:77::2/64 dev ad0 valid_lft 900 preferred_lft 500 noprefixroute',
      'ip address add fd00:77::3/64 dev ad0 valid_lft 900 preferred_lft 0 mngtmpaddr home',
      'ip address add fd00:77::4 peer fd00:78::9/64 dev ad0 metric 9',
    );
    await untilAsked('its addresses are usable', async () => !(await said('addresses', 'ad0')).includes('tentative'));
    const text = await sameOf('ad0');
    includesAll(
      text,
      'inet 10.77.0.1/24 brd 10.77.0.255 scope global ad0\n',
      'scope global secondary ad0:x\n',
      ' scope 77 ad0\n',
    );
    includesAll(
      text,
      'inet 10.79.0.6 peer 10.79.0.7/32 scope link ad0\n',
      'metric 40 scope global noprefixroute ad0\n',
    );
    includesAll(
      text,
      'secondary deprecated dynamic ad0',
      'scope global nodad \n',
      'home deprecated dynamic mngtmpaddr \n',
    );
  });

  test('an address that is still asked for is printed as iproute2 prints it', async () => {
    await run(
      'ip link add te0 type veth peer name te1',
      'ip link set te1 up',
      'ip link set te0 up',
      // Longer than this test takes.
      'sysctl -qw net.ipv6.conf.te0.dad_transmits=100',
      'ip address add fd00:90::1/64 dev te0',
    );
    includesAll(await sameOf('te0'), 'inet6 fd00:90::1/64 scope global tentative \n');
  });

  test('routes are printed as iproute2 prints them: those of IPv4 and the main table that have one way', async () => {
    const base = 'ip route add';
    await run(
      'ip link add ro0 type veth peer name ro1',
      'ip link set ro1 up',
      'ip link set ro0 up',
      'ip address add 10.60.0.5/24 dev ro0',
      'ip address add fd00:60::5/64 dev ro0 nodad',
      `${base} default via 10.60.0.1 dev ro0`,
      `${base} 10.50.0.0/16 via 10.60.0.9 dev ro0 proto 230`,
      `${base} 10.51.0.0/16 via 10.60.0.9 dev ro0 proto static metric 7 src 10.60.0.5 tos 0x10`,
      `${base} 10.51.0.0/16 dev ro0 proto dhcp tos 0x28`,
      `${base} 10.52.0.1 via 10.9.8.7 dev ro0 onlink proto ra mtu lock 1400 window 7 rtt 20 rttvar 2s ssthresh 4 cwnd lock 9 advmss 1000 reordering 5 hoplimit 9 initcwnd 11 features ecn rto_min 1500ms initrwnd 4 quickack 1 congctl cubic fastopen_no_cookie 1`,
      `${base} 10.53.0.0/16 via inet6 fd00:60::9 dev ro0`,
      `${base} 10.54.0.0/16 nexthop via 10.60.0.8 dev ro0 nexthop via 10.60.0.9 dev ro0`,
      `${base} local 10.55.0.0/16 dev ro0 table main`,
      `${base} broadcast 10.55.0.7 dev ro0 table main`,
      `${base} multicast 224.0.0.0/4 dev ro0`,
      `${base} 10.56.0.0/16 dev ro0 scope 77 realms 4/3`,
      `${base} 10.57.0.0/16 dev ro0 realms 0`,
      'ip nexthop add id 5 via 10.60.0.3 dev ro0',
      `${base} 10.58.0.0/16 nhid 5`,
      `${base} 10.59.0.0/16 dev ro0 table 77`,
      `${base} fd00:61::/64 via fd00:60::9 dev ro0`,
    );
    const text = await sameOf('ro0');
    includesAll(
      text,
      '\n10.50.0.0/16 via 10.60.0.9 proto 230 \n',
      '10.60.0.0/24 proto kernel scope link src 10.60.0.5 \n',
    );
    includesAll(
      text,
      'default via 10.60.0.1 \n',
      ' nhid 5 ',
      ' realms 4/3 ',
      ' via inet6 ',
      ' tos AF11 ',
      'congctl cubic ',
    );
    await run('ip link set ro1 down');
    includesAll(await sameOf('ro0'), ' onlink linkdown mtu lock 1400 ');
  });

  test('forwarding entries are printed as iproute2 prints them, of devices, of bridges and of their ports', async () => {
    const base = 'bridge fdb add 02:00:00:00:00';
    await run(
      'ip link add fd0 type vxlan id 301 dev eth0 dstport 0',
      'ip link add fd6 type vxlan id 302 dev eth0 dstport 0 local fd00:244::5',
      'ip link add fdx type vxlan external dstport 4799',
      'ip link add brf type bridge',
      'ip link set fd0 up',
      'bridge fdb append to 00:00:00:00:00:00 dst 10.244.1.6 dev fd0',
      'bridge fdb append to 00:00:00:00:00:00 dst 10.244.1.7 port 99 vni 8 via eth0 dev fd0',
      `${base}:01 dev fd0 dst 10.1.1.1 static`,
      `${base}:02 dev fd0 dst 10.1.1.1 dynamic`,
      `${base}:03 dev fd0 dst 10.1.1.1 extern_learn router`,
      'bridge fdb append to 00:00:00:00:00:00 dst fd00:244::7 dev fd6',
      `${base}:04 dev fdx src_vni 77 vni 88 dst 10.0.0.7`,
      'ip nexthop add id 11 via 10.244.1.77 fdb',
      'ip nexthop add id 12 group 11 fdb',
      `${base}:05 dev fd0 nhid 12`,
      'ip link set fd0 master brf',
      `${base}:06 dev fd0 master static`,
      `${base}:07 dev fd0 master dynamic extern_learn`,
      `${base}:08 dev fd0 master static sticky`,
      `${base}:09 dev brf self local`,
      'ip link set brf up',
    );
    const text = await sameOf('fd0', 'fd6', 'fdx', 'brf', 'eth0');
    includesAll(
      text,
      '00:00:00:00:00:00 dst 10.244.1.7 port 99 vni 8 via eth0 self permanent\n',
      ' self static\n',
      ' self \n',
    );
    includesAll(
      text,
      'self router extern_learn permanent\n',
      ' src_vni 77 ',
      ' nhid 12 ',
      ' sticky master brf static\n',
    );
  });

  test('answers come in the order of the questions, and an absent link has none', async () => {
    const answers = await kernel.print(open, [
      { about: 'routes', link: 'absent' },
      { about: 'details', link: 'far0' },
      { about: 'fdb', link: 'absent' },
      { about: 'addresses', link: 'lo' },
      { about: 'details', link: 'far0' },
    ]);
    const far = await said('details', 'far0');
    assert.deepEqual(answers, [undefined, far, undefined, await said('addresses', 'lo'), far]);
    assert.deepEqual(await kernel.print(open, []), []);
    await assert.rejects(kernel.print(open, [{ about: 'fdb', link: 'a b' }]), { code: 'InvalidLink' });
  });
});
