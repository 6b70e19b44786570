/** What a node lets through, before the kernel is told. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ipNumbers } from '../../../adapters/ip/ip-numbers.ts';
import { mergedRanges, nodeFilter } from '../../../domain/primary/node-filter.ts';
import { memberMac, membersToReach, type NodeMember } from '../../../domain/primary/node-member.ts';
import { subnetAt, type Subnet } from '../../../domain/primary/subnet.ts';

const subnet = (text: string): Subnet => ipNumbers.subnet(text) ?? assert.fail(text);
const member = (number: number): NodeMember => ({
  ...{ node: `n${number}`, addresses: [`192.0.2.${number}`, `2001:db8::${number}`], mac: `0e:70:00:00:00:0${number}` },
  subnets: [`10.1.${number}.0/24`, `fd00:1:${number}::/64`],
});
const written = (ranges: ReturnType<typeof mergedRanges>): string[] =>
  ranges.map(({ family, first, last }) => [first, last].map((value) => ipNumbers.text({ family, value })).join('-'));

describe('what a node lets through', () => {
  it('are tunnels of all nodes, and pods’ own addresses to pods of all nodes alone', () => {
    const settings = { dstPort: 4789, podLinks: 'pwp', masquerade: true, keepSource: [subnet('172.16.0.0/12')] };
    const { nodes, masqueraded, kept } = nodeFilter(member(1), [member(3), member(1), member(2)], settings, ipNumbers);
    assert.deepEqual(nodes, ['192.0.2.1', '192.0.2.2', '192.0.2.3', '2001:db8::1', '2001:db8::2', '2001:db8::3']);
    assert.deepEqual(masqueraded, [subnet('10.1.1.0/24'), subnet('fd00:1:1::/64')]);
    assert.deepEqual(written(kept), [
      '10.1.1.0-10.1.3.255',
      '172.16.0.0-172.31.255.255',
      '224.0.0.0-239.255.255.255',
      ...[1, 2, 3].map((number) => `fd00:1:${number}::-fd00:1:${number}:0:ffff:ffff:ffff:ffff`),
      'ff00::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
    ]);
  });

  it('is masqueraded nowhere where the administrator says so', () => {
    const settings = { dstPort: 4789, podLinks: 'pwp', masquerade: false, keepSource: [] };
    const { masqueraded, kept } = nodeFilter(member(1), [member(2)], settings, ipNumbers);
    assert.deepEqual([masqueraded, kept], [[], []]);
  });
});

describe('ranges of addresses', () => {
  const anySubnet = fc
    .tuple(fc.integer({ min: 26, max: 32 }), fc.bigInt({ min: 0n, max: 255n }))
    .map(([prefix, value]): Subnet => ({
      family: 4,
      base: (value >> BigInt(32 - prefix)) << BigInt(32 - prefix),
      prefix,
    }));

  it('hold the addresses of the subnets and no others, and neither overlap nor touch one another', () => {
    fc.assert(
      fc.property(fc.array(anySubnet), (subnets) => {
        const ranges = mergedRanges(subnets);
        for (let value = 0n; value < 320n; value += 1n) {
          const isMeant = subnets.some(
            ({ base, prefix }) => value >> BigInt(32 - prefix) === base >> BigInt(32 - prefix),
          );
          assert.equal(
            ranges.some(({ first, last }) => value >= first && value <= last),
            isMeant,
          );
        }
        for (const [index, { first }] of ranges.entries()) {
          const before = ranges[index - 1];
          assert.ok(before === undefined || first > before.last + 1n);
        }
      }),
    );
  });
});

describe('the MAC of a node’s end of the tunnels', () => {
  it('is a unicast MAC of its own for each of the subnets that a range is divided into', () => {
    for (const [range, longer, count] of [
      ['10.0.0.0/8', 24, 65_536],
      ['fd00::/48', 64, 65_536],
      ['fd00::/112', 124, 4_096],
    ] as const) {
      const macs = new Set<string>();
      for (let index = 0; index < count; index += 1)
        macs.add(memberMac(subnetAt(subnet(range), longer, BigInt(index))));
      assert.equal(macs.size, count, range);
      for (const mac of macs) assert.match(mac, /^0e:70(:[0-9a-f]{2}){4}$/);
    }
  });
});

describe('whom a node reaches', () => {
  const found = { members: [member(1), member(2)], unreadable: [], isWhole: true };

  it('is whom etcd has, once it has everybody', () => {
    assert.deepEqual(membersToReach(found, [member(3)]), found.members);
  });

  it('is whom it remembers besides, where etcd was begun anew', () => {
    const old = { ...member(2), mac: '0e:70:00:00:00:99' };
    assert.deepEqual(membersToReach({ ...found, isWhole: false }, [old, member(3)]), [...found.members, member(3)]);
  });

  it('is whom it remembers where a record cannot be read', () => {
    assert.deepEqual(membersToReach({ ...found, unreadable: ['n3'] }, [member(3), member(4)]), [
      ...found.members,
      member(3),
    ]);
  });
});
