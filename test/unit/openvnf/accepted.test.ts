import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Compatibility } from '../../../domain/settings.ts';
import { line, parse, settings, type ConfigMapData } from './parsing.ts';

const BUNDLE = { vxeth0: 'id=100 up', vxeth1: 'id=101 up', vxeth2: 'id=102 up', vxeth3: 'id=103 up' };

interface Row {
  readonly says: string;
  readonly annotation: string;
  readonly configMap?: ConfigMapData;
  readonly networks: readonly string[];
  /** Codes of warnings. */
  readonly warnings?: readonly string[];
}

const ROWS: readonly Row[] = [
  {
    says: 'two networks on one line',
    annotation: 'vxeth0, vxeth1',
    configMap: BUNDLE,
    networks: ['cluster/vxeth0 vxeth0 100/8472@eth0 up', 'cluster/vxeth1 vxeth1 101/8472@eth0 up'],
  },
  {
    says: 'white space around commas means nothing',
    annotation: '  vxeth0 \t,\u00a0 vxeth1  ',
    configMap: BUNDLE,
    networks: ['cluster/vxeth0 vxeth0 100/8472@eth0 up', 'cluster/vxeth1 vxeth1 101/8472@eth0 up'],
  },
  {
    says: 'options on the line belong to the network before them',
    annotation: 'vxeth0 dev=tun0, vxeth1',
    configMap: BUNDLE,
    networks: ['cluster/vxeth0 vxeth0 100/8472@tun0 up', 'cluster/vxeth1 vxeth1 101/8472@eth0 up'],
  },
  {
    says: 'the gateway of the original example, in a YAML block',
    annotation: 'vxeth1\n  ip=192.168.11.1/29\nvxeth2\n  ip=192.168.12.1/29\n',
    configMap: BUNDLE,
    networks: [
      'cluster/vxeth1 vxeth1 101/8472@eth0 up ip=192.168.11.1/29',
      'cluster/vxeth2 vxeth2 102/8472@eth0 up ip=192.168.12.1/29',
    ],
  },
  {
    says: 'several options on one indented line, and several lines',
    annotation: 'vxeth1\n  ip=192.168.11.2/29 dev=tun0\n  route=192.168.12.0/29:192.168.11.1',
    configMap: BUNDLE,
    networks: ['cluster/vxeth1 vxeth1 101/8472@tun0 up ip=192.168.11.2/29 route=192.168.12.0/29>192.168.11.1'],
  },
  {
    says: 'a tab indents like a space',
    annotation: 'vxeth1\n\tip=192.168.11.2/29',
    configMap: BUNDLE,
    networks: ['cluster/vxeth1 vxeth1 101/8472@eth0 up ip=192.168.11.2/29'],
  },
  {
    says: 'a no-break space indents like a space',
    annotation: 'vxeth1\n\u00a0ip=192.168.11.2/29',
    configMap: BUNDLE,
    networks: ['cluster/vxeth1 vxeth1 101/8472@eth0 up ip=192.168.11.2/29'],
  },
  {
    says: 'line ends of Windows',
    annotation: 'vxeth0\r\n  ip=10.9.0.1/24\r\nvxeth1\r\n',
    configMap: BUNDLE,
    networks: ['cluster/vxeth0 vxeth0 100/8472@eth0 up ip=10.9.0.1/24', 'cluster/vxeth1 vxeth1 101/8472@eth0 up'],
  },
  {
    says: 'a lone CR ends a line',
    annotation: 'vxeth0\rvxeth1',
    configMap: BUNDLE,
    networks: ['cluster/vxeth0 vxeth0 100/8472@eth0 up', 'cluster/vxeth1 vxeth1 101/8472@eth0 up'],
  },
  {
    says: 'a comma at the end of a line',
    annotation: 'vxeth0 ip=10.9.0.1/24,\n  up=false',
    configMap: BUNDLE,
    networks: ['cluster/vxeth0 vxeth0 100/8472@eth0 down ip=10.9.0.1/24'],
  },
  {
    says: 'blank lines and empty places between commas',
    annotation: '\n\n,vxeth0,,\n   \n  up=false\n,',
    configMap: BUNDLE,
    networks: ['cluster/vxeth0 vxeth0 100/8472@eth0 down'],
  },
  {
    says: 'an indented first line names a network',
    annotation: '  vxeth0 up=false\nvxeth1',
    configMap: BUNDLE,
    networks: ['cluster/vxeth0 vxeth0 100/8472@eth0 down', 'cluster/vxeth1 vxeth1 101/8472@eth0 up'],
  },
  { says: 'nothing', annotation: '', networks: [] },
  { says: 'only white space', annotation: ' \n\t\n , ', networks: [] },
  {
    says: 'a network that only the annotation declares belongs to the namespace and is down unless up is given',
    annotation: 'blue id=7',
    networks: ['red/blue blue 7/8472@eth0 down'],
  },
  {
    says: 'an inline network works without any ConfigMap',
    annotation: 'blue id=7 up',
    configMap: 'absent',
    networks: ['red/blue blue 7/8472@eth0 up'],
  },
  {
    says: 'the bare number of the oldest ConfigMaps',
    annotation: 'a up, b, c',
    configMap: { a: '100', b: '+101', c: ' 102\tup ' },
    networks: ['cluster/a a 100/8472@eth0 up', 'cluster/b b 101/8472@eth0 down', 'cluster/c c 102/8472@eth0 up'],
  },
  {
    says: 'dev, name, type, mtu and dstport of the ConfigMap count',
    annotation: 'a',
    configMap: { a: 'id=9 dev=tun0 name=tenant0 type=vxlan mtu=1400 dstport=4789' },
    networks: ['cluster/a tenant0 9/4789@tun0 down mtu=1400'],
  },
  {
    says: 'a ConfigMap value may have several lines',
    annotation: 'a',
    configMap: { a: 'id=9\r\nup\n  mtu=1400\n' },
    networks: ['cluster/a a 9/8472@eth0 up mtu=1400'],
  },
  {
    says: 'the annotation wins over the ConfigMap, the ConfigMap over the defaults',
    annotation: 'a dev=net1 mtu=1300 name=b0 up=false ip=10.9.0.2/24',
    configMap: { a: 'id=9 dev=tun0 mtu=1400 name=a0 up ip=10.9.0.1/24' },
    networks: ['cluster/a b0 9/8472@net1 down mtu=1300 ip=10.9.0.2/24'],
  },
  {
    says: 'false switches off what the ConfigMap gives',
    annotation: 'a ip=false route=false peers=false up',
    configMap: { a: 'id=9 ip=10.9.0.1/24 route=10.8.0.0/16:10.9.0.3 peers=10.1.1.1' },
    networks: ['cluster/a a 9/8472@eth0 up'],
  },
  {
    says: 'repeating the declared id and port changes nothing',
    annotation: 'a id=9 dstport=8472',
    configMap: { a: 'id=9' },
    networks: ['cluster/a a 9/8472@eth0 down'],
  },
  {
    says: 'a ConfigMap entry may leave the id to the annotation',
    annotation: 'a id=12',
    configMap: { a: 'up' },
    networks: ['cluster/a a 12/8472@eth0 up'],
  },
  {
    says: 'ip and route may be repeated, in the order written, each once',
    annotation:
      'a id=9 up ip=10.9.0.1/24 ip=10.9.1.1/24 ip=10.9.0.1/24\n  route=10.8.0.0/16:10.9.0.9\n  route=10.7.0.0/16:10.9.1.9',
    networks: [
      'red/a a 9/8472@eth0 up ip=10.9.0.1/24 ip=10.9.1.1/24 route=10.8.0.0/16>10.9.0.9 route=10.7.0.0/16>10.9.1.9',
    ],
  },
  {
    says: 'IPv6 addresses and routes, written canonically',
    annotation: 'a id=9 up ip=2001:DB8:0:0::2/64 route=2001:db8:1::/64:fe80::1',
    networks: ['red/a a 9/8472@eth0 up ip=2001:db8::2/64 route=2001:db8:1::/64>fe80::1'],
  },
  {
    says: 'an IPv6 route in brackets',
    annotation: 'a id=9 up ip=2001:db8::2/64 route=[2001:db8:1::]:[2001:db8::1]',
    networks: ['red/a a 9/8472@eth0 up ip=2001:db8::2/64 route=2001:db8:1::/128>2001:db8::1'],
  },
  {
    says: 'a route to one host without prefix length, as ip route takes it',
    annotation: 'a id=9 up ip=10.9.0.1/24 route=10.8.0.7:10.9.0.9',
    networks: ['red/a a 9/8472@eth0 up ip=10.9.0.1/24 route=10.8.0.7/32>10.9.0.9'],
  },
  {
    says: 'both addresses of a /31 and a /32',
    annotation: 'a id=9 ip=10.9.0.0/31 ip=10.9.0.3/31 ip=10.9.0.8/32',
    networks: ['red/a a 9/8472@eth0 down ip=10.9.0.0/31 ip=10.9.0.3/31 ip=10.9.0.8/32'],
  },
  {
    says: 'extra peers, canonical and each once',
    annotation: 'a id=9 peers=10.1.1.1;2001:DB8::1 peer=10.1.1.2 peer=10.1.1.1',
    networks: ['red/a a 9/8472@eth0 down peer=10.1.1.1 peer=2001:db8::1 peer=10.1.1.2'],
  },
  {
    says: 'source ports, as in the fork that has them',
    annotation: 'a id=9 srcport=20000-30000 dstport=4789',
    networks: ['red/a a 9/4789@eth0 down srcport=20000-30000'],
  },
  {
    says: 'the ends of the ranges',
    annotation: 'a id=1 dstport=1 mtu=576, b id=16777215 dstport=65535 mtu=65535',
    networks: ['red/a a 1/1@eth0 down mtu=576', 'red/b b 16777215/65535@eth0 down mtu=65535'],
  },
  {
    says: 'the same id on another UDP port is another network',
    annotation: 'a id=9, b id=9 dstport=4789',
    networks: ['red/a a 9/8472@eth0 down', 'red/b b 9/4789@eth0 down'],
  },
  {
    says: 'a network name that no interface can have, with name=',
    annotation: '0-a-network-with-a-long-name id=9 name=net9',
    networks: ['red/0-a-network-with-a-long-name net9 9/8472@eth0 down'],
  },
  {
    says: 'the same option twice with the same value',
    annotation: 'a id=9 up up=true mtu=1400 mtu=1400',
    networks: ['red/a a 9/8472@eth0 up mtu=1400'],
  },
  {
    says: 'names that JavaScript objects have',
    annotation: 'constructor id=9, valueof id=10',
    networks: ['red/constructor constructor 9/8472@eth0 down', 'red/valueof valueof 10/8472@eth0 down'],
  },
  {
    says: 'a route over an interface that is down is left out with a warning',
    annotation: 'a id=9 ip=10.9.0.1/24 route=10.8.0.0/16:10.9.0.9',
    networks: ['red/a a 9/8472@eth0 down ip=10.9.0.1/24'],
    warnings: ['RouteWhileDown'],
  },
  {
    says: 'a route of the ConfigMap whose gateway is this pod is left out with a warning',
    annotation: 'a ip=10.9.0.9/24',
    configMap: { a: 'id=9 up route=10.8.0.0/16:10.9.0.9' },
    networks: ['cluster/a a 9/8472@eth0 up ip=10.9.0.9/24'],
    warnings: ['GatewayIsOwnAddress'],
  },
  {
    says: 'of several routes only the one whose gateway is in no subnet is left out, with a warning',
    annotation: 'a id=9 up ip=10.9.0.1/24 route=10.8.0.0/16:10.10.0.9 route=10.7.0.0/16:10.9.0.9',
    networks: ['red/a a 9/8472@eth0 up ip=10.9.0.1/24 route=10.7.0.0/16>10.9.0.9'],
    warnings: ['GatewayNotOnLink'],
  },
  {
    says: "the original's own example, whose gateway is in no subnet: without its route, with a warning",
    annotation: 'vxeth0 ip=192.168.10.1/24 route=192.168.10.0/24:192.168.100.1',
    configMap: { vxeth0: 'id=100 up' },
    networks: ['cluster/vxeth0 vxeth0 100/8472@eth0 up ip=192.168.10.1/24'],
    warnings: ['GatewayNotOnLink'],
  },
  {
    says: 'an IPv6 gateway outside the subnets as well; a link-local one is on every link',
    annotation: 'a id=9 up ip=2001:db8::2/64 route=2001:db8:2::/64:2001:db8:1::1 route=2001:db8:3::/64:fe80::1',
    networks: ['red/a a 9/8472@eth0 up ip=2001:db8::2/64 route=2001:db8:3::/64>fe80::1'],
    warnings: ['GatewayNotOnLink'],
  },
  {
    says: 'two declared networks of the same id give a warning',
    annotation: 'a',
    configMap: { a: 'id=9', b: 'id=9' },
    networks: ['cluster/a a 9/8472@eth0 down'],
    warnings: ['IdShared'],
  },
  {
    says: 'a broken entry of the ConfigMap harms no other network',
    annotation: 'a',
    configMap: { a: 'id=9', b: 'id=x', B: 'id=8', ' ': '' },
    networks: ['cluster/a a 9/8472@eth0 down'],
  },
];

describe('the openvnf dialect accepts', () => {
  for (const row of ROWS) {
    it(row.says, () => {
      const parsed = parse(row.annotation, row.configMap ?? {});
      assert.deepEqual(parsed.problems, []);
      assert.deepEqual(parsed.selections.map(line), row.networks);
      assert.deepEqual(
        parsed.warnings.map((warning) => warning.code),
        row.warnings ?? [],
      );
      assert.deepEqual(parsed.keep, []);
    });
  }

  it('as many networks as 16, and no more', () => {
    const names = Array.from({ length: 18 }, (_, index) => `n${index} id=${index + 1}`);
    assert.equal(parse(names.slice(0, 16).join(',')).selections.length, 16);
    const parsed = parse(names.join(','));
    assert.equal(parsed.selections.length, 16);
    assert.deepEqual(
      parsed.problems.map(({ code, network }) => [code, network]),
      [['TooManyNetworks', 'n16']],
    );
  });

  it('inline networks as cluster-wide ones when the original rule is chosen', () => {
    const parsed = parse('blue id=7', {}, { settings: { ...settings, inlineScope: 'cluster' } });
    assert.deepEqual(parsed.selections.map(line), ['cluster/blue blue 7/8472@eth0 down']);
  });

  it('inline networks of the namespace called cluster without mixing them up with declared ones', () => {
    const parsed = parse('blue id=7', {}, { pod: { namespace: 'cluster' } });
    assert.deepEqual(parsed.selections.map(line), ['namespace.cluster/blue blue 7/8472@eth0 down']);
  });

  it('nothing from a pod without the label, or without the annotation', () => {
    assert.deepEqual(parse('blue id=7 up=no', {}, { pod: { labels: {} } }), parse(''));
    assert.deepEqual(parse('', {}, { pod: { annotations: {} } }), parse(''));
  });

  it('any value of the label but false, and under the rules of the original false as well', () => {
    const selected = (value: string, compatibility: Compatibility): number =>
      parse(
        'blue id=7',
        {},
        { settings: { ...settings, compatibility }, pod: { labels: { [settings.selector]: value } } },
      ).selections.length;
    for (const value of ['true', '', 'yes', '1']) assert.equal(selected(value, 'podwire'), 1, value);
    assert.equal(selected('false', 'podwire'), 0);
    assert.equal(selected('false', 'kube-vxlan-controller'), 1);
  });

  it('a label whose value looks like a no, with a warning that says what does not select', () => {
    const warned = (value: string, annotation = 'blue id=7', compatibility: Compatibility = 'podwire') =>
      parse(
        annotation,
        {},
        { settings: { ...settings, compatibility }, pod: { labels: { [settings.selector]: value } } },
      ).warnings.map(({ code, message }) => `${code}: ${message}`);
    for (const value of ['False', 'FALSE', 'no', 'No', 'off', '0']) {
      const [warning = ''] = warned(value);
      assert.match(
        warning,
        /^LabelSelects: label vxlan\.openvnf\.org has value .*only the value false does not/,
        value,
      );
      assert.ok(warning.includes(`"${value}"`), warning);
    }
    for (const value of ['true', '', 'yes', 'false']) assert.deepEqual(warned(value), [], value);
    assert.deepEqual(warned('no', ''), [], 'a pod that asks for nothing');
    assert.deepEqual(warned('no', 'blue id=7', 'kube-vxlan-controller'), [], 'the original reads no value');
  });
});
