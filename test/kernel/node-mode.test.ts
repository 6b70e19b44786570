/** A network of mode node: pods of several nodes, one VXLAN device and one bridge on each of these, on the real kernel. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createNetlinkThread } from '../../adapters/netlink/thread.ts';
import { until } from '../workflows/limits.ts';
import { peerOf, tellPeers } from './peer.ts';
import {
  arpFrame,
  BROADCAST,
  discoveryFrame,
  ethernet,
  ipv4Frame,
  ipv6Frame,
  rawLink,
  type Ends,
  type RawLink,
} from './raw-frames.ts';
import { LINK, Segments, type SegmentNode, type SegmentPod } from './segment-nodes.ts';

const IP = '/usr/sbin/ip';
const NFT = '/usr/sbin/nft';
const thread = createNetlinkThread();
after(() => thread.close());

const at = <T>(list: readonly T[], index: number): T => list[index] ?? assert.fail(`none at ${index}`);

/** Of a packet on the wire between the nodes: IPv4, UDP, VXLAN, and the frame inside. */
const OUTER_TARGET = 30;
const INNER = 50;
const innerType = (frame: Buffer): number => (frame.length > INNER + 14 ? frame.readUInt16BE(INNER + 12) : 0);
const isTunnelled = (frame: Buffer): boolean => frame.readUInt16BE(12) === 0x0800 && frame.readUInt8(23) === 17;
const targetOf = (frame: Buffer): string => frame.subarray(OUTER_TARGET, OUTER_TARGET + 4).join('.');

describe('pods of a network of mode node', () => {
  let segments: Segments;
  let [one, two, three] = [] as unknown as SegmentNode[] as [SegmentNode, SegmentNode, SegmentNode];
  let [a, b, c] = [] as unknown as SegmentPod[] as [SegmentPod, SegmentPod, SegmentPod];
  const endings: (() => void)[] = [];
  before(async () => {
    segments = await Segments.create(thread, 3);
    [one, two, three] = segments.nodes as typeof segments.nodes & [SegmentNode, SegmentNode, SegmentNode];
    // Two on one node, one on another, none on the third.
    a = await segments.pod(one, 1);
    b = await segments.pod(one, 2);
    c = await segments.pod(two, 3);
    for (const { netns } of [a, b, c]) endings.push(tellPeers(netns));
  });
  after(async () => {
    endings.forEach((end) => end());
    await segments.remove();
  });

  const raw = (pod: SegmentPod): RawLink => {
    const link = rawLink(pod.open, LINK);
    endings.push(() => link.close());
    return link;
  };

  test('reach each other on one node and on two, by both families', async () => {
    for (const [from, to] of [
      [a, b],
      [a, c],
      [c, b],
    ] as const) {
      assert.equal(await peerOf(from.netns, to.four), from.four);
      assert.equal(await peerOf(from.netns, to.six), from.six);
    }
  });

  test('have the name, MAC, MTU and addresses that they are to have', async () => {
    const [link] = JSON.parse(await a.netns.exec([IP, '-j', 'address', 'show', LINK])) as [
      {
        mtu: number;
        address: string;
        ifalias?: string;
        addr_info: { local: string; prefixlen: number; scope: string }[];
      },
    ];
    assert.deepEqual([link.mtu, link.address], [1450, a.member.mac]);
    const own = link.addr_info.filter(({ scope }) => scope === 'global');
    assert.deepEqual(
      own.map(({ local, prefixlen }) => `${local}/${prefixlen}`),
      a.member.addresses,
    );
  });

  test('are answered by their own node when they ask who has an address', async () => {
    const wire = rawLink(one.open, 'eth0');
    endings.push(() => wire.close());
    wire.frames();
    await a.netns.exec([IP, 'neigh', 'flush', 'dev', LINK]);
    for (const to of [c, b]) for (const address of [to.four, to.six]) await peerOf(a.netns, address);
    const sent = wire.frames('out').filter(isTunnelled);
    assert.ok(sent.length > 0);
    const types = new Set(sent.map(innerType));
    assert.equal(types.has(0x0806), false, 'a question left the node');
    const discovery = sent.filter((frame) => innerType(frame) === 0x86dd && frame.readUInt8(INNER + 14 + 6) === 58);
    // What confirms a neighbour is sent to itself alone.
    const asked = discovery.filter((frame) => frame.readUInt8(INNER) === 0x33);
    assert.deepEqual(asked, []);
  });

  test('are heard by broadcast on nodes with members, which get one copy each, and on no other', async () => {
    const wire = rawLink(one.open, 'eth0');
    const [hearB, hearC] = [raw(b), raw(c)];
    endings.push(() => wire.close());
    wire.frames();
    const from = raw(a);
    from.send(ipv4Frame({ from: a.member.mac, to: BROADCAST }, a.four, '255.255.255.255', 'to all'));
    const isIt = (frame: Buffer): boolean => frame.includes('to all');
    let [heardB, heardC] = [0, 0];
    await until('both hear it', () => {
      heardB += hearB.frames().filter(isIt).length;
      heardC += hearC.frames().filter(isIt).length;
      return heardB > 0 && heardC > 0;
    });
    assert.deepEqual([heardB, heardC], [1, 1]);
    assert.deepEqual(wire.frames('out').filter(isIt).map(targetOf), [two.vtep]);
    assert.equal((await three.netns.exec([IP, '-j', 'link'])).includes('pwv'), false);
  });

  test('are not heard when they send as somebody else', async () => {
    const own: Ends = { from: a.member.mac, to: c.member.mac };
    const all: Ends = { ...own, to: BROADCAST };
    const [router, everyone] = ['fe80::1', 'ff02::1'];
    const linkLocal = 'fe80::ff:fe00:901';
    const discovery = { source: a.six, target: c.six, about: b.six };
    const forged: Record<string, Buffer> = {
      'another MAC': ipv4Frame({ ...own, from: b.member.mac }, a.four, c.four, 'x'),
      'another IPv4 address': ipv4Frame(own, b.four, c.four, 'x'),
      'another IPv6 address': ipv6Frame(own, b.six, c.six, Buffer.from('xxxxxxxx')),
      'another link-local address': ipv6Frame(own, router, c.six, Buffer.from('xxxxxxxx')),
      'a question from another address': arpFrame(all, b.four, c.four),
      'a question with another MAC': arpFrame(all, a.four, c.four, b.member.mac),
      'a question of another kind': ethernet(all, 0x0806, Buffer.alloc(28)),
      'what a neighbour says of another': discoveryFrame(own, { ...discovery, type: 136 }),
      'another MAC for its address': discoveryFrame(own, {
        ...{ ...discovery, type: 136, about: a.six },
        option: [2, b.member.mac],
      }),
      'a question of a neighbour with another MAC': discoveryFrame(own, {
        ...{ ...discovery, type: 135, about: c.six },
        option: [1, b.member.mac],
      }),
      'a router’s word': discoveryFrame(
        { ...all, to: '33:33:00:00:00:01' },
        { source: linkLocal, target: everyone, type: 134, about: a.six },
      ),
      'a question whether another’s address is taken': discoveryFrame(own, { ...discovery, source: '::', type: 135 }),
      'a tag': ethernet(own, 0x8100, Buffer.from([0, 1]), ipv4Frame(own, b.four, c.four, 'x').subarray(12)),
      'an unknown type': ethernet(all, 0x88b5, Buffer.alloc(46)),
    };
    const rightful = [
      ipv4Frame(own, a.four, c.four, 'x'),
      ipv6Frame(own, a.six, c.six, Buffer.from('xxxxxxxx')),
      ipv6Frame(own, linkLocal, c.six, Buffer.from('xxxxxxxx')),
      arpFrame(own, a.four, c.four),
      discoveryFrame(own, { ...discovery, type: 136, about: a.six, option: [2, a.member.mac] }),
      discoveryFrame(own, { ...discovery, type: 135, about: c.six, option: [1, a.member.mac] }),
      discoveryFrame(own, { ...discovery, type: 135, about: c.six }),
      discoveryFrame(own, { ...discovery, source: '::', type: 135, about: a.six }),
    ];
    const [from, to] = [raw(a), raw(c)];
    to.frames();
    const marker = ipv4Frame(own, a.four, c.four, 'the last one');
    from.send(...Object.values(forged), ...rightful, marker);
    const heard: Buffer[] = [];
    await until('the last one is heard', () => {
      heard.push(...to.frames());
      return heard.some((frame) => frame.includes('the last one'));
    });
    const wasHeard = (frame: Buffer): boolean => heard.some((each) => each.equals(frame));
    assert.deepEqual(
      Object.keys(forged).filter((name) => wasHeard(forged[name] ?? Buffer.alloc(0))),
      [],
    );
    assert.deepEqual(
      rightful.map(wasHeard),
      rightful.map(() => true),
    );
  });

  test('do not reach their node’s own stack by it', async () => {
    await one.netns.exec([IP, 'address', 'add', '10.9.0.250/32', 'dev', 'lo']);
    const link = raw(a);
    link.frames();
    link.send(arpFrame({ from: a.member.mac, to: BROADCAST }, a.four, '10.9.0.250'));
    link.send(arpFrame({ from: a.member.mac, to: BROADCAST }, a.four, c.four));
    const heard: Buffer[] = [];
    // Their own node answers for the other pod only.
    await until('the second question is answered', () => {
      heard.push(...link.frames().filter((frame) => frame.readUInt16BE(12) === 0x0806 && frame.readUInt8(21) === 2));
      return heard.length > 0;
    });
    assert.deepEqual(
      heard.map((frame) => frame.subarray(28, 32).join('.')),
      [c.four],
    );
    await one.netns.exec([IP, 'address', 'del', '10.9.0.250/32', 'dev', 'lo']);
  });

  test('are sent nothing that is for a MAC that nobody has, unless the network floods', async () => {
    const stray = (text: string): Buffer =>
      ipv4Frame({ from: a.member.mac, to: '02:00:00:00:77:77' }, a.four, c.four, text);
    const last = ipv4Frame({ from: a.member.mac, to: BROADCAST }, a.four, '255.255.255.255', 'last');
    const [from, hearB, hearC] = [raw(a), raw(b), raw(c)];
    const heardOf = async (text: string): Promise<number[]> => {
      from.send(stray(text), last);
      const heard: [Buffer[], Buffer[]] = [[], []];
      await until('the broadcast is heard', () => {
        heard[0].push(...hearB.frames());
        heard[1].push(...hearC.frames());
        return heard.every((frames) => frames.some((frame) => frame.includes('last')));
      });
      return heard.map((frames) => frames.filter((frame) => frame.includes(text)).length);
    };
    assert.deepEqual(await heardOf('stray 1'), [0, 0]);
    segments.network = { ...segments.network, floodUnknown: true };
    for (const pod of [a, b, c]) await segments.attach(pod);
    assert.deepEqual(await heardOf('stray 2'), [1, 1]);
    segments.network = { ...segments.network, floodUnknown: false };
    for (const pod of [a, b, c]) await segments.attach(pod);
    assert.deepEqual(await heardOf('stray 3'), [0, 0]);
  });

  test('tell their neighbours of their addresses when they come', async () => {
    const link = raw(b);
    link.frames();
    const late = await segments.pod(one, 4);
    const four = Buffer.from(late.four.split('.').map(Number));
    const isTold = (frame: Buffer): boolean =>
      frame.readUInt16BE(12) === 0x0806 && frame.subarray(28, 32).equals(four) && frame.subarray(38, 42).equals(four);
    await until('the neighbour hears of it', () => link.frames().some(isTold));
    await segments.detach(late);
  });

  test('cost no request where everything is as it should be', async () => {
    const nothing = { written: 0, removed: 0, moved: [] };
    assert.deepEqual(await segments.sync(), [nothing, nothing, 'absent']);
  });

  test('take tunnel packets from nodes with members alone', async () => {
    const table = await one.netns.exec([NFT, 'list', 'table', 'inet', `podwire_${segments.plan(one).device}`]);
    assert.match(table, /elements = \{ 192\.0\.2\.2 \}/);
    assert.match(table, /udp dport 4789 .*ip saddr != @members drop/);
  });

  test('follow the MTU of their node’s link', async () => {
    one.parentMtu = 1400;
    await segments.sync();
    await segments.attach(a);
    const links = JSON.parse(await one.netns.exec([IP, '-j', 'link'])) as { ifname: string; mtu: number }[];
    const theirs = links.filter(({ ifname }) => /^pw/.test(ifname));
    assert.deepEqual(
      theirs.map(({ mtu }) => mtu),
      [1350, 1350, 1350, 1350],
    );
    assert.match(await a.netns.exec([IP, 'link', 'show', LINK]), /mtu 1350/);
    one.parentMtu = 1500;
    for (const pod of [a, b]) await segments.attach(pod);
  });

  test('take up what moves to another node, and what gets another MAC', async () => {
    const renewed = { ...c.member, mac: '02:00:00:00:09:33' };
    segments.members = [...segments.members.filter(({ podUid }) => podUid !== c.member.podUid), renewed];
    const [changes] = await segments.sync();
    assert.ok(changes !== undefined && changes !== 'absent');
    assert.deepEqual(changes.moved, [c.four, c.six]);
    segments.members = [...segments.members.filter(({ podUid }) => podUid !== c.member.podUid), c.member];
    await segments.sync();
    assert.equal(await peerOf(a.netns, c.four), a.four);
    await segments.detach(c);
    const moved = await segments.pod(one, 3);
    endings.push(tellPeers(moved.netns));
    assert.equal(await peerOf(a.netns, moved.four), a.four);
    assert.equal(await peerOf(b.netns, moved.six), b.six);
    await segments.detach(moved);
    await segments.attach(c);
    assert.equal(await peerOf(c.netns, a.four), c.four);
  });
});

test('nodes of IPv6 carry a network of mode node', async (t) => {
  const segments = await Segments.create(thread, 2, 6);
  t.after(() => segments.remove());
  const [a, b] = [await segments.pod(at(segments.nodes, 0), 1), await segments.pod(at(segments.nodes, 1), 2)];
  const end = tellPeers(b.netns);
  t.after(end);
  for (const [from, to] of [
    [a.four, b.four],
    [a.six, b.six],
  ] as const)
    assert.equal(await peerOf(a.netns, to), from);
  assert.match(await a.netns.exec([IP, 'link', 'show', LINK]), /mtu 1430/);
  for (const pod of [a, b]) assert.equal(await segments.detach(pod), true);
  assert.equal((await a.at.netns.exec([NFT, 'list', 'ruleset'])).trim(), '');
});
