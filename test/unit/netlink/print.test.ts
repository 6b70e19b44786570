/** Links of kinds that not every kernel has, written out as iproute2 writes them. The kinds that every one has: test/kernel. */
import assert from 'node:assert/strict';
import test, { describe } from 'node:test';
import { be16, bytes, nested, text, u16, u32, u8, type Attribute } from '../../../adapters/netlink/codec/attributes.ts';
import { decodeLinkDetails } from '../../../adapters/netlink/codec/link-details.ts';
import { decodeLink, encodeLink, IFLA, IFLA_INFO } from '../../../adapters/netlink/codec/link.ts';
import { MalformedNetlink } from '../../../adapters/netlink/codec/malformed.ts';
import { addressText } from '../../../adapters/netlink/print/address.ts';
import { forwardingText } from '../../../adapters/netlink/print/forwarding.ts';
import { linkText } from '../../../adapters/netlink/print/link.ts';
import { routeText } from '../../../adapters/netlink/print/route.ts';
import type { KnownLinks } from '../../../adapters/netlink/print/words.ts';

const LINKS: KnownLinks = { nameOf: (index) => (index === 2 ? 'eth0' : `if${index}`), isDown: () => false };
const UP_AND_RUNNING = 0x11043;

interface Given {
  readonly attributes?: readonly Attribute[];
  readonly flags?: number;
  /** ARPHRD_… */
  readonly type?: number;
}

function written({ attributes = [], flags = UP_AND_RUNNING, type = 1 }: Given, isDetailed = true): string {
  const payload = encodeLink({
    index: 7,
    flags,
    attributes: [text(IFLA.IFNAME, 'net1'), u32(IFLA.MTU, 1500), u8(IFLA.OPERSTATE, 6), ...attributes],
  });
  payload.writeUInt16LE(type, 2);
  return linkText({ message: decodeLink(payload), details: decodeLinkDetails(payload) }, LINKS, isDetailed);
}

const ofKind = (kind: string, ...data: Attribute[]): Attribute =>
  nested(IFLA.LINKINFO, [text(IFLA_INFO.KIND, kind), nested(IFLA_INFO.DATA, data)]);

/** The line of a link's kind. */
const kindLine = (kind: string, ...data: Attribute[]): string =>
  written({ attributes: [ofKind(kind, ...data)] })
    .split('\n')
    .slice(2, -1)
    .join('\n');

const twoNumbers = (first: number, second: number): Buffer => {
  const buffer = Buffer.alloc(8);
  buffer.writeUInt32LE(first, 0);
  buffer.writeUInt32LE(second, 4);
  return buffer;
};

describe('links are written out as iproute2 writes them', () => {
  test('an IPVLAN with its mode and how its links see each other', () => {
    assert.equal(kindLine('ipvlan', u16(1, 0), u16(2, 0)), '    ipvlan  mode l2 bridge ');
    assert.equal(kindLine('ipvlan', u16(1, 1), u16(2, 1)), '    ipvlan  mode l3 private ');
    assert.equal(kindLine('ipvtap', u16(1, 2), u16(2, 2)), '    ipvtap  mode l3s vepa ');
  });

  test('a VLAN with its protocol, its flags and its maps of priorities', () => {
    const id = u16(1, 100);
    assert.equal(
      kindLine('vlan', be16(5, 0x8100), id, bytes(2, twoNumbers(1, 0xffffffff))),
      '    vlan protocol 802.1Q id 100 <REORDER_HDR> ',
    );
    assert.equal(
      kindLine(
        'vlan',
        ...[be16(5, 0x88a8), id, bytes(2, twoNumbers(0b01111, 0xffffffff))],
        ...[
          nested(4, [bytes(1, twoNumbers(1, 2)), bytes(1, twoNumbers(3, 4))]),
          nested(3, [bytes(1, twoNumbers(0, 3))]),
        ],
      ),
      [
        '    vlan protocol 802.1ad id 100 <REORDER_HDR,GVRP,MVRP,LOOSE_BINDING> ',
        '      ingress-qos-map { 1:2 3:4 } ',
        '      egress-qos-map { 0:3 } ',
      ].join('\n'),
    );
  });

  test('a bridge of a kernel that filters VLANs', () => {
    assert.equal(
      kindLine('bridge', u8(7, 1), be16(8, 0x8100), u16(39, 1), u8(41, 0), u8(45, 0), u16(9, 0)),
      '    bridge vlan_filtering 1 vlan_protocol 802.1Q vlan_default_pvid 1 vlan_stats_enabled 0 vlan_stats_per_port 0 group_fwd_mask 0 ',
    );
  });

  test('a kind that nothing more is known about with its name only', () => {
    assert.equal(kindLine('wireguard', u8(1, 1)), '    wireguard ');
  });

  test('a tunnel with the addresses of its ends', () => {
    const four = (a: number): Buffer => Buffer.from([10, 0, 0, a]);
    const ends = [bytes(IFLA.ADDRESS, four(1)), bytes(IFLA.BROADCAST, four(2)), u32(IFLA.LINK, 0)];
    assert.equal(
      written({ attributes: ends, flags: 0xd1, type: 768 }, false),
      '7: net1@NONE: <POINTOPOINT,NOARP,UP> mtu 1500 state UP \n    link/ipip 10.0.0.1 peer 10.0.0.2\n',
    );
    const [mac] = [bytes(IFLA.ADDRESS, Buffer.from([2, 0, 0, 0, 0, 1]))];
    assert.match(written({ attributes: [mac], type: 4711 }, false), /\n {4}link\/\[4711\] 02:00:00:00:00:01\n$/);
  });

  test('a link whose other end is in a namespace without a number here', () => {
    const attributes = [u32(IFLA.LINK, 9), u32(IFLA.LINK_NETNSID, 0xffffffff)];
    assert.match(written({ attributes }, false), /^7: net1@if9: <[^]* link-netnsid unknown\n$/);
  });

  test('flags, states and links that have no word by their numbers', () => {
    const attributes = [u32(IFLA.MASTER, 44), u8(IFLA.OPERSTATE, 9), u32(IFLA.LINK, 2)];
    assert.match(
      written({ attributes, flags: 0x40080041 }, false),
      /^7: net1@eth0: <UP,40080000> mtu 1500 master if44 state 0x9 \n/,
    );
  });
});

test('a kind whose numbers have no bytes is told as malformed', () => {
  for (const broken of [ofKind('bridge', bytes(1, Buffer.alloc(0))), ofKind('vlan', u8(1, 1))])
    assert.throws(() => written({ attributes: [broken] }), MalformedNetlink);
});

test('an address whose preferred time is over tells how long ago, and flags without words by their bits', () => {
  const address = { family: 6, index: 7, prefix: 64, scope: 253, address: 'fe80::1' };
  assert.equal(
    addressText({ ...address, flags: 0x1020, cacheInfo: { valid: 4294967295, preferred: 4294967294 } }),
    '    inet6 fe80::1/64 scope link deprecated dynamic flags 1000 \n       valid_lft forever preferred_lft -2sec\n',
  );
});

test('a forwarding entry through another namespace names the link by its index, and a state without a word by its bits', () => {
  const entry = { family: 7, index: 7, state: 1, flags: 0x2, type: 0, mac: '02:00:00:00:00:01' };
  assert.equal(
    forwardingText({ ...entry, destination: '10.0.0.1', vlan: 5, viaIndex: 3, linkNetnsid: 4 }, LINKS),
    '02:00:00:00:00:01 dst 10.0.0.1 vlan 5 via ifindex 3 link-netnsid 4 self state=0x1\n',
  );
  assert.equal(forwardingText({ ...entry, state: 4, flags: 0x24 }, LINKS), '02:00:00:00:00:01 offload master stale\n');
});

test('a route of another kind, with what hardware and the kernel say of it', () => {
  const route = { family: 4, oif: 7, table: 254, protocol: 42, scope: 0, nexthops: [] };
  assert.equal(
    routeText({ ...route, destination: '10.0.0.0/8', type: 7, flags: 0x4009, source: '10.1.0.0/16' }),
    'unreachable 10.0.0.0/8 from 10.1.0.0/16 proto babel dead offload rt_offload \n',
  );
  assert.equal(
    routeText({
      ...route,
      destination: '0.0.0.0/0',
      type: 1,
      flags: 0,
      protocol: 3,
      metrics: { features: 2, rtt: 12344, hoplimit: 0xffffffff },
    }),
    'default rtt 1.543s features 0x2 \n',
  );
});
