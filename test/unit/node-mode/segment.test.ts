/** The shape of a network of mode node on one node. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { linkLocal, portGuard } from '../../../domain/node-mode/port-guard.ts';
import { portName, portSettings, segmentNames, segmentPlan, segmentPort } from '../../../domain/node-mode/segment.ts';

const network = { scope: 'cluster.network', name: 'blue' };
const spec = { network, vni: 100, dstPort: 4789, floodUnknown: false, guarded: true };
const place = { node: 'n1', vtep: '192.0.2.1', parentMtu: 1500 };
const member = {
  ...{ podUid: 'p1', interfaceName: 'blue0', node: 'n1', vtep: '192.0.2.1', mac: '0a:58:0a:01:01:02' },
  addresses: ['10.1.1.2/24', 'fd00:1::2/64'],
};
const mtuOf = (more: object, there: object = {}): number =>
  segmentPlan({ ...spec, ...more }, { ...place, ...there }, [], () => '').mtu;

describe('a network of mode node', () => {
  test('has devices whose names fit into a link’s and are another tunnel’s for no tunnel', () => {
    const tunnel = fc.record({
      vni: fc.integer({ min: 1, max: 16_777_215 }),
      dstPort: fc.integer({ min: 1, max: 65_535 }),
    });
    fc.assert(
      fc.property(tunnel, tunnel, (a, b) => {
        const [one, other] = [segmentNames({ network, ...a }), segmentNames({ network, ...b })];
        assert.ok(one.device.length <= 15 && one.bridge.length <= 15);
        assert.equal(one.device === other.device, a.vni === b.vni && a.dstPort === b.dstPort);
        assert.notEqual(one.device, one.bridge);
      }),
    );
    assert.equal(portName('0123456789abcdef'), 'pwn0123456789ab');
  });

  test('has packets as large as the parent lets through its tunnels, or smaller where that is asked for', () => {
    assert.equal(mtuOf({}), 1450);
    assert.equal(mtuOf({}, { vtep: '2001:db8::1' }), 1430);
    assert.equal(mtuOf({ mtu: 1400 }), 1400);
    assert.equal(mtuOf({ mtu: 9000 }), 1450);
    assert.throws(() => mtuOf({}, { parentMtu: 100 }), { code: 'ParentMissing' });
  });

  test('does not name members whose tunnels are of another family', () => {
    const far = { ...member, node: 'n2', vtep: '2001:db8::2' };
    const { tunnels, senders } = segmentPlan(spec, place, [far], () => '');
    assert.deepEqual([tunnels, senders.from], [[], []]);
  });

  test('guards the ports of its own members, or none', () => {
    const guardsOf = (guarded: boolean) =>
      segmentPlan({ ...spec, guarded }, place, [member, { ...member, node: 'n2', vtep: '192.0.2.2' }], () => 'pwn1')
        .guards;
    assert.deepEqual(guardsOf(true), [{ port: 'pwn1', guard: portGuard(member.mac, member.addresses) }]);
    assert.deepEqual(guardsOf(false), []);
  });
});

describe('a member’s port', () => {
  const port = (guarded: boolean) =>
    segmentPort({ member, hostName: 'pwn1', alias: 'podwire:p1:1', isolated: false, guarded });

  test('may send as itself and as nobody else, unless that is not asked for', () => {
    assert.deepEqual(port(true).guard, {
      ...{ mac: member.mac, four: ['10.1.1.2'] },
      six: ['fd00:1::2', 'fe80::858:aff:fe01:102'],
    });
    assert.equal(port(false).guard, undefined);
    assert.deepEqual(portGuard(member.mac, []), { mac: member.mac, four: [], six: ['fe80::858:aff:fe01:102'] });
    assert.equal(linkLocal('02:00:00:00:00:01'), 'fe80::0:ff:fe00:1');
  });

  test('believes no router, and speaks IPv6 where it has an address of it', () => {
    assert.equal(portSettings(port(true)).get('net/ipv6/conf/blue0/accept_ra'), '0');
    assert.equal(portSettings(port(true)).get('net/ipv6/conf/blue0/disable_ipv6'), '0');
    const four = portSettings({ podName: 'blue0', addresses: ['10.1.1.2/24'] });
    assert.equal(four.has('net/ipv6/conf/blue0/disable_ipv6'), false);
  });
});
