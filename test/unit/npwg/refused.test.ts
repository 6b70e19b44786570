import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { line, parse, PLAIN, type Definitions } from './parsing.ts';

interface Row {
  /** One JSON element, or a whole annotation. */
  readonly element?: string;
  readonly annotation?: string;
  readonly definitions?: Definitions;
  readonly code: string;
  readonly mentions?: readonly string[];
  /** What must stay attached; `blue/bad` unless told. */
  readonly keep?: readonly string[];
}

const value = (key: string, written: string, ...mentions: string[]): Row => ({
  element: `{"name":"bad","${key}":${written}}`,
  code: 'InvalidValue',
  mentions: [`"${key}"`, 'allowed', 'NPWG 1.3', ...mentions],
});

const nothing: readonly string[] = [];
const everything = ['npwg:*'];

/** Each element has exactly one mistake and stands between two good ones; each annotation has one by itself. */
const MISTAKES: Readonly<Record<string, Row>> = {
  'an empty list of ips': value('ips', '[]', 'empty'),
  'ips that are one text': value('ips', '"10.0.0.1"', 'no list'),
  'ips that are no texts': value('ips', '[1]'),
  'an ip that is none': value('ips', '["10.0.0"]', '10.0.0'),
  'an ip with a wrong prefix length': value('ips', '["10.0.0.1/33"]'),
  'an ip with prefix length 0': value('ips', '["10.0.0.1/0"]'),
  'a multicast ip': value('ips', '["224.0.0.1"]', 'unicast'),
  'a loopback ip': value('ips', '["127.0.0.1/8"]', 'unicast'),
  'an ip with a zone': value('ips', '["fe80::1%eth0"]'),
  'the same ip twice': value('ips', '["10.0.0.1/24","10.0.0.1/24"]', 'twice'),
  'too many ips': value('ips', JSON.stringify(Array.from({ length: 17 }, (_, index) => `10.0.0.${index + 1}`))),
  'an ip with injected arguments': value('ips', '["10.0.0.1;K8S_POD_NAME=x"]'),
  'a mac of eight bytes': value('mac', '"02:00:00:00:00:00:00:01"', 'six bytes'),
  'a mac of twenty bytes': value('mac', `"${Array.from({ length: 20 }, () => '02').join(':')}"`, 'six bytes'),
  'a multicast mac': value('mac', '"01:00:5e:00:00:01"', 'multicast'),
  'the zero mac': value('mac', '"00:00:00:00:00:00"', 'zero'),
  'a mac without colons': value('mac', '"022345678901"'),
  'a mac with mixed separators': value('mac', '"02:23-45:67:89:01"'),
  'a mac that is a number': value('mac', '2'),
  'an empty mac': value('mac', '""'),
  'a guid of six bytes': value('infiniband-guid', '"02:00:00:00:00:01"', 'eight bytes'),
  'a guid of twenty bytes': value('infiniband-guid', `"${Array.from({ length: 20 }, () => '02').join(':')}"`),
  'the zero guid': value('infiniband-guid', '"00:00:00:00:00:00:00:00"', 'zero'),
  'a bandwidth that is a number': value('bandwidth', '5'),
  'an empty bandwidth': value('bandwidth', '{}', 'empty'),
  'a burst without its rate': value('bandwidth', '{"ingressBurst":5}', 'ingressRate'),
  'a burst with the other rate': value('bandwidth', '{"egressBurst":5,"ingressRate":5}', 'egressRate'),
  'a rate with a burst of 0': value('bandwidth', '{"ingressRate":5,"ingressBurst":0}', '"ingressBurst" of 0'),
  'a burst with a rate of 0': value('bandwidth', '{"egressRate":0,"egressBurst":5}', 'without "egressRate"'),
  'a rate with a fraction': value('bandwidth', '{"ingressRate":1.5}'),
  'a negative rate': value('bandwidth', '{"ingressRate":-1}'),
  'a negative burst': value('bandwidth', '{"ingressRate":1,"ingressBurst":-1}'),
  'a negative rate beside zeros': value('bandwidth', '{"ingressRate":0,"ingressBurst":0,"egressRate":-1}'),
  'a rate as text': value('bandwidth', '{"ingressRate":"1M"}'),
  'a rate in another case': value('bandwidth', '{"IngressRate":1}', 'did you mean "ingressRate"'),
  'port mappings that are one object': value('portMappings', '{"hostPort":1,"containerPort":1}', 'no list'),
  'no port mapping': value('portMappings', '[]', 'empty'),
  'a port mapping that is null': value('portMappings', '[null]'),
  'host port 0': value('portMappings', '[{"hostPort":0,"containerPort":1}]', 'hostPort'),
  'container port 65536': value('portMappings', '[{"hostPort":1,"containerPort":65536}]', 'containerPort'),
  'a port as text': value('portMappings', '[{"hostPort":"80","containerPort":80}]', 'hostPort'),
  'a missing container port': value('portMappings', '[{"hostPort":80}]', 'containerPort'),
  'an unknown protocol': value('portMappings', '[{"hostPort":1,"containerPort":1,"protocol":"icmp"}]', 'protocol'),
  'a host ip that is none': value('portMappings', '[{"hostPort":1,"containerPort":1,"hostIP":"x"}]', 'hostIP'),
  'the same host port twice': value(
    'portMappings',
    '[{"hostPort":1,"containerPort":1},{"hostPort":1,"containerPort":2,"protocol":"TCP"}]',
    'twice',
  ),
  'an unknown key of a port mapping': value('portMappings', '[{"hostport":1,"containerPort":1}]', 'did you mean'),
  'cni-args that are a list': value('cni-args', '[]', 'no object'),
  'empty cni-args': value('cni-args', '{}', 'empty'),
  'a default route with prefix length': value('default-route', '["10.0.0.1/24"]'),
  'two default routes of one family': value('default-route', '["10.0.0.1","10.0.0.2"]', 'two IPv4'),
  'a multicast gateway': value('default-route', '["224.0.0.1"]', 'unicast'),
  'a default route that is one text': value('default-route', '"10.0.0.1"'),
  'a claim that is no name': value('ipam-claim-reference', '"A claim"'),
  'a claim that is a number': value('ipam-claim-reference', '1'),
  'an empty interface': value('interface', '""'),
  'interface lo': value('interface', '"lo"'),
  'interface eth0': value('interface', '"eth0"', 'eth0'),
  'interface all': value('interface', '"all"'),
  'interface default': value('interface', '"default"'),
  'an interface of 16 characters': value('interface', '"a234567890123456"'),
  'an interface with a slash': value('interface', '"a/b"'),
  'an interface with a template': value('interface', '"veth%d"'),
  'an interface that looks like an option': value('interface', '"-x"'),
  'an interface with a shell in it': value('interface', '"a;b"'),
  'an interface that is two dots': value('interface', '".."'),
  'an interface of podwire’s own': value('interface', '"pw0123456789ab"'),
  'an interface that is a number': value('interface', '1'),
  'ips beside a claim': {
    element: '{"name":"bad","ips":["10.0.0.1/24"],"ipam-claim-reference":"c"}',
    code: 'IpsWithClaim',
    mentions: ['"ips"', 'NPWG 1.3'],
  },
  'an unknown key without a period': {
    element: '{"name":"bad","colour":1}',
    code: 'UnknownKey',
    mentions: ['"colour"', 'known keys', 'reserved'],
  },
  'a known key in another case': {
    element: '{"name":"bad","IPs":["10.0.0.1"]}',
    code: 'UnknownKey',
    mentions: ['"IPs"', 'did you mean "ips"'],
  },
  'a known key that only Go takes for it': {
    element: '{"name":"bad","ip\\u017f":["10.0.0.1"]}',
    code: 'UnknownKey',
    mentions: ['did you mean "ips"'],
  },
  'Multus’ old name of a key': {
    element: '{"name":"bad","interfaceRequest":"x"}',
    code: 'UnknownKey',
    mentions: ['did you mean "interface"'],
  },
  'a key written with underscores': {
    element: '{"name":"bad","default_route":["10.0.0.1"]}',
    code: 'UnknownKey',
    mentions: ['did you mean "default-route"'],
  },
  'an address hidden in cni-args': { element: '{"name":"bad","cni-args":{"ips":["10.0.0.1"]}}', code: 'InvalidValue' },
  'a mac hidden in cni-args in another case': {
    element: '{"name":"bad","cni-args":{"MAC":"x"}}',
    code: 'InvalidValue',
  },
  'a path of the host in cni-args': {
    element: '{"name":"bad","cni-args":{"deep":[{"dataDir":"/etc"}]}}',
    code: 'HostKeyNotAllowed',
    mentions: ['"deep.[0].dataDir"', 'administrator'],
  },
  'a network of another namespace': {
    element: '{"name":"bad","namespace":"red"}',
    code: 'NamespaceIsolated',
    mentions: ['"red/bad"', 'allowed namespaces: blue'],
    keep: ['npwg:red/bad'],
  },
  'a network that does not exist': {
    element: '{"name":"bad"}',
    definitions: {},
    code: 'NetworkNotFound',
    mentions: ['blue/bad', 'stays'],
  },
  'a definition that cannot be read': {
    element: '{"name":"bad"}',
    definitions: { 'blue/bad': 'unreadable' },
    code: 'DefinitionUnreadable',
    mentions: ['stays'],
  },
  'a configuration that is no JSON': {
    element: '{"name":"bad"}',
    definitions: { 'blue/bad': '{' },
    code: 'CniConfigInvalid',
    mentions: ['no JSON'],
  },
  'a plugin that is not allowed': {
    element: '{"name":"bad"}',
    definitions: { 'blue/bad': '{"cniVersion":"1.0.0","type":"host-device"}' },
    code: 'PluginNotAllowed',
    mentions: ['"host-device"', 'bridge', 'administrator'],
  },
  'a key of the host': {
    element: '{"name":"bad"}',
    definitions: { 'blue/bad': '{"cniVersion":"1.0.0","type":"bridge","ipam":{"type":"host-local","dataDir":"/etc"}}' },
    code: 'HostKeyNotAllowed',
    mentions: ['"ipam.dataDir"', 'administrator'],
  },
  'a mac that no plugin handles': {
    element: '{"name":"bad","mac":"02:00:00:00:00:01"}',
    definitions: { 'blue/bad': PLAIN },
    code: 'CapabilityMissing',
    mentions: ['"mac"', 'NPWG 1.3', '"capabilities": {"mac": true}'],
  },
  'an address that no plugin handles': {
    element: '{"name":"bad","ips":["10.0.0.1/24"]}',
    definitions: { 'blue/bad': PLAIN },
    code: 'CapabilityMissing',
    mentions: ['"ips"'],
  },
  'a bandwidth that no plugin handles': {
    element: '{"name":"bad","bandwidth":{"ingressRate":1}}',
    definitions: { 'blue/bad': PLAIN },
    code: 'CapabilityMissing',
    mentions: ['"bandwidth"'],
  },
  'an upper-case name': {
    element: '{"name":"Bad"}',
    code: 'InvalidName',
    mentions: ['"Bad"', 'DNS-1123'],
    keep: nothing,
  },
  'a name with a slash in JSON': { element: '{"name":"blue/bad"}', code: 'InvalidName', keep: nothing },
  'a name with a period': { element: '{"name":"bad.x"}', code: 'InvalidName', keep: nothing },
  'a name of 64 characters': { element: `{"name":"${'a'.repeat(64)}"}`, code: 'InvalidName', keep: nothing },
  'an empty name': { element: '{"name":""}', code: 'InvalidName', keep: nothing },
  'a name that walks up': { element: '{"name":"../bad"}', code: 'InvalidName', keep: nothing },
  'an upper-case namespace': { element: '{"name":"bad","namespace":"Blue"}', code: 'InvalidName', keep: nothing },
  'no name': { element: '{"interface":"x"}', code: 'EntryInvalid', mentions: ['entry 2', '"name"'], keep: everything },
  'the name in another case': {
    element: '{"Name":"bad"}',
    code: 'EntryInvalid',
    mentions: ['"Name"'],
    keep: everything,
  },
  'a name that is null': { element: '{"name":null}', code: 'EntryInvalid', keep: everything },
  'an unknown key that is null': { element: '{"name":"bad","colour":null}', code: 'UnknownKey' },
  'a name that is a number': { element: '{"name":1}', code: 'EntryInvalid', keep: everything },
  'a namespace that is a list': { element: '{"name":"bad","namespace":[]}', code: 'EntryInvalid', keep: everything },
  'a null among the entries': { element: 'null', code: 'EntryInvalid', mentions: ['entry 2'], keep: everything },
  'a text among the entries': { element: '"bad"', code: 'EntryInvalid', keep: everything },
  'a list among the entries': { element: '[]', code: 'EntryInvalid', keep: everything },
  'null alone in a list': { annotation: '[null]', code: 'EntryInvalid', keep: everything },
  'an object instead of a list': { annotation: '{"name":"bad"}', code: 'AnnotationInvalid', keep: everything },
  'a text in quotes': { annotation: '"bad"', code: 'AnnotationInvalid', keep: everything },
  'JSON that ends early': { annotation: '[{"name":"bad"}', code: 'AnnotationInvalid', keep: everything },
  'a comma too many in JSON': { annotation: '[{"name":"bad"},]', code: 'AnnotationInvalid', keep: everything },
  'two JSON texts': { annotation: '[] []', code: 'AnnotationInvalid', keep: everything },
  'a key twice': {
    annotation: '[{"name":"good","name":"bad"}]',
    code: 'AnnotationInvalid',
    mentions: ['"name" twice'],
    keep: everything,
  },
  'a prototype': { annotation: '[{"name":"a","__proto__":{}}]', code: 'AnnotationInvalid', keep: everything },
  'too deep a nesting': {
    annotation: `[{"name":"a","cni-args":${'['.repeat(40)}${']'.repeat(40)}}]`,
    code: 'AnnotationInvalid',
    mentions: ['deep', '32'],
    keep: everything,
  },
  'a hundred thousand brackets': { annotation: '['.repeat(30_000), code: 'AnnotationInvalid', keep: everything },
  'too long a JSON text': { annotation: `[${' '.repeat(40_000)}]`, code: 'AnnotationTooLong', keep: everything },
  'too long a comma text': { annotation: 'a,'.repeat(20_000), code: 'AnnotationTooLong', keep: everything },
  'a trailing comma': { annotation: 'good1,', code: 'EntryInvalid', mentions: ['entry 2'], keep: nothing },
  'an empty namespace in the comma form': { annotation: '/bad', code: 'EntryInvalid', keep: nothing },
  'three parts': { annotation: 'a/b/c', code: 'EntryInvalid', keep: nothing },
  'an empty interface in the comma form': { annotation: 'bad@', code: 'EntryInvalid', keep: nothing },
  'two interfaces': { annotation: 'bad@x@y', code: 'EntryInvalid', keep: nothing },
  'upper case in the comma form': { annotation: 'Bad', code: 'InvalidName', keep: nothing },
  'a wrong interface in the comma form': { annotation: 'bad@eth0', code: 'InvalidValue' },
  'white space inside a name': { annotation: 'bad one', code: 'InvalidName', keep: nothing },
};

describe('the NPWG parser refuses', () => {
  for (const [name, row] of Object.entries(MISTAKES)) {
    it(name, () => {
      const annotation = row.annotation ?? `[{"name":"good1"},${row.element ?? ''},{"name":"good2"}]`;
      const good = { 'blue/good1': PLAIN, 'blue/good2': PLAIN };
      const change = row.definitions === undefined ? {} : { definitions: { ...good, ...row.definitions } };
      const parsed = parse(annotation, change);
      const [problem, ...others] = parsed.problems;
      assert.ok(problem, 'a problem');
      assert.deepEqual(others, []);
      assert.equal(problem.code, row.code, problem.message);
      assert.equal(problem.dialect, 'npwg');
      for (const word of row.mentions ?? []) assert.ok(problem.message.includes(word), `${word} in ${problem.message}`);
      if (row.element !== undefined) assert.deepEqual(parsed.selections.map(line), ['blue/good1', 'blue/good2']);
      assert.deepEqual(parsed.keep, row.keep ?? ['npwg:blue/bad']);
    });
  }

  it('the second of two entries with one interface', () => {
    const parsed = parse('a@x,b@x,c@y');
    assert.deepEqual(parsed.selections.map(line), ['blue/a@x', 'blue/c@y']);
    assert.deepEqual(
      parsed.problems.map(({ code, network }) => [code, network]),
      [['DuplicateInterface', 'blue/b']],
    );
    assert.deepEqual(parsed.keep, ['npwg:blue/b']);
  });

  it('no interface on behalf of an entry that is wrong itself', () => {
    const parsed = parse('[{"name":"a","interface":"x","mac":"no"},{"name":"b","interface":"x"}]');
    assert.deepEqual(parsed.selections.map(line), ['blue/b@x']);
  });

  it('every entry that asks for the default route when two do', () => {
    const parsed = parse(
      '[{"name":"a","default-route":["10.0.0.1"]},{"name":"b"},{"name":"c","default-route":["fe80::1"]}]',
    );
    assert.deepEqual(parsed.selections.map(line), ['blue/b']);
    assert.deepEqual(
      parsed.problems.map(({ code, network }) => [code, network]),
      [
        ['SeveralDefaultRoutes', 'blue/a'],
        ['SeveralDefaultRoutes', 'blue/c'],
      ],
    );
  });

  it('entries from the 65th on, and keeps everything then', () => {
    const parsed = parse(Array.from({ length: 66 }, (_, index) => `n${index}`).join(','));
    assert.equal(parsed.selections.length, 64);
    assert.deepEqual(
      parsed.problems.map(({ code }) => code),
      ['TooManyNetworks'],
    );
    assert.deepEqual(parsed.keep, everything);
  });

  it('a value with the value in the message, as it was written', () => {
    const message = (key: string, written: string) =>
      parse(`[{"name":"a","${key}":${written}}]`).problems.map((found) => found.message)[0] ?? '';
    assert.match(message('mac', '"zz"'), /option "mac": value "zz" is no Ethernet address of six bytes; allowed/);
    assert.match(message('infiniband-guid', '"zz"'), /value "zz" is no InfiniBand GUID/);
    assert.match(message('interface', '"a/b"'), /value "a\/b" is no name for an interface/);
    assert.match(message('mac', '2'), /value 2 is no text/);
    assert.match(message('ips', '["10.0.0"]'), /value \["10\.0\.0"\] holds "10\.0\.0", which is no address/);
    assert.match(
      message('portMappings', '[{"hostPort":70000,"containerPort":1}]'),
      /value \[\{"hostPort":70000,.*no port/,
    );
    assert.match(message('ipam-claim-reference', '"A b"'), /value "A b" is no name of an object/);
    assert.match(message('ips', JSON.stringify(['\u202e'.repeat(200)])), /value \["\\u202e[^\u202e]{1,500}…/);
  });

  it('a text that is no JSON with its line once: the event and lint write that behind the message', () => {
    const [found] = parse('[{"name":"a"},\n{"name":}]').problems;
    assert.deepEqual([found?.code, found?.line], ['AnnotationInvalid', 2]);
    assert.doesNotMatch(found?.message ?? '', /line/);
  });

  it('all mistakes of an entry at once', () => {
    const parsed = parse('[{"name":"a","mac":"x","ips":[],"interface":"lo","colour":1}]');
    assert.deepEqual(parsed.problems.map(({ option }) => option).sort(), ['colour', 'interface', 'ips', 'mac']);
  });
});
