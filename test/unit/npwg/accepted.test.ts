import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { npwgReferences } from '../../../domain/npwg/references.ts';
import { DEFAULT_DIALECT_SETTINGS } from '../../../domain/settings.ts';
import { asCni, line, parse, PLAIN } from './parsing.ts';

/** Annotation to its selections, one line each. */
const ACCEPTED: Readonly<Record<string, readonly [annotation: string, ...selections: string[]]>> = {
  'an empty annotation': [''],
  'white space only': [' \n\t '],
  'an empty list': ['[]'],
  'one name': ['a', 'blue/a'],
  'two names': ['a,b', 'blue/a', 'blue/b'],
  'names with white space around them': [' a ,\n b\t', 'blue/a', 'blue/b'],
  'white space around the parts of an entry': ['blue / a @ x1,\tb @x2 , blue/ c', 'blue/a@x1', 'blue/b@x2', 'blue/c'],
  'a name with the namespace of the pod': ['blue/a', 'blue/a'],
  'a name with an interface': ['a@x1', 'blue/a@x1'],
  'namespace, name and interface': ['blue/a@net1.5', 'blue/a@net1.5'],
  'the same network twice': ['a,a', 'blue/a', 'blue/a'],
  'the same network on two interfaces': ['a@x,a@y', 'blue/a@x', 'blue/a@y'],
  'the name null, which is no JSON here': ['null', 'blue/null'],
  'a list of one': ['[{"name":"a"}]', 'blue/a'],
  'white space before the list': ['\n  [{"name":"a"}]\n', 'blue/a'],
  'an empty namespace, which is the pod’s': ['[{"name":"a","namespace":""}]', 'blue/a'],
  'a namespace and an interface': ['[{"name":"a","namespace":"blue","interface":"x"}]', 'blue/a@x'],
  'the longest interface name': ['[{"name":"a","interface":"a23456789012345"}]', 'blue/a@a23456789012345'],
  'the longest names': [`${'a'.repeat(63)}`, `blue/${'a'.repeat(63)}`],
  'ips of both families': [
    '[{"name":"a","ips":["10.2.2.42/24","2001:0DB8::5"]}]',
    'blue/a {"ips":["10.2.2.42/24","2001:db8::5"]}',
  ],
  'a mac in upper case': ['[{"name":"a","mac":"02:23:45:67:89:AB"}]', 'blue/a {"mac":"02:23:45:67:89:ab"}'],
  'a mac with dashes': ['[{"name":"a","mac":"02-23-45-67-89-ab"}]', 'blue/a {"mac":"02:23:45:67:89:ab"}'],
  'an InfiniBand GUID': [
    '[{"name":"a","infiniband-guid":"C2:11:22:33:44:55:66:77"}]',
    'blue/a {"infinibandGUID":"c2:11:22:33:44:55:66:77"}',
  ],
  'a bandwidth': [
    '[{"name":"a","bandwidth":{"egressRate":5,"ingressRate":1000,"ingressBurst":2000}}]',
    'blue/a {"bandwidth":{"ingressRate":1000,"ingressBurst":2000,"egressRate":5}}',
  ],
  'a bandwidth as NPWG’s Go types write it, with 0 for what is not asked for': [
    '[{"name":"a","bandwidth":{"ingressRate":1000,"ingressBurst":1000,"egressRate":0,"egressBurst":0}}]',
    'blue/a {"bandwidth":{"ingressRate":1000,"ingressBurst":1000}}',
  ],
  'a rate of 0 without a burst': [
    '[{"name":"a","bandwidth":{"ingressRate":0,"egressRate":5,"egressBurst":6}}]',
    'blue/a {"bandwidth":{"egressRate":5,"egressBurst":6}}',
  ],
  'a bandwidth of zeros, which asks for none': [
    '[{"name":"a","bandwidth":{"ingressRate":0,"ingressBurst":0,"egressRate":0,"egressBurst":0}}]',
    'blue/a',
  ],
  'a lone rate of 0, a lone burst of 0 and a null, which ask for nothing': [
    '[{"name":"a","bandwidth":{"ingressRate":0}},{"name":"b","bandwidth":{"egressBurst":0,"ingressRate":null}}]',
    'blue/a',
    'blue/b',
  ],
  'cni-args that are null, as NPWG’s Go types write them': ['[{"name":"a","cni-args":null}]', 'blue/a'],
  'a null for every key that may be left out': [
    `[{"name":"a",${['namespace', 'interface', 'ips', 'mac', 'infiniband-guid', 'bandwidth', 'portMappings', 'cni-args', 'default-route', 'ipam-claim-reference'].map((key) => `"${key}":null`).join(',')}}]`,
    'blue/a',
  ],
  'nulls beside what they would exclude': [
    '[{"name":"a","ips":null,"ipam-claim-reference":"c"},{"name":"b","default-route":null},{"name":"c","default-route":["10.0.0.1"]}]',
    'blue/a args={"ipam-claim-reference":"c"}',
    'blue/b',
    'blue/c via=10.0.0.1',
  ],
  'nulls in a port mapping': [
    '[{"name":"a","portMappings":[{"hostPort":1,"containerPort":2,"protocol":null,"hostIP":null}]}]',
    'blue/a {"portMappings":[{"hostPort":1,"containerPort":2,"protocol":"tcp"}]}',
  ],
  'port mappings': [
    '[{"name":"a","portMappings":[{"hostPort":1,"containerPort":65535},{"hostPort":1,"containerPort":2,"protocol":"UDP","hostIP":"10.0.0.1"}]}]',
    'blue/a {"portMappings":[{"hostPort":1,"containerPort":65535,"protocol":"tcp"},{"hostPort":1,"containerPort":2,"protocol":"udp","hostIP":"10.0.0.1"}]}',
  ],
  'arguments for the plugin': ['[{"name":"a","cni-args":{"k":{"l":[1,null]}}}]', 'blue/a args={"k":{"l":[1,null]}}'],
  'the default route of both families': [
    '[{"name":"a","default-route":["10.0.0.1","fe80::1"]},{"name":"b"}]',
    'blue/a via=10.0.0.1,fe80::1',
    'blue/b',
  ],
  'an empty list of gateways, which takes the default route of a definition away and competes with nobody': [
    '[{"name":"a","default-route":[]},{"name":"b","default-route":["10.0.0.1"]},{"name":"c","default-route":[]}]',
    'blue/a via=none',
    'blue/b via=10.0.0.1',
    'blue/c via=none',
  ],
  'an IPAMClaim': ['[{"name":"a","ipam-claim-reference":"vm.a"}]', 'blue/a args={"ipam-claim-reference":"vm.a"}'],
  'somebody else’s key, which has a period': ['[{"name":"a","example.org/x":[{}]}]', 'blue/a'],
  'escapes in texts': ['[{"name":"\\u0061"}]', 'blue/a'],
};

describe('the NPWG parser accepts', () => {
  for (const [name, [annotation, ...expected]] of Object.entries(ACCEPTED)) {
    it(name, () => {
      const parsed = parse(annotation);
      assert.deepEqual(parsed.problems, []);
      assert.deepEqual(parsed.selections.map(line), expected);
      assert.deepEqual(parsed.keep, []);
    });
  }

  it('nothing where there is no annotation, or where the dialect is off', () => {
    assert.deepEqual(parse(undefined).selections, []);
    const off = { ...DEFAULT_DIALECT_SETTINGS.npwg, enabled: false };
    assert.deepEqual(parse('[null', { settings: { npwg: off } }), {
      selections: [],
      problems: [],
      warnings: [],
      keep: [],
    });
  });

  it('a configuration byte for byte, with the UID of its definition', () => {
    const config = `  ${PLAIN.replace(',', ' ,\n')}\n`;
    const [selection] = parse('a', { definitions: { 'blue/a': config } }).selections;
    assert.ok(selection);
    assert.deepEqual(asCni(selection).config, { uid: 'uid of blue/a', text: config });
  });

  it('a definition without a configuration: a file of the node has it', () => {
    const { selections, problems } = parse('a', { definitions: { 'blue/a': ' \n' } });
    assert.deepEqual(problems, []);
    assert.deepEqual(
      selections.map((selection) => asCni(selection).config),
      [{ uid: 'uid of blue/a', text: '' }],
    );
  });

  it('networks of shared namespaces, and of every one where isolation is off', () => {
    const npwg = { ...DEFAULT_DIALECT_SETTINGS.npwg, sharedNamespaces: ['infra'] };
    assert.deepEqual(parse('infra/a', { settings: { npwg } }).selections.map(line), ['infra/a']);
    const open = { ...npwg, namespaceIsolation: false, sharedNamespaces: [] };
    assert.deepEqual(parse('red/a', { settings: { npwg: open } }).selections.map(line), ['red/a']);
  });

  it('the place of each entry, those counted that are refused or attached by another runtime', () => {
    const places = (text: string) => parse(text).selections.map((one) => [one.network.name, asCni(one).position]);
    assert.deepEqual(places('a@x,b'), [
      ['a', 1],
      ['b', 2],
    ]);
    assert.deepEqual(places('[{"name":"BAD"},{"name":"b"},{"name":"c","mac":"zz"},{"name":"d"}]'), [
      ['b', 2],
      ['d', 4],
    ]);
  });

  it('a network of a namespace called cluster, under a name no namespace can have', () => {
    const [selection] = parse('a', { pod: { namespace: 'cluster' } }).selections;
    assert.equal(selection?.network.scope, 'namespace.cluster');
  });
});

describe('the references of an NPWG annotation', () => {
  const names = (text: string) => npwgReferences(text, 'blue').map(({ namespace, name }) => `${namespace}/${name}`);

  it('are each network once, in order', () => {
    assert.deepEqual(names('b,red/a,b@x'), ['blue/b', 'red/a']);
    assert.deepEqual(names('[{"name":"a"},null,{"name":"A"},{"name":"a","namespace":"blue"}]'), ['blue/a']);
  });

  it('are none of a text that cannot be read, and 64 at most', () => {
    for (const text of ['', '[', '{"name":"a"}', '[[[', 'x'.repeat(1_000_000), '"a"'])
      assert.deepEqual(names(text), []);
    assert.equal(names(Array.from({ length: 100 }, (_, index) => `n${index}`).join(',')).length, 64);
  });
});
