import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { cniFacts } from '../../../adapters/cni/facts.ts';
import { parseResult } from '../../../adapters/cni/result.ts';

const NETNS = '/run/netns/a';
const RESULT = {
  cniVersion: '1.0.0',
  interfaces: [{ name: 'br0' }, { name: 'net1', mac: '02:00:00:00:00:01', sandbox: NETNS }],
  ips: [{ address: '10.1.0.5/24', gateway: '10.1.0.1', interface: 1 }],
};
const facts = (change: object, interfaceName = 'net1') =>
  cniFacts(JSON.stringify({ ...RESULT, ...change }), interfaceName);

describe('a result of ADD is taken', () => {
  const read = (change: object) => parseResult('bridge', JSON.stringify({ ...RESULT, ...change }));

  it('with a route that has no destination, which is the default one', () => {
    assert.deepEqual(read({ routes: [{ gw: '10.1.0.1' }] }).routes, [{ gw: '10.1.0.1' }]);
    assert.deepEqual(facts({ routes: [{ gw: '10.1.0.1' }] }).gateways, ['10.1.0.1']);
  });

  it('with an address that is on no interface of the result, written as -1', () => {
    assert.deepEqual(read({ ips: [{ address: '10.1.0.5/24', interface: -1 }] }).ips, [{ address: '10.1.0.5/24' }]);
  });
});

describe('of a result the status shows', () => {
  it('as gateways those of default routes, and not those of addresses', () => {
    assert.deepEqual(facts({}).gateways, []);
    assert.deepEqual(facts({ routes: [{ dst: '10.8.0.0/16', gw: '10.1.0.2' }] }).gateways, []);
    const routes = [
      { dst: '0.0.0.0/0', gw: '10.1.0.9' },
      { dst: '::/0', gw: 'fd00::9' },
    ];
    assert.deepEqual(facts({ routes }).gateways, ['10.1.0.9', 'fd00::9']);
  });

  it('for a default route without a gateway that of the addresses of its family, as plugins take it', () => {
    const routes = [{ dst: '0.0.0.0/0' }, { dst: '::/0' }];
    assert.deepEqual(facts({ routes }).gateways, ['10.1.0.1']);
  });

  it('every other interface in the pod that plugins report, with its addresses', () => {
    const interfaces = [...RESULT.interfaces, { name: 'net1.7', mac: '02:00:00:00:00:07', sandbox: NETNS }];
    const ips = [...RESULT.ips, { address: '10.7.0.5/24', interface: 2 }];
    assert.deepEqual(facts({ interfaces, ips }).others, [
      { interfaceName: 'net1.7', mac: '02:00:00:00:00:07', addresses: ['10.7.0.5/24'] },
    ]);
    assert.equal(facts({ interfaces, ips }).misnamed, undefined);
    assert.deepEqual(facts({}).others, []);
  });

  it('an interface of another name than was asked for, with a warning', () => {
    const { others, misnamed } = facts({}, 'data0');
    assert.deepEqual(others, [{ interfaceName: 'net1', mac: '02:00:00:00:00:01', addresses: ['10.1.0.5/24'] }]);
    assert.match(misnamed ?? '', /report net1 .* and not data0/);
    assert.equal(facts({ interfaces: [{ name: 'br0' }], ips: [] }, 'data0').misnamed, undefined, 'none is reported');
  });

  it('nothing where it cannot be read', () => {
    assert.deepEqual(cniFacts('x', 'net1'), { gateways: [], others: [] });
  });
});
