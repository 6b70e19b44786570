import assert from 'node:assert/strict';
import test, { describe } from 'node:test';
import { decodeAddress, encodeAddress, encodeAddressDump, IFA_F } from '../../../adapters/netlink/codec/address.ts';
import { attributeAt, decodeAnswer } from '../../../adapters/netlink/codec/answers.ts';
import { listAttributes, text } from '../../../adapters/netlink/codec/attributes.ts';
import {
  bridgeInfo,
  decodeLink,
  encodeLink,
  IFLA,
  LINK_ATTRIBUTE_NAMES,
} from '../../../adapters/netlink/codec/link.ts';
import { LINK_HEADER, vethInfo, vxlanChange, vxlanInfo } from '../../../adapters/netlink/codec/link.ts';
import { decodeMessages } from '../../../adapters/netlink/codec/messages.ts';
import { decodeNeighbour, encodeNeighbour, encodeNeighbourDump } from '../../../adapters/netlink/codec/neighbour.ts';
import { NTF_SELF, NUD_NOARP, NUD_PERMANENT } from '../../../adapters/netlink/codec/neighbour.ts';
import { decodeRoute, encodeRoute, encodeRouteDump, RT_SCOPE } from '../../../adapters/netlink/codec/route.ts';
import { decodeRule, FR_ACT } from '../../../adapters/netlink/codec/rule.ts';
import { IPROUTE2, KERNEL, REFUSED } from './captured.ts';

const hex = (text: string): Buffer => Buffer.from(text, 'hex');
const FOREVER = 4294967295;

describe('what the kernel says is read as iproute2 reads it', () => {
  test('a VXLAN device of IPv4 with an alias, other names and statistics', () => {
    const { vxlan, stats, ...link } = decodeLink(hex(KERNEL.links.vx4));
    assert.deepEqual(link, {
      family: 0,
      index: 3,
      name: 'vx4',
      flags: 0x11043,
      up: true,
      type: 1,
      mtu: 8950,
      mac: '32:1f:a3:4b:83:75',
      alias: 'podwire:x',
      kind: 'vxlan',
      altNames: ['uplink-of-a', 'uplink-of-b'],
      operstate: 0,
      txQueueLength: 1000,
      qdisc: 'noqueue',
      group: 0,
    });
    assert.deepEqual(vxlan, {
      vni: 4711,
      dstPort: 4789,
      srcPorts: { low: 40000, high: 50000 },
      linkIndex: 2,
      learning: false,
      local: '192.0.2.7',
      ttl: 0,
      ttlInherit: false,
      tos: 0,
      df: 0,
      label: 0,
      ageing: 300,
      limit: 0,
      udpCsum: true,
      localbypass: true,
      ...{ proxy: false, rsc: false, l2miss: false, l3miss: false, gbp: false, gpe: false, collectMetadata: false },
      ...{ udpZeroCsum6Tx: false, udpZeroCsum6Rx: false, remcsumTx: false, remcsumRx: false, remcsumNopartial: false },
    });
    assert.deepEqual([stats?.txPackets, stats?.txBytes, stats?.txDropped, stats?.rxPackets], [2n, 152n, 1n, 0n]);
  });

  test('a VXLAN device of IPv6 that is down and has flag attributes', () => {
    const { up, mtu, vxlan } = decodeLink(hex(KERNEL.links.vx6));
    assert.deepEqual({ up, mtu }, { up: false, mtu: 8930 });
    assert.ok(vxlan !== undefined);
    const { vni, dstPort, srcPorts, local, local6, learning, ttlInherit, df, gbp, gpe } = vxlan;
    assert.deepEqual(
      { vni, dstPort, srcPorts, local, local6, learning, ttlInherit, df, gbp, gpe },
      {
        ...{ vni: 16777215, dstPort: 8472, srcPorts: { low: 0, high: 0 }, local: undefined, local6: '2001:db8::7' },
        ...{ learning: true, ttlInherit: true, df: 1, gbp: true, gpe: false },
      },
    );
  });

  test('half of a veth pair at a bridge', () => {
    const { index, name, kind, mac, masterIndex, linkIndex, linkNetnsid, vxlan } = decodeLink(hex(KERNEL.links.va));
    assert.deepEqual(
      { index, name, kind, mac, masterIndex, linkIndex, linkNetnsid, vxlan },
      {
        ...{ index: 7, name: 'va', kind: 'veth', mac: 'fa:22:33:71:29:74', masterIndex: 5, linkIndex: 6 },
        ...{ linkNetnsid: undefined, vxlan: undefined },
      },
    );
  });

  test('addresses, one of them of a link with a peer', () => {
    const read = KERNEL.addresses.map((payload) => decodeAddress(hex(payload)));
    const cacheInfo = { preferred: FOREVER, valid: FOREVER };
    assert.deepEqual(read, [
      { family: 4, index: 2, prefix: 24, scope: 0, flags: 0x80, address: '192.0.2.7', label: 'parent', cacheInfo },
      {
        ...{ family: 4, index: 6, prefix: 32, scope: 0, flags: 0x80 },
        ...{ address: '10.0.0.1', peer: '10.0.0.2', label: 'vb', cacheInfo },
      },
      { family: 6, index: 2, prefix: 64, scope: 0, flags: 0x82, address: '2001:db8::7', cacheInfo },
      {
        ...{ family: 6, index: 2, prefix: 64, scope: RT_SCOPE.LINK, flags: 0x80, protocol: 3 },
        ...{ address: 'fe80::fc28:4aff:fe66:58ae', cacheInfo },
      },
      {
        ...{ family: 6, index: 6, prefix: 64, scope: RT_SCOPE.LINK, flags: 0xc0, protocol: 3 },
        ...{ address: 'fe80::c890:83ff:fe37:4d75', cacheInfo },
      },
    ]);
  });

  test('routes: by a gateway of the other family, over two ways, and with a source', () => {
    const [via, multipath, six] = KERNEL.routes.map((payload) => decodeRoute(hex(payload)));
    assert.deepEqual(via, {
      ...{ family: 4, destination: '203.0.113.0/24', oif: 2, table: 1000, protocol: 3, scope: 0, type: 1 },
      ...{ priority: 5, metrics: { mtu: 1400 }, flags: 0, nexthops: [], via: { family: 6, address: 'fe80::1' } },
    });
    assert.deepEqual(multipath, {
      ...{ family: 4, destination: '198.51.100.0/24', table: 254, protocol: 230, scope: 0, type: 1, flags: 0 },
      nexthops: [
        { oif: 2, weight: 3, gateway: '192.0.2.1' },
        { oif: 2, weight: 1, gateway: '192.0.2.2' },
      ],
    });
    assert.deepEqual(six, {
      ...{ family: 6, destination: '2001:db8:1::/48', gateway: '2001:db8::1', oif: 2, table: 254, protocol: 230 },
      ...{ scope: 0, type: 1, priority: 7, preferredSource: '2001:db8::7', flags: 0, nexthops: [] },
    });
  });

  test('rules, whose suppressed prefix length is absent or 0', () => {
    const [local, first, second, ...others] = KERNEL.rules.map((payload) => decodeRule(hex(payload)));
    const look = { family: 4, action: FR_ACT.TO_TBL, flags: 0 };
    assert.deepEqual(local, { ...look, table: 255, priority: 0, protocol: 2 });
    assert.deepEqual(first, {
      ...{ ...look, source: '192.0.2.0/25', destination: '198.51.100.1/32', iif: 'parent', oif: 'vb', protocol: 0 },
      ...{ table: 1000, priority: 77, fwmark: 0x10, fwmask: 0xff },
    });
    assert.deepEqual(second, { ...look, table: 254, priority: 78, protocol: 0, suppressPrefixLength: 0 });
    assert.deepEqual(
      others.map(({ table, priority }) => [table, priority]),
      [
        [254, 32766],
        [253, 32767],
      ],
    );
  });

  test('neighbours and forwarding entries', () => {
    const read = [...KERNEL.neighbours, ...KERNEL.fdb].map((payload) => {
      const { cacheInfo, ...entry } = decodeNeighbour(hex(payload));
      assert.ok(cacheInfo !== undefined);
      return entry;
    });
    const permanent = { state: NUD_PERMANENT, flags: 0, type: 1, index: 2, protocol: 230 };
    const flood = {
      family: 7,
      index: 3,
      state: NUD_NOARP | NUD_PERMANENT,
      flags: NTF_SELF,
      type: 1,
      mac: '00:00:00:00:00:00',
    };
    assert.deepEqual(read, [
      { ...permanent, family: 2, destination: '192.0.2.55', mac: '02:00:00:00:00:55' },
      { ...permanent, family: 10, destination: '2001:db8::55', mac: '02:00:00:00:00:56' },
      { ...flood, destination: '192.0.2.9', port: 4790, vni: 12, viaIndex: 2 },
      { ...flood, destination: '192.0.2.10' },
    ]);
  });
});

/** The kernel takes attributes in any order: attributes within the header's rest, sorted; NLA_F_NESTED does not count. */
function sorted(payload: Buffer, header: number): unknown {
  const attributes = listAttributes(payload.subarray(header)).map(({ type, value }) => [type, contentOf(type, value)]);
  return [payload.toString('hex', 0, header), attributes.sort(([a], [b]) => Number(a) - Number(b))];
}
const contentOf = (type: number, value: Buffer): unknown =>
  type === IFLA.LINKINFO && value.length > 8
    ? listAttributes(value).map((inner) =>
        inner.type === 2
          ? listAttributes(inner.value)
              .map((data) => `${String(data.type).padStart(3, '0')} ${data.value.toString('hex')}`)
              .sort()
          : inner.value.toString('utf8').replace(/\0$/, ''),
      )
    : value.toString('hex');

describe('requests are those of iproute2', () => {
  const cases: readonly (readonly [name: string, sent: string, header: number, payload: Buffer])[] = [
    [
      'a VXLAN device',
      IPROUTE2.addVxlan,
      16,
      encodeLink({
        attributes: [
          text(IFLA.IFNAME, 'vx9'),
          vxlanInfo({
            ...{ vni: 99, dstPort: 4789, srcPorts: { first: 40000, last: 50000 }, linkIndex: 2, learning: false },
            local: '2001:db8::7',
          }),
        ],
      }),
    ],
    ['a veth pair', IPROUTE2.addVeth, 16, encodeLink({ attributes: [text(IFLA.IFNAME, 'vc'), vethInfo('vd')] })],
    ['a bridge', IPROUTE2.addBridge, 16, encodeLink({ attributes: [text(IFLA.IFNAME, 'br9'), bridgeInfo()] })],
    [
      'a changed VXLAN device',
      IPROUTE2.setVxlan,
      16,
      encodeLink({ index: 3, attributes: [vxlanChange({ learning: true })] }),
    ],
    [
      'a route',
      IPROUTE2.addRoute,
      12,
      encodeRoute({
        ...{ family: 4, destination: { address: '198.51.101.0', prefix: 24 }, gateway: '192.0.2.1', oif: 2 },
        protocol: 230,
      }),
    ],
    [
      'a forwarding entry',
      IPROUTE2.appendFdb,
      12,
      encodeNeighbour({
        ...{ family: 7, index: 3, state: NUD_NOARP | NUD_PERMANENT, flags: NTF_SELF, mac: '02:00:00:00:00:01' },
        ...{ destination: '192.0.2.9', port: 4790, vni: 12, viaIndex: 2 },
      }),
    ],
    [
      'a neighbour',
      IPROUTE2.replaceNeighbour,
      12,
      encodeNeighbour({
        ...{ family: 2, index: 2, state: NUD_PERMANENT, mac: '02:00:00:00:00:57', destination: '192.0.2.56' },
        protocol: 230,
      }),
    ],
  ];
  for (const [name, sent, header, payload] of cases)
    test(name, () => assert.deepEqual(sorted(payload, header), sorted(hex(sent), header)));

  test('an address, with its flags in an attribute besides', () => {
    const payload = encodeAddress({ family: 6, prefix: 64, index: 2, flags: IFA_F.NODAD, address: '2001:db8::9' });
    assert.equal(payload.toString('hex'), `${IPROUTE2.addAddress}0800080002000000`);
    const plain = encodeAddress({ family: 6, prefix: 64, index: 2, address: '2001:db8::9' });
    assert.equal(plain.toString('hex'), IPROUTE2.addAddress.replace(/^0a4002/, '0a4000'));
  });

  test('dumps ask for a link in the place that the family has for it', () => {
    assert.equal(encodeAddressDump({ index: 2 }).toString('hex'), '0000000002000000');
    assert.equal(
      encodeNeighbourDump({ family: 2, index: 2 }).toString('hex'),
      '020000000000000000000000' + '0800080002000000',
    );
    assert.equal(
      encodeRouteDump({ family: 6, oif: 2, table: 254 }).toString('hex'),
      '0a0000000000000000000000' + '0800040002000000' + '08000f00fe000000',
    );
  });
});

describe('a refusal names what is meant', () => {
  const pointedAt = ({ request, answer }: { request: string; answer: string }) => {
    const [message] = decodeMessages(hex(answer));
    assert.ok(message !== undefined);
    const decoded = decodeAnswer(message);
    return { ...decoded, path: attributeAt(hex(request), LINK_HEADER, decoded.offset ?? 0) };
  };

  test('an attribute of the message', () => {
    const found = pointedAt(REFUSED.shortMtu);
    assert.deepEqual(found, { errno: 34, said: 'Attribute failed policy validation', offset: 40, path: [IFLA.MTU] });
    assert.equal(LINK_ATTRIBUTE_NAMES.get(found.path[0] ?? 0), 'IFLA_MTU');
  });

  test('an attribute within others', () => {
    assert.deepEqual(pointedAt(REFUSED.largeVni), {
      ...{ errno: 34, said: 'VXLAN ID must be lower than 16777216', offset: 60, path: [IFLA.LINKINFO, 2, 1] },
    });
  });
});
