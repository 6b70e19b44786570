/** whereabouts' objects, as its releases write them, and what becomes of them. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { poolNameOf } from '../../../adapters/ipam/declared-pool.ts';
import { ipNumbers } from '../../../adapters/ip/ip-numbers.ts';
import { podwiresRecords } from '../../../domain/ipam/taken-over.ts';
import { whereaboutsAddresses } from '../../../domain/ipam/whereabouts.ts';

const allocation = (id: string, podref = `shop/${id}`, ifname = 'net1') => ({ id, podref, ifname });

describe('addresses of whereabouts', () => {
  it('are those that its IPPools count from their ranges on, by the network that their names begin with', () => {
    const { found, unreadable } = whereaboutsAddresses(
      [
        { name: '192.168.2.0-24', range: '192.168.2.0/24', allocations: { 5: allocation('a'), 255: allocation('b') } },
        { name: 'blue-10.0.0.0-8', range: '10.0.0.0/8', allocations: { 16777215: allocation('c') } },
        { name: 'fd00--0-64', range: 'fd00::/64', allocations: { '18446744073709551615': allocation('d') } },
      ],
      [],
      ipNumbers,
    );
    assert.deepEqual(unreadable, []);
    assert.deepEqual(
      found.map(({ networkName, address, id }) => [networkName, ipNumbers.text(address), id]),
      [
        ['', '192.168.2.5', 'a'],
        ['', '192.168.2.255', 'b'],
        ['blue', '10.255.255.255', 'c'],
        ['', 'fd00::ffff:ffff:ffff:ffff', 'd'],
      ],
    );
  });

  it('are also those that only a reservation has, and each once', () => {
    const pools = [
      { name: '10.0.0.0-24', range: '10.0.0.0/24', allocations: { 5: allocation('a') } },
      { name: 'fd00-fd00---64', range: 'fd00::/64', allocations: {} },
    ];
    const { found, unreadable } = whereaboutsAddresses(
      pools,
      [
        { name: '10.0.0.5', ...allocation('a') },
        { name: '10.0.0.6', ...allocation('b') },
        { name: 'fd00-fd00--7', ...allocation('c') },
        { name: 'fd00-fd00--0', ...allocation('d') },
        { name: '172.16.0.1', ...allocation('e') },
      ],
      ipNumbers,
    );
    assert.deepEqual(
      found.map(({ networkName, address, id }) => [networkName, ipNumbers.text(address), id]),
      [
        ['', '10.0.0.5', 'a'],
        ['', '10.0.0.6', 'b'],
        ['fd00', 'fd00::7', 'c'],
        ['fd00', 'fd00::', 'd'],
      ],
    );
    assert.deepEqual(unreadable, ['OverlappingRangeIPReservation 172.16.0.1: it is in the range of no IPPool']);
  });

  it('that two have are named, for whoever has to decide', () => {
    const { unreadable } = whereaboutsAddresses(
      [{ name: '10.0.0.0-24', range: '10.0.0.0/24', allocations: { 5: allocation('old', 'shop/gone') } }],
      [{ name: '10.0.0.5', ...allocation('new', 'shop/lives') }],
      ipNumbers,
    );
    assert.deepEqual(unreadable, ['10.0.0.5: both shop/gone (old) and shop/lives (new) have it']);
  });

  it('that are none are named and left out', () => {
    const { found, unreadable } = whereaboutsAddresses(
      [
        { name: 'x', range: 'nonsense', allocations: { 1: allocation('a') } },
        {
          name: '255.255.255.0-24',
          range: '255.255.255.0/24',
          allocations: { 256: allocation('b'), '-1': allocation('c') },
        },
      ],
      [],
      ipNumbers,
    );
    assert.deepEqual(found, []);
    assert.equal(unreadable.length, 3);
  });

  it('become one record for each interface, with all of its addresses; those of pods that are gone are left out', () => {
    const { found } = whereaboutsAddresses(
      [
        {
          name: '10.0.0.0-24',
          range: '10.0.0.0/24',
          allocations: { 5: allocation('a'), 6: allocation('b'), 7: allocation('c', 'shop/c', '') },
        },
        { name: 'fd00---64', range: 'fd00::/64', allocations: { 5: allocation('a') } },
      ],
      [],
      ipNumbers,
    );
    const nodes = new Map([
      ['shop/a', 'n1'],
      ['shop/c', 'n2'],
    ]);
    const { records, gone } = podwiresRecords(found, nodes, { ip: ipNumbers, poolNameOf, at: 7 });
    assert.deepEqual(
      records.map(({ pool, owner, addresses }) => [pool, owner.id, owner.interfaceName, owner.node, addresses]),
      [
        ['default', 'a', 'net1', 'n1', [{ address: '10.0.0.5/24' }, { address: 'fd00::5/64' }]],
        ['default', 'c', '?', 'n2', [{ address: '10.0.0.7/24' }]],
      ],
    );
    assert.deepEqual(gone, ['10.0.0.6/24 of pool default is left out: its pod shop/b is not there']);
  });
});
