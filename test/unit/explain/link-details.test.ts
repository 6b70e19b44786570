/** What `podwire explain` takes out of iproute2's text. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readLinkDetails } from '../../../domain/explain/link-details.ts';

/** iproute2 6.1 of Debian 12, of a link that podwire made. */
const VXLAN = `3: red: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450 qdisc noqueue state UNKNOWN group default qlen 1000
    link/ether 8e:1c:5b:0a:77:01 brd ff:ff:ff:ff:ff:ff promiscuity 0  allmulti 0 minmtu 68 maxmtu 65535
    vxlan id 7 dev eth0 srcport 0 0 dstport 8472 ttl auto ageing 300 udpcsum noudp6zerocsumtx noudp6zerocsumrx numtxqueues 1 numrxqueues 1
    alias podwire:v1:abc
    inet 10.9.0.1/24 scope global red
       valid_lft forever preferred_lft forever
    inet6 fd00::1/64 scope global nodad
       valid_lft forever preferred_lft forever
    inet6 fe80::8c1c:5bff:fe0a:7701/64 scope link
       valid_lft forever preferred_lft forever
`;
const DOWN = `4: net1@if9: <BROADCAST,MULTICAST> mtu 1500 qdisc noop state DOWN group default qlen 1000
    link/ether 02:00:00:00:00:02 brd ff:ff:ff:ff:ff:ff link-netnsid 0
    veth numtxqueues 2 numrxqueues 2
`;

describe('details of a link', () => {
  it('are read from what ip prints of a VXLAN link, without the addresses that every link has', () => {
    assert.deepEqual(readLinkDetails(VXLAN), {
      ...{ up: true, mtu: 1450, mac: '8e:1c:5b:0a:77:01', vni: 7, addresses: ['10.9.0.1/24', 'fd00::1/64'] },
    });
  });

  it('are read from what ip prints of a veth that is down', () => {
    assert.deepEqual(readLinkDetails(DOWN), { up: false, mtu: 1500, mac: '02:00:00:00:00:02', addresses: [] });
  });

  it('are none where there is no such link', () => {
    assert.equal(readLinkDetails('Device "red" does not exist.\n'), undefined);
    assert.equal(readLinkDetails(''), undefined);
  });
});
