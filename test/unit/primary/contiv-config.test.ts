import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ipNumbers } from '../../../adapters/ip/ip-numbers.ts';
import { parseContivYaml } from '../../../adapters/primary/contiv-yaml.ts';
import {
  addressPlan,
  completeIpam,
  highestNodeId,
  podSubnetsOf,
  type AddressPlan,
  type ContivIpam,
} from '../../../domain/primary/contiv-config.ts';
import { allocatedIpKey, allocatedIpValue, ipamAnswer } from '../../../domain/primary/contiv-formats.ts';

/** What contiv/vpp 2.0.0 ships. */
const SHIPPED = `
TCPstackDisabled: true
UseTAPInterfaces: true
TAPInterfaceVersion: 2
NatExternalTraffic: true
MTUSize: 1450
ScanIPNeighbors: true
ServiceLocalEndpointWeight: 1
IPAMConfig:
  PodIfIPCIDR: 10.2.1.0/24
  PodSubnetCIDR: 10.1.0.0/16
  PodNetworkPrefixLen: 24
  VPPHostSubnetCIDR: 172.30.0.0/16
  VPPHostNetworkPrefixLen: 24
  NodeInterconnectCIDR: 192.168.16.0/24
  VxlanCIDR: 192.168.30.0/24
NodeConfig:
- NodeName: "n1"
  MainVPPInterface:
    InterfaceName: "GigabitEthernet0/8/0"
  Gateway: "192.168.16.100"
`;

const planOf = (yaml: string): AddressPlan => {
  const { config } = parseContivYaml(yaml);
  return addressPlan(completeIpam(config.ipam, ipNumbers), config.gateways, ipNumbers);
};
const problemOf = (yaml: string): string => {
  try {
    planOf(yaml);
  } catch (error) {
    assert.equal((error as { code?: string }).code, 'AddressingInvalid');
    return (error as Error).message;
  }
  return 'none';
};

describe('contiv.yaml', () => {
  it('as it is shipped says where the addresses are, and one line for each key about VPP', () => {
    const { config, notes } = parseContivYaml(SHIPPED);
    assert.deepEqual(
      { ...config, ipam: {} },
      {
        ...{ ipam: {}, mtu: 1450, masquerade: true, withoutTunnel: false, gateways: ['192.168.16.100'] },
      },
    );
    assert.equal(config.ipam.podSubnetCIDR, '10.1.0.0/16');
    assert.deepEqual(notes, [
      'TCPstackDisabled: not applicable, it is about VPP',
      'UseTAPInterfaces: not applicable, it is about VPP',
      'TAPInterfaceVersion: not applicable, it is about VPP',
      'ScanIPNeighbors: not applicable, it is about VPP',
      'ServiceLocalEndpointWeight: not applicable, it is about VPP',
      "IPAMConfig.podIfIPCIDR: not applicable, it is about VPP's links",
      "IPAMConfig.vppHostSubnetCIDR: not applicable, it is about VPP's links",
      "IPAMConfig.vppHostNetworkPrefixLen: not applicable, it is about VPP's links",
      'NodeConfig of n1, mainVPPInterface: not applicable, it is about VPP',
    ]);
  });

  it('has keys in any case', () => {
    const lower = SHIPPED.replaceAll(
      /^([- ]*)(\w+):/gm,
      (_, lead: string, key: string) => `${lead}${key.toLowerCase()}:`,
    );
    assert.notEqual(lower, SHIPPED);
    assert.deepEqual(parseContivYaml(lower), parseContivYaml(SHIPPED));
  });

  it('that is empty is a configuration without addresses', () => {
    assert.equal(problemOf(''), 'podSubnetCIDR is missing');
    assert.equal(problemOf('IPAMConfig:\n'), 'podSubnetCIDR is missing');
  });

  for (const [what, yaml, said] of [
    [
      'a key that contiv does not know',
      'IPAMConfig: {podSubnetCIRD: 10.0.0.0/8}',
      /contiv\.yaml: IPAMConfig: .*podSubnetCIRD/,
    ],
    ['a key that is given twice', 'mtusize: 1\nMTUSize: 2', /MTUSize: it is given twice/],
    ['a value of another type', 'IPAMConfig: {podNetworkPrefixLen: "24"}', /IPAMConfig\.podNetworkPrefixLen: /],
    ['a text that is no YAML', 'a: [', /it is no YAML/],
    ['a list', '- a', /contiv\.yaml: /],
    ['a node without a name', 'NodeConfig: [{gateway: 10.0.0.1}]', /NodeConfig\.0\.nodeName/],
  ] as const)
    it(`is refused for ${what}`, () => {
      assert.throws(() => parseContivYaml(yaml), { code: 'AddressingInvalid', message: said });
    });
});

describe('the plan of addresses', () => {
  it('has room for as many nodes as its smallest range, without the excluded gateway', () => {
    assert.equal(highestNodeId(planOf(SHIPPED)), 253n);
    assert.equal(highestNodeId(planOf('IPAMConfig: {podSubnetCIDR: 10.1.0.0/16, podNetworkPrefixLen: 20}')), 16n);
  });

  const ranges = (more: string): string => `IPAMConfig: {podSubnetCIDR: 10.1.0.0/16, podNetworkPrefixLen: 24, ${more}}`;
  for (const [yaml, said] of [
    [ranges('vxlanCIDR: 10.1.9.0/24'), 'podSubnetCIDR and vxlanCIDR overlap'],
    [ranges('serviceCIDR: 10.0.0.0/8'), 'podSubnetCIDR and serviceCIDR overlap'],
    [
      ranges('nodeInterconnectCIDR: 192.168.1.0/24, vxlanCIDR: 192.168.0.0/16'),
      'nodeInterconnectCIDR and vxlanCIDR overlap',
    ],
    [ranges('vxlanCIDR: 10.300.0.0/24'), 'vxlanCIDR "10.300.0.0/24" cannot be read'],
    [
      SHIPPED.replace('PrefixLen: 24', 'PrefixLen: 16'),
      'podNetworkPrefixLen 16 must be higher than the prefix length of podSubnetCIDR, 16',
    ],
    [SHIPPED.replace('PrefixLen: 24', 'PrefixLen: 33'), 'podNetworkPrefixLen 33 is no prefix length of IPv4'],
    [SHIPPED.replace('PrefixLen: 24', 'PrefixLen: 30'), 'podNetworkPrefixLen 30 leaves a node no address for a pod'],
    [SHIPPED.replace('.100', '.100/24'), 'gateway "192.168.16.100/24" cannot be read'],
    [
      'IPAMConfig: {contivCIDR: 10.0.0.0/15}',
      'contivCIDR 10.0.0.0/15 is too small: 18 bits are needed, /14 of IPv4 or /110 of IPv6',
    ],
    ['IPAMConfig: {contivCIDR: nonsense}', 'contivCIDR "nonsense" cannot be read'],
  ] as const)
    it(`is none: ${said}`, () => assert.equal(problemOf(yaml), said));

  it('follows from contivCIDR, which keeps the keys that do not follow from it', () => {
    const { config, notes } = parseContivYaml(
      'IPAMConfig: {contivCIDR: 10.128.0.0/14, serviceCIDR: 10.200.0.0/16, nodeInterconnectCIDR: 192.168.16.0/24, podSubnetCIDR: 10.1.0.0/16}',
    );
    assert.deepEqual(completeIpam(config.ipam, ipNumbers), {
      ...{ podIfIPCIDR: '10.130.4.0/25', podSubnetCIDR: '10.128.0.0/16', podNetworkPrefixLen: 25 },
      ...{ vppHostSubnetCIDR: '10.129.0.0/16', vppHostNetworkPrefixLen: 25 },
      ...{ nodeInterconnectCIDR: '192.168.16.0/24', nodeInterconnectDHCP: false, vxlanCIDR: '10.130.2.0/23' },
      ...{ serviceCIDR: '10.200.0.0/16', contivCIDR: '10.128.0.0/14' },
    } satisfies ContivIpam);
    assert.deepEqual(notes, ['IPAMConfig.podSubnetCIDR: contivCIDR stands above it']);
    assert.equal(highestNodeId(planOf('IPAMConfig: {contivCIDR: 10.128.0.0/14}')), 510n);
    assert.equal(highestNodeId(planOf('IPAMConfig: {contivCIDR: "fe10::/64"}')), 510n);
  });

  it('gives nodes no address where they have one by DHCP', () => {
    const dhcp = SHIPPED.replace('NodeInterconnectCIDR: 192.168.16.0/24', 'NodeInterconnectDHCP: true');
    assert.equal(planOf(dhcp).nodes, undefined);
    assert.equal(highestNodeId(planOf(dhcp)), 254n);
    assert.ok(
      parseContivYaml(dhcp).notes.some((note) => note.startsWith('IPAMConfig.nodeInterconnectDHCP: not applicable')),
    );
  });
});

describe('the pod subnets of a Node object', () => {
  const subnets = (spec: Parameters<typeof podSubnetsOf>[0]) =>
    podSubnetsOf(spec, ipNumbers).map(({ prefix }) => prefix);

  it('are podCIDRs, or podCIDR where there are none', () => {
    assert.deepEqual(subnets({ podCIDR: '10.244.1.0/24', podCIDRs: ['10.244.1.0/24', 'fd00:1::/64'] }), [24, 64]);
    assert.deepEqual(subnets({ podCIDR: '10.244.1.0/24' }), [24]);
  });

  it('are refused when there are none, two of one family, or one without room', () => {
    assert.throws(() => subnets({}), /no podCIDR; kube-controller-manager gives it one/);
    assert.throws(() => subnets({ podCIDRs: ['10.1.0.0/24', '10.2.0.0/24'] }), /two podCIDRs of one family/);
    assert.throws(() => subnets({ podCIDR: '10.1.0.0/30' }), /has no address for a pod/);
    assert.throws(() => subnets({ podCIDR: '10.1.0.0' }), { code: 'AddressingInvalid', message: /cannot be read/ });
  });
});

describe('what contiv’s readers see', () => {
  it('is the address of a container as a number, under its ID', () => {
    const addresses = ['fd00:1::2', '10.1.1.2'].map((text) => ipNumbers.value(text) ?? assert.fail(text));
    assert.equal(allocatedIpKey('/vnf-agent/', 'n1', 'abc'), '/vnf-agent/n1/ipam/abc');
    assert.equal(allocatedIpValue({ addresses, sandboxId: 'abc' }), '{"ID":167837954,"pod":"abc"}');
    assert.equal(allocatedIpValue({ addresses: addresses.slice(0, 1), sandboxId: 'abc' }), undefined);
  });

  it('is the answer of its REST API', () => {
    const { config } = parseContivYaml(SHIPPED);
    const ipam = completeIpam(config.ipam, ipNumbers);
    const answer = (address: string | undefined) =>
      ipamAnswer({ id: 1, name: 'n1', address }, ipam, addressPlan(ipam, [], ipNumbers), ipNumbers);
    assert.deepEqual(answer('192.168.16.1'), {
      status: 200,
      body:
        '{"nodeId":1,"nodeName":"n1","nodeIP":"192.168.16.1","podNetwork":"10.1.1.0/24","vppHostNetwork":"172.30.1.0/24",' +
        '"config":{"podIfIPCIDR":"10.2.1.0/24","podSubnetCIDR":"10.1.0.0/16","podNetworkPrefixLen":24,' +
        '"vppHostSubnetCIDR":"172.30.0.0/16","vppHostNetworkPrefixLen":24,"nodeInterconnectCIDR":"192.168.16.0/24",' +
        '"nodeInterconnectDHCP":false,"vxlanCIDR":"192.168.30.0/24","serviceCIDR":"10.96.0.0/12","contivCIDR":""}}',
    });
    assert.deepEqual(answer(undefined), { status: 500, body: '"Error getting node IP"' });
  });
});
