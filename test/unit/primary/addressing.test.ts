/** Which addresses a node has by its ID. The tables' values are contiv's own: base + part, worked out by its formulas for its shipped configuration. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ipNumbers } from '../../../adapters/ip/ip-numbers.ts';
import {
  capacityOf,
  gatewayOf,
  nodeAddress,
  nodeAddressesOf,
  nodeIdOfMac,
  nodeIdOfNodeAddress,
  nodeIdOfSubnetAddress,
  NodeIdOutOfRange,
  nodeMac,
  nodeSubnet,
  partsOf,
  podRange,
  type DividedSubnet,
  type NodeAddresses,
} from '../../../domain/primary/addressing.ts';
import { CONTIV_CIDR_BITS, divideContivCidr } from '../../../domain/primary/contiv-cidr.ts';
import {
  addressAt,
  containsAddress,
  overlap,
  sizeOf,
  WIDTH,
  type IpValue,
  type Subnet,
} from '../../../domain/primary/subnet.ts';

const subnet = (text: string): Subnet => ipNumbers.subnet(text) ?? assert.fail(text);
const value = (text: string): IpValue => ipNumbers.value(text) ?? assert.fail(text);
const cidr = (of: Subnet): string => `${ipNumbers.text({ family: of.family, value: of.base })}/${of.prefix}`;

const pods = (text: string, nodePrefix: number): DividedSubnet => ({ whole: subnet(text), nodePrefix });
const nodes = (text: string, ...excluded: string[]): NodeAddresses => ({
  subnet: subnet(text),
  excluded: excluded.map(value),
});
const addressOfNode = (of: NodeAddresses, id: number): string => ipNumbers.text(nodeAddress(of, id));

describe('the pod network of a node', () => {
  for (const [whole, nodePrefix, id, expected] of [
    ['10.1.0.0/16', 24, 1, '10.1.1.0/24'],
    ['10.1.0.0/16', 24, 2, '10.1.2.0/24'],
    ['10.1.0.0/16', 24, 255, '10.1.255.0/24'],
    // As contiv has it since its #849: the last ID has the network that no other ID has.
    ['10.1.0.0/16', 24, 256, '10.1.0.0/24'],
    // Host bits of the whole are cleared first.
    ['1.2.3.4/16', 24, 5, '1.2.5.0/24'],
    ['172.30.0.0/16', 24, 7, '172.30.7.0/24'],
    ['10.128.0.0/14', 23, 300, '10.130.88.0/23'],
    // 32-bit arithmetic would wrap.
    ['255.0.0.0/8', 28, 1_048_575, '255.255.255.240/28'],
    ['fd00:10::/56', 64, 1, 'fd00:10:0:1::/64'],
    ['fd00:10::/56', 64, 256, 'fd00:10::/64'],
    ['fe10::/112', 121, 3, 'fe10::180/121'],
    ['fd00::/8', 64, 4_294_967_295, 'fd00:0:ffff:ffff::/64'],
  ] as const)
    it(`of ${id} in ${whole} by /${nodePrefix} is ${expected}`, () => {
      assert.equal(cidr(nodeSubnet(pods(whole, nodePrefix), id)), expected);
    });

  it('is refused for an ID that there is no network for', () => {
    for (const id of [0, -1, 257, 1.5, NaN, 2 ** 60])
      assert.throws(() => nodeSubnet(pods('10.1.0.0/16', 24), id), NodeIdOutOfRange);
    assert.throws(() => nodeSubnet(pods('10.1.0.0/16', 24), 257), /node ID 257 is out of range: 1 to 256/);
  });

  it('is nobody else’s, lies in the whole, and tells its node', () => {
    fc.assert(
      fc.property(aDivided, fc.nat(), fc.nat(), (divided, one, other) => {
        const highest = Number(partsOf(divided) > 2n ** 32n ? 2n ** 32n : partsOf(divided));
        const [a, b] = [1 + (one % highest), 1 + (other % highest)];
        const [first, second] = [nodeSubnet(divided, a), nodeSubnet(divided, b)];
        assert.equal(overlap(first, second), a === b);
        assert.equal(overlap(divided.whole, first), true);
        for (const index of [0n, 1n, sizeOf(first) - 1n].filter((each) => each < sizeOf(first)))
          assert.equal(nodeIdOfSubnetAddress(divided, addressAt(first, index)), a);
      }),
    );
  });

  it('tells no node of an address outside', () => {
    assert.equal(nodeIdOfSubnetAddress(pods('10.1.0.0/16', 24), value('10.2.0.1')), undefined);
    assert.equal(nodeIdOfSubnetAddress(pods('10.1.0.0/16', 24), value('::1')), undefined);
  });
});

describe('the address of a node', () => {
  for (const [whole, excluded, id, expected] of [
    ['192.168.16.0/24', [], 1, '192.168.16.1'],
    ['192.168.16.0/24', [], 254, '192.168.16.254'],
    ['192.168.30.0/24', [], 2, '192.168.30.2'],
    // Passed over, as contiv does: nodes behind the gateway move up by one.
    ['192.168.16.0/24', ['192.168.16.1'], 1, '192.168.16.2'],
    ['192.168.16.0/24', ['192.168.16.3'], 2, '192.168.16.2'],
    ['192.168.16.0/24', ['192.168.16.3'], 3, '192.168.16.4'],
    ['192.168.16.0/24', ['192.168.16.3', '192.168.16.4'], 3, '192.168.16.5'],
    // Of contiv's loop these moved everybody: one gateway for all nodes counted once a node, and one below the range as well.
    ['192.168.16.0/24', ['192.168.16.1', '192.168.16.1'], 1, '192.168.16.2'],
    ['192.168.16.0/24', ['10.0.0.1'], 1, '192.168.16.1'],
    ['192.168.16.0/24', ['fd00::1'], 1, '192.168.16.1'],
    ['fe10::2:0/119', [], 3, 'fe10::2:3'],
    ['fd00:16::/64', ['fd00:16::1'], 1, 'fd00:16::2'],
  ] as const)
    it(`of ${id} in ${whole} without ${excluded.join(' and ') || 'exclusions'} is ${expected}`, () => {
      assert.equal(addressOfNode(nodes(whole, ...excluded), id), expected);
    });

  it('is never the broadcast address, and never beyond the range', () => {
    const full = nodes('192.168.16.0/24');
    assert.throws(() => nodeAddress(full, 255), /node ID 255 is out of range: 1 to 254/);
    assert.throws(() => nodeAddress(full, 256), NodeIdOutOfRange);
    const excluding = nodes('192.168.16.0/24', '192.168.16.254');
    assert.equal(addressOfNode(excluding, 253), '192.168.16.253');
    assert.throws(() => nodeAddress(excluding, 254), /1 to 253/);
    assert.throws(() => nodeAddress(nodes('255.255.255.0/24', '255.255.255.1'), 254), NodeIdOutOfRange);
    assert.throws(() => nodeAddress(nodes('10.0.0.0/31'), 1), NodeIdOutOfRange);
    assert.throws(() => nodeAddress(nodes('10.0.0.1/32'), 1), NodeIdOutOfRange);
  });

  it('is nobody else’s, none of the excluded, neither end of the range, and tells its node', () => {
    fc.assert(
      fc.property(aSubnet(1, 12), fc.array(fc.nat()), fc.nat(), fc.nat(), (whole, someExcluded, one, other) => {
        const excluded = someExcluded.map((index) => addressAt(whole, BigInt(index) % sizeOf(whole)));
        const addresses = { subnet: whole, excluded };
        const highest = Number(nodeAddressesOf(addresses));
        if (highest === 0) return;
        const [a, b] = [1 + (one % highest), 1 + (other % highest)];
        const [first, second] = [nodeAddress(addresses, a), nodeAddress(addresses, b)];
        assert.equal(first.value === second.value, a === b);
        assert.equal(containsAddress(whole, first), true);
        assert.equal(first.value !== whole.base && first.value !== whole.base + sizeOf(whole) - 1n, true);
        assert.equal(
          excluded.every((each) => each.value !== first.value),
          true,
        );
        assert.equal(nodeIdOfNodeAddress(addresses, first), a);
      }),
    );
  });

  it('tells no node of what no node can have', () => {
    const excluding = nodes('192.168.16.0/24', '192.168.16.9');
    for (const address of ['192.168.16.0', '192.168.16.9', '192.168.16.255', '192.168.17.1', 'fd00::1'])
      assert.equal(nodeIdOfNodeAddress(excluding, value(address)), undefined);
  });
});

describe('addresses for pods', () => {
  it('are those that contiv hands out: without gateway, NAT address and both ends', () => {
    const range = podRange(subnet('10.1.1.0/24'));
    assert.equal(ipNumbers.text(gatewayOf(range.subnet)), '10.1.1.1');
    assert.equal(ipNumbers.text(addressAt(range.subnet, range.first)), '10.1.1.2');
    assert.equal(ipNumbers.text(addressAt(range.subnet, range.last)), '10.1.1.253');
    assert.equal(capacityOf(range), 252n);
    assert.equal(capacityOf(podRange(subnet('10.1.1.8/29'))), 4n);
    assert.equal(capacityOf(podRange(subnet('fd00:10::/64'))), 2n ** 64n - 4n);
  });

  it('are not looked for where there is room for none', () => {
    assert.throws(() => podRange(subnet('10.1.1.0/30')), /a pod subnet of \/30 has room for no pod/);
  });
});

describe('the MAC of a node', () => {
  for (const [id, expected] of [
    [1, '1a:2b:3c:4d:5e:01'],
    [255, '1a:2b:3c:4d:5e:ff'],
    [256, '12:2b:00:00:01:00'],
    [257, '12:2b:00:00:01:01'],
    [4_294_967_295, '12:2b:ff:ff:ff:ff'],
  ] as const)
    it(`of ${id} is ${expected}, as contiv has it`, () => assert.equal(nodeMac(id), expected));

  it('tells its node', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 0xffff_ffff }), (id) => nodeIdOfMac(nodeMac(id)) === id));
    for (const mac of ['1a:2b:3c:4d:5e:00', '12:2b:00:00:00:05', '02:00:00:00:00:02', ''])
      assert.equal(nodeIdOfMac(mac), undefined);
    assert.throws(() => nodeMac(0x1_0000_0000), NodeIdOutOfRange);
  });
});

describe('one range for everything', () => {
  const shown = (text: string): Record<string, string> => {
    const { nodePrefix, ...subnets } = divideContivCidr(subnet(text)) ?? assert.fail('too small');
    return {
      ...Object.fromEntries(Object.entries(subnets).map(([key, of]) => [key, cidr(of)])),
      nodes: `/${nodePrefix}`,
    };
  };

  it('is divided as contiv does', () => {
    assert.deepEqual(shown('10.128.0.0/14'), {
      pods: '10.128.0.0/16',
      hosts: '10.129.0.0/16',
      nodeInterconnect: '10.130.0.0/23',
      vxlan: '10.130.2.0/23',
      podInterfaces: '10.130.4.0/25',
      nodes: '/25',
    });
    assert.deepEqual(shown('fe10::/64'), {
      pods: 'fe10::/112',
      hosts: 'fe10::1:0/112',
      nodeInterconnect: 'fe10::2:0/119',
      vxlan: 'fe10::2:200/119',
      podInterfaces: 'fe10::2:400/121',
      nodes: '/121',
    });
  });

  it('is too small with less than 18 bits', () => {
    assert.equal(divideContivCidr(subnet('10.128.0.0/15')), undefined);
    assert.equal(divideContivCidr(subnet('fe10::/111')), undefined);
    assert.notEqual(divideContivCidr(subnet('fe10::/110')), undefined);
  });

  it('has parts that do not overlap', () => {
    fc.assert(
      fc.property(aSubnet(CONTIV_CIDR_BITS, 32), (whole) => {
        const parts = divideContivCidr(whole) ?? assert.fail('too small');
        const all = [parts.pods, parts.hosts, parts.nodeInterconnect, parts.vxlan, parts.podInterfaces];
        for (const [index, part] of all.entries()) {
          assert.equal(part.base >= whole.base && part.base + sizeOf(part) <= whole.base + sizeOf(whole), true);
          assert.equal(
            all.every((other, place) => place === index || !overlap(part, other)),
            true,
          );
        }
      }),
    );
  });
});

const anAddress: fc.Arbitrary<IpValue> = fc.oneof(
  fc.bigInt({ min: 0n, max: 2n ** 32n - 1n }).map((value) => ({ family: 4 as const, value })),
  fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }).map((value) => ({ family: 6 as const, value })),
);

/** With from `least` to `most` bits for hosts. */
function aSubnet(least: number, most: number): fc.Arbitrary<Subnet> {
  return fc.tuple(anAddress, fc.integer({ min: least, max: most })).map(([{ family, value: number }, bits]) => ({
    family,
    base: (number >> BigInt(bits)) << BigInt(bits),
    prefix: WIDTH[family] - bits,
  }));
}

const aDivided: fc.Arbitrary<DividedSubnet> = aSubnet(1, 32).chain((whole) =>
  fc.record({
    whole: fc.constant(whole),
    nodePrefix: fc.integer({ min: whole.prefix + 1, max: WIDTH[whole.family] }),
  }),
);

describe('numbers of addresses', () => {
  it('are text again as they were', () => {
    fc.assert(fc.property(anAddress, (address) => assert.deepEqual(ipNumbers.value(ipNumbers.text(address)), address)));
    for (const text of ['10.1.2', '::ffff:1.2.3.4', 'fe80::1%eth0', '']) assert.equal(ipNumbers.value(text), undefined);
    assert.equal(ipNumbers.subnet('10.0.0.0/33'), undefined);
  });
});
