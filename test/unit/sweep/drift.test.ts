import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { driftOf } from '../../../domain/sweep/drift.ts';
import { cniRecord, greenLink, view, vxlanRecord, wiredLink } from './some-node.ts';

const both = [greenLink(), wiredLink()];

describe('drift of an attachment', () => {
  test('is none when the link is as it was recorded', () => {
    assert.deepEqual(driftOf(vxlanRecord(), view(both)), []);
    assert.deepEqual(driftOf(cniRecord(), view(both)), []);
  });

  test('is told for a link that has no addresses of the pool that its network has', () => {
    const record = vxlanRecord();
    const pool = { name: 'ClusterNetwork:green', order: 'next', restSeconds: 60, sticky: false } as const;
    const pooled = { ...record, link: { ...record.link, pool: { ...pool, subnets: [], wanted: [] } } };
    assert.deepEqual(driftOf(pooled, view(both)), ['it has no addresses of pool ClusterNetwork:green']);
  });

  test('is not asked about while the attachment is being made or removed', () => {
    assert.deepEqual(driftOf(vxlanRecord({ phase: 'intent' }), view([])), []);
    assert.deepEqual(driftOf(cniRecord({ phase: 'removing' }), view([])), []);
  });

  const vxlan: [string, Parameters<typeof greenLink>[0], string[]][] = [
    ['down', { up: false }, ['the link is down']],
    ['another MTU', { mtu: 1300 }, ['MTU 1300 instead of 1450']],
    ['another MAC', { mac: '02:00:00:00:00:99' }, ['MAC 02:00:00:00:00:99 instead of 02:00:00:00:00:05']],
    ['an address less', { addresses: [] }, ['address 10.1.0.2/24 is missing']],
    ['no alias', { alias: undefined }, ["the link is another one, without podwire's alias"]],
    ["another pod's alias", { alias: 'podwire:uid-2:3' }, ["the link is another one, without podwire's alias"]],
    ['another kind', { vxlan: undefined, kind: 'dummy' }, ['the link is no VXLAN device']],
    [
      'another VNI',
      { vxlan: { vni: 8, dstPort: 8472, parent: 'eth0', family: 4, learning: false } },
      ['VNI 8 port 8472 instead of 7 port 8472'],
    ],
    [
      'learning',
      { vxlan: { vni: 7, dstPort: 8472, parent: 'eth0', family: 4, learning: true } },
      ['it learns addresses'],
    ],
    [
      'a remote end of its own',
      { vxlan: { vni: 7, dstPort: 8472, parent: 'eth0', family: 4, learning: false, remote: '239.1.1.1' } },
      ['it has group 239.1.1.1'],
    ],
    [
      'another local address',
      { vxlan: { vni: 7, dstPort: 8472, parent: 'eth0', family: 4, learning: false, local: '10.0.0.9' } },
      ['it has local 10.0.0.9'],
    ],
  ];
  for (const [what, change, expected] of vxlan) {
    test(`is told for a VXLAN link with ${what}`, () => {
      assert.deepEqual(driftOf(vxlanRecord(), view([greenLink(change)])), expected);
    });
  }

  test('is told for a route that is missing', () => {
    assert.deepEqual(driftOf(vxlanRecord(), { links: both, routes: [] }), ['route 10.9.0.0/24 is missing']);
  });

  test('is told for a link that is gone, or has another name', () => {
    assert.deepEqual(driftOf(vxlanRecord(), view([wiredLink()])), ['the link is gone']);
    assert.deepEqual(driftOf(vxlanRecord(), view([greenLink({ name: 'blue' })])), ['the link was renamed to blue']);
    assert.deepEqual(driftOf(cniRecord(), view([wiredLink({ name: 'net9' })])), ['the link was renamed to net9']);
    const another = wiredLink({ name: 'net9', mac: '02:00:00:00:00:99' });
    assert.deepEqual(driftOf(cniRecord(), view([another])), ['the link was renamed to net9']);
    const replaced = ['the link is gone, and another one has its name'];
    assert.deepEqual(driftOf(cniRecord(), view([wiredLink({ ifindex: 9 })])), replaced);
  });

  test('is none of a CNI interface whose name a program in the pod gave to another link, whatever it did to both', () => {
    const nic = wiredLink({ name: 'net9', mac: '02:00:00:00:00:99', up: false, mtu: 1300, cidrs: [] });
    assert.deepEqual(driftOf(cniRecord(), view([nic, wiredLink({ ifindex: 9, up: false })]), 'CHECK: no'), []);
    const green = [greenLink({ name: 'blue' }), wiredLink({ ifindex: 9, name: 'green' })];
    assert.notDeepEqual(driftOf(vxlanRecord(), view(green)), [], 'of a VXLAN link it is');
  });

  test('is no address that somebody added, nor an IPv6 address of a CNI interface, which a router may have given', () => {
    const cidrs = ['10.2.0.2/24', '10.2.0.250/32'];
    assert.deepEqual(driftOf(cniRecord(), view([wiredLink({ cidrs })])), []);
  });

  test('is what CHECK says of a CNI interface', () => {
    assert.deepEqual(driftOf(cniRecord(), view(both), 'CHECK: bridge: no'), ['CHECK: bridge: no']);
  });
});
