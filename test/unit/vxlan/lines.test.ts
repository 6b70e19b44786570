import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failedLines } from '../../../adapters/iproute/batch-errors.ts';
import { fdbLine, ipLine } from '../../../adapters/iproute/lines.ts';
import { parseHostEnds, parseNetns } from '../../../adapters/iproute/views.ts';
import { FLOOD_MAC } from '../../../domain/forwarding/fdb.ts';
import { PodwireError } from '../../../domain/failures.ts';

const refused = (error: unknown): boolean => error instanceof PodwireError && error.code === 'InvalidLink';

test('values that could become options, words or further lines are refused', () => {
  for (const name of [
    '',
    '-x',
    'a b',
    'a\nlink delete eth0',
    'veth%d',
    'a/b',
    '$(id)',
    'a;b',
    'sixteen-letters-',
    'é',
  ]) {
    assert.throws(() => ipLine({ op: 'set-up', name }), refused, name);
  }
  for (const cidr of [
    '10.0.0.1',
    '10.0.0.1/33',
    '10.0.0.1/24 dev eth0',
    '010.0.0.1/24',
    'fe80::1%eth0/64',
    '10.0.0.1/',
  ]) {
    assert.throws(() => ipLine({ op: 'add-address', name: 'green', cidr }), refused, cidr);
  }
  for (const vni of [0, 16777216, 1.5, Number.NaN]) {
    const add = { op: 'add-vxlan', name: 'green', vni, dstPort: 8472, parent: 'eth0', mtu: 1450 } as const;
    assert.throws(() => ipLine(add), refused, String(vni));
  }
  assert.throws(() => ipLine({ op: 'set-alias', name: 'green', alias: 'a b' }), refused);
  assert.throws(() => fdbLine('append', 'green', { mac: FLOOD_MAC, destination: 'host' }), refused);
});

test('addresses are written in their canonical form', () => {
  assert.equal(
    ipLine({ op: 'add-address', name: 'green', cidr: 'FD00:0:0::1/64' }),
    'address add fd00::1/64 dev green nodad',
  );
  assert.equal(
    fdbLine('append', 'green', { mac: FLOOD_MAC, destination: 'FD00::0:9' }),
    'fdb append 00:00:00:00:00:00 dev green dst fd00::9 self permanent',
  );
});

test('each failed line of a batch keeps its number and its message', () => {
  const said = 'RTNETLINK answers: File exists\nCommand failed -:2\nCannot find device "x"\nCommand failed -:14\n';
  assert.deepEqual(failedLines(said), [
    { line: 2, message: 'RTNETLINK answers: File exists' },
    { line: 14, message: 'Cannot find device "x"' },
  ]);
  assert.deepEqual(failedLines('Error: any valid address is expected rather than "x".\n'), []);
});

test('host routes and the default route are read in the form in which they are wished', () => {
  const routes = [
    { dst: 'default', gateway: '10.1.0.1', dev: 'green' },
    { dst: 'default', gateway: 'fd00::1', dev: 'green' },
    { dst: '10.9.0.1', gateway: '10.1.0.1', dev: 'green' },
    { dst: 'fd09::1', gateway: 'fd00::1', dev: 'green' },
  ];
  assert.deepEqual(
    parseNetns(`[]\n${JSON.stringify(routes)}\n`).routes.map(({ destination }) => destination),
    ['0.0.0.0/0', '::/0', '10.9.0.1/32', 'fd09::1/128'],
  );
});

test('a link may be called as KubeVirt calls it', () => {
  const rename = { op: 'rename', name: '16477688c0e-nic', to: 'net1' } as const;
  assert.equal(ipLine(rename), 'link set dev 16477688c0e-nic name net1');
});

test('the other end of a veth is known where it is in another namespace', () => {
  const links = [
    {
      ifindex: 3,
      ifname: 'net1',
      flags: [],
      mtu: 1500,
      link_index: 40,
      link_netnsid: 0,
      linkinfo: { info_kind: 'veth' },
    },
    { ifindex: 4, ifname: 'a', flags: [], mtu: 1500, link: 'b', linkinfo: { info_kind: 'veth' } },
    {
      ifindex: 5,
      ifname: 'c',
      flags: [],
      mtu: 1500,
      link_index: 2,
      link_netnsid: 0,
      linkinfo: { info_kind: 'macvlan' },
    },
  ];
  const seen = parseNetns(`${JSON.stringify(links)}\n[]\n`).links;
  assert.deepEqual(
    seen.map(({ peerIfindex }) => peerIfindex),
    [40, undefined, undefined],
  );
  const ends = [
    { ifindex: 40, ifname: 'veth1', link_index: 3, link_netnsid: 1, master: 'br0' },
    { ifindex: 41, ifname: 'veth2', link_index: 3, link_netnsid: 2 },
    { ifindex: 42, ifname: 'here', link: 'there' },
  ];
  assert.deepEqual(parseHostEnds(JSON.stringify(ends)), [
    { ifindex: 40, name: 'veth1', peerIfindex: 3, bridge: 'br0' },
    { ifindex: 41, name: 'veth2', peerIfindex: 3 },
  ]);
  assert.deepEqual(parseHostEnds(''), []);
});

test('output that is cut off is an error, not an empty namespace', () => {
  for (const text of ['', '[]\n', '[{"ifindex":1', 'not json\n[]\n']) {
    assert.throws(
      () => parseNetns(text),
      (error: unknown) => error instanceof PodwireError && error.code === 'CommandFailed',
    );
  }
});
