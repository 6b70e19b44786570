/** How a node reaches the pods of others, as it is planned before the kernel is asked for anything. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ipNumbers } from '../../../adapters/ip/ip-numbers.ts';
import { memberMac, type NodeMember } from '../../../domain/primary/node-member.ts';
import { meshPlan, meshSettings, type MeshSettings, type MeshView } from '../../../domain/primary/node-mesh.ts';

const subnet = (text: string) => ipNumbers.subnet(text) ?? assert.fail(text);
const member = (number: number, more: Partial<NodeMember> = {}): NodeMember => {
  const subnets = more.subnets ?? [`10.1.${number}.0/24`, `fd00:1:${number}::/64`];
  return {
    ...{ node: `n${number}`, addresses: [`192.0.2.${number}`, `2001:db8::${number}`], subnets },
    mac: more.mac ?? memberMac(subnet(subnets[0] ?? '')),
    ...more,
  };
};
const link = (name: string, mtu: number, ...cidrs: string[]): MeshView['links'][number] => ({
  ...{ name, mtu },
  addresses: cidrs.map((cidr) => ({ cidr, family: cidr.includes(':') ? 6 : 4, linkLocal: cidr.startsWith('fe80') })),
});
const ETH0 = link('eth0', 1500, '192.0.2.1/26', '2001:db8::1/64', 'fe80::1/64');
const plan = (members: readonly NodeMember[], settings: Partial<MeshSettings> = {}, more: Partial<MeshView> = {}) =>
  meshPlan(
    { own: member(1), members, links: [link('lo', 65_536, '127.0.0.1/8'), ETH0], ...more },
    { ...{ device: 'podwire0', vni: 10, dstPort: 4789, parent: undefined, directRouting: 'never' }, ...settings },
    ipNumbers,
  );
const texts = (routes: ReturnType<typeof plan>['routes']): string[] =>
  routes.map(({ destination: { address, prefix }, link: by, gateway, source }) =>
    [`${address}/${prefix}`, by ?? 'unreachable', gateway && `via ${gateway}`, source && `from ${source}`]
      .filter((part) => part !== undefined)
      .join(' '),
  );

describe('the mesh between nodes as it is planned', () => {
  it('has a device that the tunnels fit into, with the gateways’ addresses and no way to pods that are not there', () => {
    const { device, addresses, entries, neighbours, routes, unreached } = plan([member(1)]);
    assert.deepEqual(device, {
      ...{ name: 'podwire0', alias: 'podwire-primary', vni: 10, dstPort: 4789, local: '192.0.2.1', mtu: 1450 },
      mac: '0e:70:0a:01:01:00',
    });
    assert.deepEqual(
      addresses.map(({ address }) => address),
      ['10.1.1.1', 'fd00:1:1::1'],
    );
    assert.deepEqual(texts(routes), ['10.1.1.0/24 unreachable', 'fd00:1:1::/64 unreachable']);
    assert.deepEqual([entries, neighbours, unreached], [[], [], []]);
  });

  it('reaches a peer by its gateway, which is a neighbour by heart behind its node’s address', () => {
    const { entries, neighbours, routes } = plan([member(1), member(2)]);
    const mac = '0e:70:0a:01:02:00';
    assert.deepEqual(entries, [{ mac, destination: '192.0.2.2' }]);
    assert.deepEqual(neighbours, [
      { address: '10.1.2.1', mac },
      { address: 'fd00:1:2::1', mac },
    ]);
    assert.deepEqual(texts(routes).slice(2), [
      '10.1.2.1/32 podwire0',
      '10.1.2.0/24 podwire0 via 10.1.2.1 from 10.1.1.1',
      'fd00:1:2::1/128 podwire0',
      'fd00:1:2::/64 podwire0 via fd00:1:2::1 from fd00:1:1::1',
    ]);
  });

  it('has tunnels of IPv6 where the node has no other address, 70 bytes smaller', () => {
    const own = member(1, { addresses: ['2001:db8::1'] });
    const { device, entries, unreached } = plan([member(2), member(3, { addresses: ['192.0.2.3'] })], {}, { own });
    assert.deepEqual([device.local, device.mtu], ['2001:db8::1', 1430]);
    assert.deepEqual(entries, [{ mac: '0e:70:0a:01:02:00', destination: '2001:db8::2' }]);
    assert.deepEqual(
      unreached.map(({ node, why }) => `${node}: ${why}`),
      Array<string>(2).fill('n3: it has no IPv6 address, of which the tunnels are'),
    );
  });

  it('leaves out families that the node’s own pods do not have', () => {
    const own = member(1, { subnets: ['10.1.1.0/24'] });
    assert.doesNotMatch(texts(plan([member(2)], {}, { own }).routes).join(), /fd00/);
  });

  for (const [directRouting, toNear, toFar] of [
    ['auto', /10\.1\.2\.0\/24 eth0 via 192\.0\.2\.2 from 10\.1\.1\.1/, /10\.1\.99\.0\/24 podwire0/],
    ['always', /10\.1\.2\.0\/24 eth0 via 192\.0\.2\.2/, undefined],
    ['never', /10\.1\.2\.0\/24 podwire0/, /10\.1\.99\.0\/24 podwire0/],
  ] as const)
    it(`with direct routing ${directRouting}: who is a neighbour, and who is farther away`, () => {
      const { routes, entries, unreached } = plan([member(2), member(99)], { directRouting });
      const all = texts(routes).join('\n');
      assert.match(all, toNear);
      if (toFar !== undefined) assert.match(all, toFar);
      else assert.doesNotMatch(all, /10\.1\.99/);
      // 192.0.2.99 is none of 192.0.2.1/26; 2001:db8::99 is a neighbour.
      assert.deepEqual(
        unreached.map(({ node }) => node),
        directRouting === 'always' ? ['n99'] : [],
      );
      assert.deepEqual(
        entries.map(({ destination }) => destination),
        { auto: ['192.0.2.99'], always: [], never: ['192.0.2.2', '192.0.2.99'] }[directRouting],
      );
    });

  it('goes by the parent’s MTU and neighbours that the administrator names', () => {
    const links = [ETH0, link('eth1', 9000, '198.51.100.1/24')];
    const peer = member(2, { addresses: ['192.0.2.2', '2001:db8:7::2'] });
    const { device, routes } = plan([peer], { parent: 'eth1', directRouting: 'auto' }, { links });
    assert.equal(device.mtu, 8950);
    assert.match(texts(routes).join(), /10\.1\.2\.0\/24 podwire0/);
  });

  it('is none where the node has not the address that it is known by, or not the parent', () => {
    assert.throws(() => plan([], {}, { links: [link('eth0', 1500, '192.0.2.7/24')] }), { code: 'ParentMissing' });
    assert.throws(() => plan([], { parent: 'eth7' }), { code: 'ParentMissing' });
    assert.throws(() => plan([], {}, { own: member(1, { addresses: [] }) }), { code: 'ParentMissing' });
    // Its own device does not count.
    assert.throws(() => plan([], {}, { links: [link('podwire0', 1450, '192.0.2.1/32')] }), { code: 'ParentMissing' });
  });

  it('does not reach a node whose pods have addresses of another one’s, and says so', () => {
    const members = [
      member(2, { subnets: ['10.1.0.0/16'] }),
      member(3, { subnets: ['10.3.0.0/16'] }),
      member(4, { subnets: ['10.3.4.0/24'], mac: '0e:70:00:00:00:04' }),
      member(5, { subnets: ['10.3.0.0/16'], mac: '0e:70:00:00:00:05' }),
      member(6, { subnets: ['10.6.0.0/16'], mac: '0e:70:0a:03:00:00' }),
      member(7, { subnets: ['words'], mac: '0e:70:00:00:00:07' }),
    ];
    const { routes, unreached } = plan(members);
    assert.deepEqual(
      unreached.map(({ node, why }) => `${node}: ${why}`),
      [
        'n7: its pod subnets cannot be read',
        'n2: its pod subnet 10.1.0.0/16 overlaps that of n1',
        'n5: its pod subnet 10.3.0.0/16 overlaps that of n3',
        'n4: its pod subnet 10.3.4.0/24 overlaps that of n3',
        'n6: its MAC 0e:70:0a:03:00:00 is that of n3',
      ],
    );
    assert.deepEqual(
      texts(routes).filter((text) => text.includes('via')),
      ['10.3.0.0/16 podwire0 via 10.3.0.1 from 10.1.1.1'],
    );
  });

  it('lets no record take over the networks that the node is in', () => {
    const members = ['0.0.0.0/0', '192.0.2.0/24', '127.0.0.0/8'].map((text, index) =>
      member(index + 2, { subnets: [text], mac: `0e:70:00:00:00:0${index}` }),
    );
    const { routes, unreached } = plan(members);
    assert.deepEqual(
      unreached.map(({ node, why }) => `${node}: ${why}`),
      [
        'n2: its pod subnet 0.0.0.0/0 overlaps that of n1',
        "n4: its pod subnet 127.0.0.0/8 holds this node's address 127.0.0.1",
        "n3: its pod subnet 192.0.2.0/24 holds this node's address 192.0.2.1",
      ],
    );
    assert.deepEqual(texts(routes), ['10.1.1.0/24 unreachable', 'fd00:1:1::/64 unreachable']);
  });

  it('never has two ways to one destination, nor a MAC behind two nodes, whatever others say', () => {
    const anySubnet = fc
      .tuple(fc.integer({ min: 0, max: 15 }), fc.integer({ min: 12, max: 28 }))
      .map(([at, prefix]) => `10.${at * 16}.${at}.0/${prefix}`);
    const anyMember = fc.record({
      node: fc.constantFrom('n1', 'n2', 'n3', 'n4', 'n5'),
      addresses: fc.constantFrom(['192.0.2.2'], ['192.0.2.3'], ['2001:db8::4'], ['192.0.2.5', '2001:db8::5']),
      mac: fc.constantFrom('0e:00:00:00:00:02', '0e:00:00:00:00:03', '0e:00:00:00:00:04'),
      subnets: fc.array(anySubnet, { minLength: 1, maxLength: 1 }),
    });
    const byNode = fc.uniqueArray(anyMember, { selector: ({ node }) => node });
    fc.assert(
      fc.property(byNode, fc.constantFrom('auto', 'always', 'never'), (members, directRouting) => {
        const { routes, entries, unreached } = plan(members, { directRouting });
        const destinations = routes.map(({ destination: { address, prefix } }) => `${address}/${prefix}`);
        assert.equal(new Set(destinations).size, destinations.length);
        assert.equal(new Set(entries.map(({ mac }) => mac)).size, entries.length);
        const reached = new Set(entries.map(({ mac }) => mac)).size;
        assert.ok(reached + new Set(unreached.map(({ node }) => node)).size <= members.length);
      }),
    );
  });

  it('has settings by which nobody’s router advertisement is heard by the tunnels', () => {
    assert.deepEqual(Object.fromEntries(meshSettings(plan([]))), {
      'net/ipv6/conf/podwire0/accept_ra': '0',
      'net/ipv4/conf/podwire0/rp_filter': '2',
      'net/ipv4/conf/podwire0/forwarding': '1',
      'net/ipv6/conf/podwire0/disable_ipv6': '0',
      'net/ipv6/conf/podwire0/forwarding': '1',
    });
  });
});
