/** Which addresses a pod has by what the plugins before podwire's have made. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ipCodec } from '../../../adapters/ip/ip-codec.ts';
import { podAddresses } from '../../../domain/cni-server/prev-result.ts';

const of = (prevResult: Record<string, unknown>): readonly string[] => podAddresses(prevResult, 'eth0', ipCodec);

describe("the pod's addresses in a result of CNI", () => {
  it("are those of the pod's own interface, not those of bridges and of host ends", () => {
    const interfaces = [{ name: 'cni0' }, { name: 'veth1' }, { name: 'eth0', sandbox: '/run/netns/x' }];
    const ips = [
      { address: '10.1.0.1/24', interface: 0 },
      { address: '10.1.0.5/24', interface: 2, gateway: '10.1.0.1' },
    ];
    assert.deepEqual(of({ interfaces, ips }), ['10.1.0.5']);
  });

  it('have the IPv4 address first, as the kubelet gets them of the container runtime', () => {
    assert.deepEqual(of({ ips: [{ address: 'FD00::5/64' }, { version: '4', address: '10.1.0.5/24' }] }), [
      '10.1.0.5',
      'fd00::5',
    ]);
  });

  it('are none where the result is of another form', () => {
    for (const prevResult of [{}, { ips: 'none' }, { ips: [null, { address: 7 }, { address: 'x/24' }] }])
      assert.deepEqual(of(prevResult), []);
    assert.deepEqual(of({ interfaces: [{ name: 'eth0' }], ips: [{ address: '10.1.0.5/24', interface: 0 }] }), []);
  });
});
