import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { convertSlices } from '../../../domain/reflect/convert.ts';
import { serviceOfSlice } from '../../../domain/reflect/mapping/slices.ts';

const slice = (name: string, fields: object): object => ({
  metadata: { name, namespace: 'shop', labels: { 'kubernetes.io/service-name': 'web' } },
  addressType: 'IPv4',
  ports: [{ name: 'http', port: 80, protocol: 'TCP' }],
  ...fields,
});
const endpoint = (ip: string, conditions?: object): object => ({ addresses: [ip], conditions });
const subsetsOf = (slices: readonly object[], family?: 'IPv4' | 'IPv6') => {
  const made = convertSlices(slices, family);
  assert.ok(made.ok, made.ok ? '' : made.reason);
  assert.deepEqual([made.name, made.namespace], ['web', 'shop']);
  return made.record.endpoint_subsets ?? [];
};
const http = [{ name: 'http', port: 80, protocol: 'TCP' }];

describe('endpoints of a service from its EndpointSlices', () => {
  it('gathers the addresses of several slices in one subset, sorted', () => {
    const slices = [
      slice('web-b', { endpoints: [endpoint('10.0.0.3'), endpoint('10.0.0.1', { ready: true })] }),
      slice('web-a', { endpoints: [endpoint('10.0.0.2', { ready: false })] }),
    ];
    assert.deepEqual(subsetsOf(slices), [
      { addresses: [{ ip: '10.0.0.1' }, { ip: '10.0.0.3' }], not_ready_addresses: [{ ip: '10.0.0.2' }], ports: http },
    ]);
  });

  it('makes a subset of each list of ports, whatever its order', () => {
    const two = [
      { name: 'a', port: 1 },
      { name: 'b', port: 2 },
    ];
    const slices = [
      slice('1', { ports: two, endpoints: [endpoint('10.0.0.1')] }),
      slice('2', { ports: [...two].reverse(), endpoints: [endpoint('10.0.0.2')] }),
      slice('3', { ports: [{ name: 'a', port: 9 }], endpoints: [endpoint('10.0.0.3')] }),
      slice('4', { ports: null, endpoints: [endpoint('10.0.0.4')] }),
    ];
    const found = subsetsOf(slices).map(({ ports = [], addresses = [] }) => [
      ports.map((p) => p.port),
      addresses.length,
    ]);
    assert.deepEqual(found, [
      [[], 1],
      [[1, 2], 2],
      [[9], 1],
    ]);
  });

  it('takes an address that moves from slice to slice once, and for ready when one of them says so', () => {
    const reference = (resourceVersion: string): object => ({ targetRef: { kind: 'Pod', uid: 'u', resourceVersion } });
    const slices = [
      slice('1', { endpoints: [{ ...endpoint('10.0.0.1', { ready: false }), ...reference('1') }] }),
      slice('2', { endpoints: [{ ...endpoint('10.0.0.1', { ready: true }), ...reference('2') }] }),
    ];
    for (const order of [slices, [...slices].reverse()]) {
      const [subset, ...others] = subsetsOf(order);
      assert.deepEqual(others, []);
      assert.deepEqual(
        subset?.addresses?.map(({ ip }) => ip),
        ['10.0.0.1'],
      );
      assert.equal(subset?.not_ready_addresses, undefined);
    }
  });

  it('leaves out pods that are ending, unless they are to be published', () => {
    const slices = [
      slice('1', {
        endpoints: [
          endpoint('10.0.0.1', { ready: false, serving: true, terminating: true }),
          endpoint('10.0.0.2', { ready: true, terminating: true }),
        ],
      }),
    ];
    assert.deepEqual(subsetsOf(slices), [{ addresses: [{ ip: '10.0.0.2' }], ports: http }]);
  });

  it('has addresses of one family, IPv4 unless the service says otherwise or has none', () => {
    const six = slice('6', { addressType: 'IPv6', endpoints: [endpoint('fd00::1')] });
    const four = slice('4', { endpoints: [endpoint('10.0.0.1')] });
    const name = slice('n', { addressType: 'FQDN', endpoints: [endpoint('web.example')] });
    const ips = (slices: object[], family?: 'IPv4' | 'IPv6') =>
      subsetsOf(slices, family).flatMap(({ addresses = [] }) => addresses.map(({ ip }) => ip));
    assert.deepEqual(ips([six, four, name]), ['10.0.0.1']);
    assert.deepEqual(ips([six, four], 'IPv6'), ['fd00::1']);
    assert.deepEqual(ips([six, name]), ['fd00::1']);
    assert.deepEqual(ips([name]), []);
  });

  it('is the same for every order of slices and endpoints', () => {
    const ip = fc.constantFrom('10.0.0.1', '10.0.0.2', '10.0.0.3');
    const some = fc.record({
      addresses: fc.tuple(ip),
      conditions: fc.record({ ready: fc.boolean(), terminating: fc.boolean() }, { requiredKeys: [] }),
      nodeName: fc.constantFrom('n1', 'n2'),
      targetRef: fc.record({ uid: fc.constantFrom('u1', 'u2'), resourceVersion: fc.constantFrom('1', '2') }),
    });
    const slices = fc.array(
      fc.record({
        endpoints: fc.array(some),
        ports: fc.constantFrom(http, [{ port: 9 }]),
        addressType: fc.constantFrom('IPv4', 'IPv6'),
      }),
      { minLength: 1, maxLength: 4 },
    );
    fc.assert(
      fc.property(slices, (made) => {
        const forwards = made.map((fields, index) => slice(String(index), fields));
        const backwards = made
          .map((fields) => slice('x', { ...fields, endpoints: [...fields.endpoints].reverse() }))
          .reverse();
        assert.deepEqual(subsetsOf(backwards), subsetsOf(forwards));
      }),
    );
  });

  it('refuses slices of several services, or of none', () => {
    const other = { metadata: { name: 'x', namespace: 'shop' } };
    assert.equal(convertSlices([slice('1', {}), other]).ok, false);
    assert.equal(serviceOfSlice(other), undefined);
    assert.deepEqual(serviceOfSlice(slice('1', {})), { name: 'web', namespace: 'shop' });
    assert.equal(convertSlices([slice('1', { endpoints: [{ addresses: '10.0.0.1' }] })]).ok, false);
    assert.equal(convertSlices([slice('1', { endpoints: [endpoint('10.0.0.1', { ready: 'yes' })] })]).ok, false);
  });
});
