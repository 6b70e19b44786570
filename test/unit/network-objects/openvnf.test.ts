import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ipCodec } from '../../../adapters/ip/ip-codec.ts';
import { readNetworkSpec } from '../../../adapters/kubernetes/network-objects.ts';
import { definitionKey, type DefinitionLookup } from '../../../domain/cni/network-definition.ts';
import { parseConfigMap } from '../../../domain/openvnf/config-map.ts';
import { parseSelections, type OpenvnfSelections } from '../../../domain/openvnf/selections.ts';
import { DEFAULT_DIALECT_SETTINGS } from '../../../domain/settings.ts';
import { podWith } from '../npwg/parsing.ts';

const SPEC = { vni: 500, port: 4789, mtu: 1400, subnets: [{ cidr: '10.20.0.0/16', gateway: '10.20.0.1' }] };
const settings = DEFAULT_DIALECT_SETTINGS;

const lookupOf =
  (objects: Readonly<Record<string, object>>): DefinitionLookup =>
  (ref) => {
    const spec = objects[definitionKey(ref)];
    return spec === undefined
      ? 'absent'
      : { ...ref, uid: 'u', config: '', plugin: '', declares: readNetworkSpec(spec) };
  };

const parsed = (
  annotation: string,
  objects: Readonly<Record<string, object>> = { 'cluster-network//blue': SPEC },
  configMap: Readonly<Record<string, string>> = {},
): OpenvnfSelections =>
  parseSelections({
    pod: podWith(undefined, {
      ...{ namespace: 'red', labels: { [settings.selector]: 'true' } },
      annotations: { [settings.annotation]: annotation },
    }),
    ...{ declared: parseConfigMap(configMap, ipCodec), settings, ip: ipCodec, lookup: lookupOf(objects) },
  });

const codes = ({ problems }: OpenvnfSelections): unknown[] => problems.map(({ code, option }) => [code, option]);

describe("kube-vxlan-controller's annotation", () => {
  it('names a network object as it names a network of the ConfigMap', () => {
    const { selections, problems } = parsed('blue ip=10.20.0.9/16 name=data0, other id=7');
    assert.deepEqual(problems, []);
    const [blue, other] = selections;
    assert.deepEqual([blue?.network, blue?.dialect], [{ scope: 'cluster.network', name: 'blue' }, 'openvnf']);
    const { interfaceName, vni, dstPort, mtu, up, addresses } = blue?.link ?? {};
    const link = { interfaceName, vni, dstPort, mtu, up, addresses };
    const wanted = { interfaceName: 'data0', vni: 500, dstPort: 4789, mtu: 1400, up: true };
    assert.deepEqual(link, { ...wanted, addresses: ['10.20.0.9/16'] });
    assert.deepEqual(other?.network, { scope: 'red', name: 'other' });
    assert.equal(parsed('blue').selections[0]?.link.interfaceName, 'blue');
  });

  it('means no object with a name that the ConfigMap has, or with an id', () => {
    const declared = parsed('blue', undefined, { blue: 'id=9 up' });
    assert.deepEqual(
      declared.selections.map(({ network, link }) => [network.scope, link.vni]),
      [['cluster', 9]],
    );
    const inline = parsed('blue id=9');
    assert.deepEqual(
      inline.selections.map(({ network, link }) => [network.scope, link.vni]),
      [['red', 9]],
    );
  });

  it('tells which of its networks it declares for the cluster itself, where their scope does not tell', () => {
    const inline = (inlineScope: 'cluster' | 'namespace') =>
      parseSelections({
        pod: podWith(undefined, {
          ...{ namespace: 'red', labels: { [settings.selector]: 'true' } },
          annotations: { [settings.annotation]: 'blue\nown id=7\nmap id=9' },
        }),
        ...{ declared: parseConfigMap({ map: 'id=9' }, ipCodec), settings: { ...settings, inlineScope }, ip: ipCodec },
        lookup: lookupOf({ 'cluster-network//blue': SPEC }),
      }).inline;
    assert.deepEqual(inline('cluster'), ['own']);
    assert.deepEqual(inline('namespace'), ['own']);
  });

  it('is refused what the object decides, with the rule, and keeps what it has', () => {
    const found = parsed('blue mtu=1500 dstport=8472 route=10.0.0.0/8:10.20.0.1 up=false, other id=7');
    assert.deepEqual(
      codes(found),
      ['mtu', 'dstport', 'route', 'up'].map((option) => ['FixedByDeclaration', option]),
    );
    assert.match(found.problems[0]?.message ?? '', /allowed for such a network: ip, name, up/);
    assert.deepEqual([found.keep, found.selections.length], [['blue'], 1]);
  });

  it('is refused access, addresses, and a name of two objects like any other dialect', () => {
    assert.deepEqual(codes(parsed('blue ip=10.21.0.9/16')), [['AddressNotOfNetwork', 'ip']]);
    assert.deepEqual(codes(parsed('blue name=0x')), [['InvalidValue', 'name']]);
    const closed = { 'cluster-network//blue': { ...SPEC, allowedNamespaces: { names: ['green'] } } };
    assert.deepEqual(codes(parsed('blue', closed)), [['NamespaceNotAdmitted', undefined]]);
    const both = { 'cluster-network//blue': SPEC, 'network/red/blue': SPEC };
    assert.deepEqual(codes(parsed('blue', both)), [['NetworkAmbiguous', undefined]]);
    assert.deepEqual(codes(parsed('blue', {})), [['NotDeclared', 'id']]);
    const own = { 'network/red/blue': { vni: 9 } };
    assert.deepEqual(codes(parsed('blue', own, { other: 'id=9' })), [['IdTaken', undefined]]);
  });

  it('is refused the longer name of a network for the interface, as of every network', () => {
    const objects = { 'network/red/a-network-of-long-name': { vni: 5 } };
    const [problem] = parsed('a-network-of-long-name', objects).problems;
    assert.deepEqual([problem?.code, problem?.option, problem?.line], ['InvalidValue', 'name', 1]);
    assert.deepEqual(parsed('a-network-of-long-name name=short', objects).problems, []);
  });
});
