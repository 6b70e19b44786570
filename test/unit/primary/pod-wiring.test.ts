import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ipNumbers } from '../../../adapters/ip/ip-numbers.ts';
import { podMtu, podWiring, wiringSettings } from '../../../domain/primary/pod-wiring.ts';
import { ownerOf } from '../../../domain/vxlan/link-alias.ts';

const wiring = (...pairs: [string, string][]) =>
  podWiring(
    { sandboxId: 'f'.repeat(64), ifName: 'eth0' },
    pairs.map(([address, gateway]) => ({
      address: ipNumbers.value(address) ?? assert.fail(address),
      gateway: ipNumbers.value(gateway) ?? assert.fail(gateway),
    })),
    1450,
    ipNumbers,
  );

describe('the wiring of a pod', () => {
  it('is named by the address, so that two pods of a node never meet', () => {
    const { hostName, podMac, addresses } = wiring(['10.1.1.2', '10.1.1.1'], ['fd00:1::2', 'fd00:1::1']);
    assert.deepEqual([hostName, podMac], ['pwp0a010102', '0a:58:0a:01:01:02']);
    assert.deepEqual(addresses, [
      { family: 4, address: '10.1.1.2', gateway: '10.1.1.1' },
      { family: 6, address: 'fd00:1::2', gateway: 'fd00:1::1' },
    ]);
    const six = wiring(['fd00:1::1:2345:6789:abcd', 'fd00:1::1']);
    assert.deepEqual([six.hostName, six.podMac], ['pwp23456789abcd', '0a:58:67:89:ab:cd']);
  });

  it('is not taken for a link of another network of podwire', () => {
    assert.equal(ownerOf(wiring(['10.1.1.2', '10.1.1.1']).alias), undefined);
  });

  it('switches IPv6 on where the pod has an address of it', () => {
    const four = wiringSettings(wiring(['10.1.1.2', '10.1.1.1']));
    assert.deepEqual([...four.pod.keys()], ['net/ipv6/conf/eth0/accept_ra']);
    const both = wiringSettings(wiring(['10.1.1.2', '10.1.1.1'], ['fd00:1::2', 'fd00:1::1']));
    assert.equal(both.pod.get('net/ipv6/conf/eth0/disable_ipv6'), '0');
    assert.equal(both.host.get('net/ipv6/conf/pwp0a010102/forwarding'), '1');
  });

  it('leaves the tunnel between the nodes its 50 or 70 bytes', () => {
    assert.deepEqual([podMtu(1500, 4), podMtu(1500, 6)], [1450, 1430]);
  });
});
