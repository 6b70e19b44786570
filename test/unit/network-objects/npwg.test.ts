import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ipCodec } from '../../../adapters/ip/ip-codec.ts';
import { readNetworkSpec } from '../../../adapters/kubernetes/network-objects.ts';
import {
  definitionKey,
  type DefinitionLookup,
  type NetworkDefinition,
} from '../../../domain/cni/network-definition.ts';
import type { ParsedSelections, VxlanSelection } from '../../../domain/network-selection.ts';
import { parseNpwgSelections, type NpwgInput } from '../../../domain/npwg/selections.ts';
import { parseConfigMap } from '../../../domain/openvnf/config-map.ts';
import { DEFAULT_DIALECT_SETTINGS } from '../../../domain/settings.ts';
import { podWith } from '../npwg/parsing.ts';

const SPEC = {
  vni: 500,
  mtu: 1400,
  subnets: [
    { cidr: '10.20.0.0/16', gateway: '10.20.0.1', routes: ['10.0.0.0/8', '192.168.0.0/16'] },
    { cidr: 'fd00:20::/64' },
    { cidr: '10.99.0.0/31' },
  ],
};

const config = (members: object): string => JSON.stringify({ cniVersion: '1.0.0', type: 'podwire', ...members });

/** Keys as of `definitionKey`; a text is a NetworkAttachmentDefinition's configuration, an object the spec of a network object. */
type Objects = Readonly<Record<string, string | object>>;

const BLUE: Objects = {
  'nad/red/blue': config({ network: 'blue' }),
  'cluster-network//blue': SPEC,
};

const lookupOf =
  (objects: Objects): DefinitionLookup =>
  (ref) => {
    const found = objects[definitionKey(ref)];
    if (found === undefined) return 'absent';
    if (found === 'unreadable') return 'unreadable';
    const declares = typeof found === 'string' ? {} : { declares: readNetworkSpec(found) };
    return {
      ...ref,
      uid: `uid of ${ref.name}`,
      config: typeof found === 'string' ? found : '',
      plugin: '',
      ...declares,
    };
  };

/** What else the API says of the network objects. */
const changed =
  (change: Partial<NetworkDefinition>, objects: Objects = BLUE): DefinitionLookup =>
  (ref) => {
    const found = lookupOf(objects)(ref);
    return typeof found === 'string' || ref.kind === 'nad' ? found : { ...found, ...change };
  };

const parsed = (
  annotation: string | readonly object[],
  objects: Objects = BLUE,
  change: Partial<NpwgInput> = {},
): ParsedSelections =>
  parseNpwgSelections({
    pod: podWith(typeof annotation === 'string' ? annotation : JSON.stringify(annotation), { namespace: 'red' }),
    ...{ lookup: lookupOf(objects), settings: DEFAULT_DIALECT_SETTINGS, ip: ipCodec, declared: 'absent' },
    ...change,
  });

const only = (found: ParsedSelections): VxlanSelection => {
  assert.deepEqual(found.problems, []);
  const [selection, ...more] = found.selections;
  assert.ok(selection?.kind === 'vxlan' && more.length === 0);
  return selection;
};

describe('a definition that names a network object', () => {
  it('makes a VXLAN link as the object says, in a network of its own', () => {
    const { network, link, through, dialect, position } = only(parsed('blue'));
    assert.deepEqual(network, { scope: 'cluster.network', name: 'blue' });
    assert.deepEqual(through, { dialect: 'npwg', definition: { scope: 'red', name: 'blue' } });
    assert.deepEqual([dialect, position], ['npwg', 1]);
    assert.deepEqual(link, {
      ...{ kind: 'vxlan', interfaceName: '', vni: 500, dstPort: 8472, parent: 'eth0', mtu: 1400 },
      ...{ up: true, addresses: [], routes: [], peers: [] },
    });
  });

  it('gives the addresses that are asked for the prefix of their subnet, and its routes once', () => {
    const ips = ['10.20.0.9', 'fd00:20::9/64', '10.20.0.10/16', '10.99.0.0'];
    const { link } = only(parsed([{ name: 'blue', interface: 'data0', ips }]));
    assert.equal(link.interfaceName, 'data0');
    assert.deepEqual(link.addresses, ['10.20.0.9/16', 'fd00:20::9/64', '10.20.0.10/16', '10.99.0.0/31']);
    assert.deepEqual(link.routes, [
      { destination: '10.0.0.0/8', gateway: '10.20.0.1' },
      { destination: '192.168.0.0/16', gateway: '10.20.0.1' },
    ]);
  });

  it('has the MAC address that is asked for', () => {
    assert.equal(only(parsed([{ name: 'blue', mac: '02-00-00-00-00-0A' }])).link.mac, '02:00:00:00:00:0a');
    assert.equal(only(parsed('blue')).link.mac, undefined);
  });

  it('has its addresses from the network’s pool, but those that the pod asks for', () => {
    const four = { cidr: '10.20.0.0/16', gateway: '10.20.0.1', routes: ['10.0.0.0/8'], exclude: ['10.20.0.0/28'] };
    const six = { cidr: 'fd00:20::/64', routes: [], exclude: [] };
    const objects = { ...BLUE, 'cluster-network//blue': { vni: 500, subnets: [four, six], pool: {} } };
    const poolOf = (...ips: readonly string[]) =>
      only(parsed([{ name: 'blue', ...(ips.length === 0 ? {} : { ips }) }], objects)).link.pool;
    const pool = { name: 'ClusterNetwork:blue', order: 'next', restSeconds: 60, sticky: false };
    assert.deepEqual(poolOf(), { ...pool, subnets: [four, six], wanted: [] });
    assert.deepEqual(poolOf('10.20.9.9'), { ...pool, subnets: [four, six], wanted: ['10.20.9.9'] });
    assert.deepEqual(poolOf('10.20.0.9'), { ...pool, subnets: [six], wanted: [] }, 'one that the pool does not give');
    assert.equal(poolOf('10.20.0.9', 'fd00:20::9')?.wanted.join(), 'fd00:20::9');
    const twice = parsed([{ name: 'blue', ips: ['10.20.9.9', '10.20.9.10'] }], objects);
    assert.match(twice.problems[0]?.message ?? '', /two addresses of one family; allowed: one of each/);
  });

  it("means the Network of the definition's own namespace, or the ClusterNetwork, whichever there is", () => {
    const own = { 'nad/red/blue': config({ network: 'blue' }), 'network/red/blue': { vni: 7 } };
    assert.deepEqual(only(parsed('blue', own)).network, { scope: 'network.red', name: 'blue' });
    const both = { ...own, ...BLUE };
    const { problems, keep } = parsed('blue', both);
    assert.deepEqual([problems.map(({ code }) => code), keep], [['NetworkAmbiguous'], ['npwg:red/blue']]);
    const said = { ...both, 'nad/red/blue': config({ network: 'blue', kind: 'ClusterNetwork' }) };
    assert.equal(only(parsed('blue', said)).link.vni, 500);
    const theOther = { ...both, 'nad/red/blue': config({ network: 'blue', kind: 'Network' }) };
    assert.equal(only(parsed('blue', theOther)).link.vni, 7);
  });

  it('may lie in another namespace that is shared, and then its Network says whose pods it admits', () => {
    const settings = {
      ...DEFAULT_DIALECT_SETTINGS,
      npwg: { ...DEFAULT_DIALECT_SETTINGS.npwg, sharedNamespaces: ['infra'] },
    };
    const shared = (spec: object): Objects => ({
      'nad/infra/blue': config({ network: 'blue' }),
      'network/infra/blue': spec,
    });
    const codes = (spec: object): string[] =>
      parsed('infra/blue', shared(spec), { settings }).problems.map(({ code }) => code);
    assert.deepEqual(codes({ vni: 7 }), ['NamespaceNotAdmitted']);
    assert.deepEqual(codes({ vni: 7, allowedNamespaces: { names: ['green'] } }), ['NamespaceNotAdmitted']);
    assert.deepEqual(codes({ vni: 7, allowedNamespaces: { names: ['red'] } }), []);
  });

  it('may be named twice: which of the entries has the interface is not for the annotation to say', () => {
    const objects = { ...BLUE, 'nad/red/again': config({ network: 'blue' }) };
    const { selections, problems, keep } = parsed('blue, again', objects);
    assert.deepEqual([selections.length, problems, keep], [2, [], []]);
  });
});

interface Row {
  readonly objects?: Objects;
  readonly entry?: object;
  readonly change?: Partial<NpwgInput>;
  readonly code: string;
  readonly mentions: readonly string[];
}

const named = (text: string): Objects => ({ ...BLUE, 'nad/red/blue': text });
const specified = (spec: object): Objects => ({ ...BLUE, 'cluster-network//blue': spec });
const asking = (entry: object, code: string, ...mentions: string[]): Row => ({ entry, code, mentions });

const REFUSED: Readonly<Record<string, Row>> = {
  'a key that a plugin would read': {
    objects: named(config({ network: 'blue', ipam: {} })),
    ...{ code: 'CniConfigInvalid', mentions: ['"ipam"', 'allowed'] },
  },
  'a key in another case': {
    objects: named(config({ Network: 'blue' })),
    ...{ code: 'CniConfigInvalid', mentions: ['did you mean "network"'] },
  },
  'no network': { objects: named(config({})), code: 'CniConfigInvalid', mentions: ['"network"'] },
  'a kind that is none': {
    objects: named(config({ network: 'blue', kind: 'Subnet' })),
    ...{ code: 'CniConfigInvalid', mentions: ['ClusterNetwork'] },
  },
  'its type in a list of plugins': {
    objects: named('{"cniVersion":"1.0.0","name":"x","plugins":[{"type":"podwire","network":"blue"}]}'),
    ...{ code: 'CniConfigInvalid', mentions: ['list of plugins'] },
  },
  'an object that is not there': {
    objects: { 'nad/red/blue': config({ network: 'blue' }) },
    ...{ code: 'NetworkNotFound', mentions: ['Network red/blue', 'ClusterNetwork blue', 'stays'] },
  },
  'an object that cannot be read': {
    objects: { ...BLUE, 'network/red/blue': 'unreadable' },
    ...{ code: 'DefinitionUnreadable', mentions: ['stays'] },
  },
  'an object that is wrong': {
    objects: specified({ vni: 0 }),
    ...{ code: 'NetworkBroken', mentions: ['ClusterNetwork blue', 'spec.vni'] },
  },
  'a name that the ConfigMap has as well': {
    change: { declared: parseConfigMap({ blue: 'id=9 up' }, ipCodec) },
    ...{ code: 'DeclaredTwice', mentions: ['ConfigMap', 'ClusterNetwork'] },
  },
  'a name that is wrong in the ConfigMap': {
    change: { declared: parseConfigMap({ blue: 'id=none' }, ipCodec) },
    ...{ code: 'DeclaredTwice', mentions: ['twice'] },
  },
  'the id of a network that the ConfigMap declares': {
    objects: { 'nad/red/blue': config({ network: 'blue' }), 'network/red/blue': { vni: 9 } },
    change: { declared: parseConfigMap({ other: 'id=9 up' }, ipCodec) },
    ...{ code: 'IdTaken', mentions: ['vni 9', 'UDP port 8472', '"other"', 'ConfigMap', 'Network red/blue', 'stays'] },
  },
  'its id under the same name': {
    objects: { 'nad/red/blue': config({ network: 'blue' }), 'network/red/blue': { vni: 9, port: 4789 } },
    change: { declared: parseConfigMap({ blue: 'id=9 dstport=4789' }, ipCodec) },
    ...{ code: 'IdTaken', mentions: ['vni 9', 'UDP port 4789', '"blue"'] },
  },
  'an object that has no VNI yet': { objects: specified({}), code: 'VniPending', mentions: ['ClusterNetwork blue'] },
  'an object that is being deleted': {
    change: { lookup: changed({ deleting: true }) },
    ...{ code: 'NetworkBeingDeleted', mentions: ['no new members', 'stays'] },
  },
  'a namespace that is not admitted': {
    objects: specified({ ...SPEC, allowedNamespaces: { names: ['green'] } }),
    ...{ code: 'NamespaceNotAdmitted', mentions: ['namespace red', 'spec.allowedNamespaces'] },
  },
  'an address of a namespace that may choose none': {
    objects: specified({ ...SPEC, staticAddresses: { allowedNamespaces: { names: [] } } }),
    ...{ entry: { ips: ['10.20.0.9'] }, code: 'StaticAddressNotAdmitted', mentions: ['spec.staticAddresses'] },
  },
  'a MAC address of a namespace that may choose none': {
    objects: specified({ ...SPEC, staticAddresses: { allowedNamespaces: { names: [] } } }),
    ...{ entry: { mac: '02:00:00:00:00:01' }, code: 'StaticAddressNotAdmitted', mentions: ['no "mac"'] },
  },
  'an address of no subnet': asking({ ips: ['10.21.0.9'] }, 'AddressNotOfNetwork', '10.20.0.0/16', 'fd00:20::/64'),
  'an address of a network without subnets': {
    objects: specified({ vni: 5 }),
    ...{ entry: { ips: ['10.21.0.9'] }, code: 'AddressNotOfNetwork', mentions: ['none'] },
  },
  'another prefix length': asking({ ips: ['10.20.0.9/24'] }, 'AddressNotOfNetwork', '/16'),
  'the gateway': asking({ ips: ['10.20.0.1'] }, 'AddressNotOfNetwork', 'gateway'),
  'the network address': asking({ ips: ['10.20.0.0'] }, 'AddressNotOfNetwork', 'network address'),
  'the broadcast address': asking({ ips: ['10.20.255.255'] }, 'AddressNotOfNetwork', 'broadcast address'),
  'a bandwidth': asking({ bandwidth: { ingressRate: 1000, ingressBurst: 1000 } }, 'KeyNotServed', 'bandwidth'),
  'port mappings': asking({ portMappings: [{ hostPort: 1, containerPort: 1 }] }, 'KeyNotServed', 'portMappings'),
  'a default route': asking({ 'default-route': ['10.20.0.1'] }, 'KeyNotServed', 'default-route'),
  'arguments for plugins': asking({ 'cni-args': { x: 1 } }, 'KeyNotServed', 'cni-args'),
  'a claim': asking({ 'ipam-claim-reference': 'mine' }, 'KeyNotServed', 'claim'),
  'a name that the kernel takes and ip does not': asking({ interface: '0data' }, 'InvalidValue', '0data'),
};

describe('an entry that leads to a network object is refused, with the rule, and keeps what it has', () => {
  for (const [title, { objects = BLUE, entry = {}, change = {}, code, mentions }] of Object.entries(REFUSED)) {
    it(`for ${title}`, () => {
      const { selections, problems, keep } = parsed([{ name: 'blue', ...entry }], objects, change);
      assert.deepEqual([selections, problems.map((problem) => problem.code)], [[], [code]]);
      assert.equal(keep[0], 'npwg:red/blue');
      for (const text of mentions) assert.ok(problems[0]?.message.includes(text), problems[0]?.message);
      assert.equal(problems[0]?.network, 'red/blue');
    });
  }

  it('and is not for an object that is being deleted, of which the pod is to have again what it had', () => {
    const lookup = changed({ deleting: true });
    const rejoining = (name: string, tunnel: string): ParsedSelections =>
      parsed('blue', BLUE, { lookup, rejoins: (network, of) => network.name === name && of === tunnel });
    assert.equal(only(rejoining('blue', '8472/500')).link.vni, 500);
    for (const other of [rejoining('blue', '8472/501'), rejoining('red', '8472/500')])
      assert.deepEqual(
        other.problems.map(({ code }) => code),
        ['NetworkBeingDeleted'],
      );
  });

  it('and is not for a VNI that podwire gave the object', () => {
    const objects = specified({ subnets: SPEC.subnets });
    const lookup = changed({ allocatedVni: 70_000 }, objects);
    assert.equal(only(parsed('blue', objects, { lookup })).link.vni, 70_000);
  });

  it('and is not for the id at another port, nor for one that the cluster declares twice', () => {
    const nad = { 'nad/red/blue': config({ network: 'blue' }) };
    const declared = parseConfigMap({ other: 'id=9' }, ipCodec);
    only(parsed('blue', { ...nad, 'network/red/blue': { vni: 9, port: 4789 } }, { declared }));
    only(parsed('blue', { ...nad, 'cluster-network//blue': { vni: 9 } }, { declared }));
  });

  it('and costs its neighbours nothing', () => {
    const objects = {
      ...specified({ vni: 'x' }),
      'nad/red/good': config({ network: 'good' }),
      'network/red/good': { vni: 8 },
    };
    const { selections, problems } = parsed('blue, good', objects);
    assert.deepEqual(
      problems.map(({ code }) => code),
      ['NetworkBroken'],
    );
    assert.deepEqual(
      selections.map(({ network }) => network.name),
      ['good'],
    );
  });
});
