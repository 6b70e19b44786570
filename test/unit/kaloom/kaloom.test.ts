import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { NetworkDefinition } from '../../../domain/cni/network-definition.ts';
import { kaloomReferences } from '../../../domain/kaloom/references.ts';
import { parseKaloomSelections } from '../../../domain/kaloom/selections.ts';
import type { CniSelection, ParsedSelections } from '../../../domain/network-selection.ts';
import { DEFAULT_DIALECT_SETTINGS, KALOOM_ANNOTATION, type DialectSettings } from '../../../domain/settings.ts';
import { podWith } from '../npwg/parsing.ts';

const md5 = (text: string): string => createHash('md5').update(text).digest('hex');
const ON: DialectSettings = { ...DEFAULT_DIALECT_SETTINGS, kaloom: { enabled: true, namespace: 'default' } };
const GOOD = { plugin: 'bridge', config: '{"bridge":"br-green","ipam":{"type":"host-local"}}' };

type Definitions = Readonly<Record<string, Partial<NetworkDefinition> | 'unreadable'>>;

/** Every name is `GOOD` unless `definitions` has something else for it; `gone` is absent. */
function parse(text: string | undefined, definitions: Definitions = {}, settings = ON): ParsedSelections {
  const annotations: Record<string, string> = text === undefined ? {} : { [KALOOM_ANNOTATION]: text };
  return parseKaloomSelections({
    pod: podWith(undefined, { annotations }),
    lookup: (reference) => {
      if (reference.name === 'gone') return 'absent';
      const found = Object.hasOwn(definitions, reference.name) ? definitions[reference.name] : {};
      return found === 'unreadable' ? found : { ...reference, uid: `uid of ${reference.name}`, ...GOOD, ...found };
    },
    settings,
    md5,
  });
}

const cnis = (parsed: ParsedSelections): CniSelection[] =>
  parsed.selections.map((selection) => {
    assert.ok(selection.kind === 'cni');
    return selection;
  });
const names = (parsed: ParsedSelections): string[] => parsed.selections.map(({ network }) => network.name);

describe('Kaloom’s annotation', () => {
  const ACCEPTED: Readonly<Record<string, readonly [text: string, ...names: string[]]>> = {
    'null, which is an empty list': ['null'],
    'an empty list': ['[ ]'],
    'one network': ['[{"name":"green"}]', 'green'],
    'several in the order written': ['[{"name":"b"},{"name":"a.x"}]', 'b', 'a.x'],
    'flags that are false or null': ['[{"name":"a","isPrimary":false,"podagentSkip":null,"ifMac":null}]', 'a'],
    'upper layers, which are for others': ['[{"name":"a","upperLayers":["x"]}]', 'a'],
    'an empty mac, which is none': ['[{"name":"a","ifMac":""}]', 'a'],
  };
  for (const [name, [text, ...expected]] of Object.entries(ACCEPTED)) {
    it(`may hold ${name}`, () => {
      const parsed = parse(text);
      assert.deepEqual([parsed.problems, parsed.warnings, parsed.keep], [[], [], []]);
      assert.deepEqual(names(parsed), expected);
    });
  }

  it('asks for nothing where the dialect is off or the annotation is not there', () => {
    const nothing = { selections: [], problems: [], warnings: [], keep: [] };
    assert.deepEqual(parse('[null]', {}, DEFAULT_DIALECT_SETTINGS), nothing);
    assert.deepEqual(parse(undefined), nothing);
  });

  it('gives an interface of net and 12 hex digits, the arguments of podagent and kactus, and their configuration', () => {
    const [selection] = cnis(parse('[{"name":"green","ifMac":"02-00-00-00-00-0A"}]'));
    assert.deepEqual(selection, {
      kind: 'cni',
      dialect: 'kaloom',
      network: { scope: 'default', name: 'green' },
      cni: {
        kind: 'cni',
        interfaceName: 'net9f27410725ab',
        capabilityArgs: {},
        args: [
          ['K8S_POD_NETWORK', 'green'],
          ['K8S_POD_IFMAC', '02:00:00:00:00:0a'],
          ['CNI_IFMAC', '02:00:00:00:00:0a'],
          ['MAC', '02:00:00:00:00:0a'],
        ],
        defaultRoute: [],
      },
      config: {
        uid: 'uid of green',
        text: '{"bridge":"br-green","cniVersion":"0.3.1","ipam":{"type":"host-local"},"networkName":"green","type":"bridge"}',
      },
    });
  });

  it('lets type and cniVersion of the configuration win over what is around it', () => {
    const [selection] = cnis(parse('[{"name":"a"}]', { a: { config: '{"type":"macvlan","cniVersion":"1.0.0"}' } }));
    assert.equal(selection?.config.text, '{"cniVersion":"1.0.0","networkName":"a","type":"macvlan"}');
  });

  it('gives podagent’s empty argument where no mac is asked for', () => {
    const [selection] = cnis(parse('[{"name":"a"}]'));
    assert.deepEqual(selection?.cni.args, [
      ['K8S_POD_NETWORK', 'a'],
      ['K8S_POD_IFMAC', ''],
    ]);
  });

  const WARNED: Readonly<Record<string, readonly [text: string, code: string]>> = {
    'a namespace that means nothing': ['[{"name":"a","namespace":"red"}]', 'NamespaceIgnored'],
    'an unknown key': ['[{"name":"a","colour":1}]', 'UnknownKey'],
    'a primary network, which comes with the pod': ['[{"name":"x","isPrimary":true},{"name":"a"}]', 'PrimaryNotServed'],
    'two primary networks': [
      '[{"name":"x","isPrimary":true},{"name":"y","isPrimary":true},{"name":"a"}]',
      'SeveralPrimaries',
    ],
  };
  for (const [name, [text, code]] of Object.entries(WARNED)) {
    it(`is taken with a warning for ${name}`, () => {
      const parsed = parse(text);
      assert.deepEqual(parsed.problems, []);
      assert.deepEqual(
        parsed.warnings.map((warning) => warning.code),
        [code],
      );
      assert.deepEqual(names(parsed), ['a']);
    });
  }

  it('attaches nothing for an entry with a flag, and takes nothing away for it, as podagent', () => {
    for (const flag of ['isPrimary', 'podagentSkip']) {
      const parsed = parse(`[{"name":"a","${flag}":true},{"name":"b"}]`);
      assert.deepEqual([names(parsed), parsed.problems, parsed.keep], [['b'], [], ['kaloom:default/a']], flag);
    }
    assert.deepEqual(parse('[{"name":"a","podagentSkip":true}]').warnings, []);
  });

  it('says of a single primary network which one it is and what to do', () => {
    const [warning] = parse('[{"name":"a","isPrimary":true}]').warnings;
    assert.match(warning?.message ?? '', /"default\/a".*"isPrimary".*no primary networks.*leave isPrimary out/);
  });
});

describe('Kaloom’s annotation is refused with', () => {
  interface Row {
    readonly element?: string;
    readonly annotation?: string;
    readonly definition?: Partial<NetworkDefinition> | 'unreadable';
    readonly code: string;
    readonly keep?: readonly string[];
  }
  const everything = ['kaloom:*'];
  const value = (key: string, written: string): Row => ({
    element: `{"name":"bad","${key}":${written}}`,
    code: 'InvalidValue',
  });
  const config = (definition: Partial<NetworkDefinition>, code = 'CniConfigInvalid'): Row => ({
    element: '{"name":"bad"}',
    definition,
    code,
  });
  const MISTAKES: Readonly<Record<string, Row>> = {
    'no JSON': { annotation: 'green', code: 'AnnotationInvalid', keep: everything },
    'an object': { annotation: '{"name":"a"}', code: 'AnnotationInvalid', keep: everything },
    'a key twice': { annotation: '[{"name":"a","name":"b"}]', code: 'AnnotationInvalid', keep: everything },
    'too deep a nesting': { annotation: '['.repeat(5_000), code: 'AnnotationInvalid', keep: everything },
    'too long a text': { annotation: `[${' '.repeat(40_000)}]`, code: 'AnnotationTooLong', keep: everything },
    'a null among the entries': { element: 'null', code: 'EntryInvalid', keep: everything },
    'no name': { element: '{}', code: 'EntryInvalid', keep: everything },
    'the name in another case': { element: '{"Name":"bad"}', code: 'EntryInvalid', keep: everything },
    'an empty name': { element: '{"name":""}', code: 'InvalidName', keep: [] },
    'a name that walks up': { element: '{"name":"a/../../x"}', code: 'InvalidName', keep: [] },
    'a name with a separator of CNI_ARGS': { element: '{"name":"a;K8S_POD_NAME=x"}', code: 'InvalidName', keep: [] },
    'a mac that is none': value('ifMac', '"x"'),
    'a multicast mac': value('ifMac', '"01:00:00:00:00:01"'),
    'a mac of eight bytes': value('ifMac', '"02:00:00:00:00:00:00:01"'),
    'a mac that is a number': value('ifMac', '2'),
    'a flag as text': value('isPrimary', '"true"'),
    'a skip as number': value('podagentSkip', '1'),
    'upper layers that are no texts': value('upperLayers', '[1]'),
    'a namespace that is a number': value('namespace', '1'),
    'a key in another case': { element: '{"name":"bad","ifmac":"02:00:00:00:00:01"}', code: 'UnknownKey' },
    'a network that does not exist': {
      element: '{"name":"gone"}',
      code: 'NetworkNotFound',
      keep: ['kaloom:default/gone'],
    },
    'a definition that cannot be read': { ...config({}), definition: 'unreadable', code: 'DefinitionUnreadable' },
    'an empty plugin': config({ plugin: '' }),
    'an empty configuration': config({ config: '' }),
    'a configuration without quotes, at which kactus panics': config({ config: 'x' }),
    'a configuration with a key twice': config({ config: '{"type":"bridge","type":"host-device"}' }),
    'a configuration that is a list': config({ config: '[]' }),
    'a list of plugins': config({ config: '{"plugins":[{"type":"bridge"}]}' }),
    'another networkName': config({ config: '{"networkName":"other"}' }),
    'a plugin that is not allowed': config({ plugin: 'host-device' }, 'PluginNotAllowed'),
    'a type of the configuration that is not allowed': config({ config: '{"type":"evil"}' }, 'PluginNotAllowed'),
    'a key of the host': config({ config: '{"dataDir":"/etc"}' }, 'HostKeyNotAllowed'),
  };
  it('a value with the value in the message, and a line once', () => {
    const found = (text: string) => parse(text).problems[0];
    assert.match(
      found('[{"name":"a","ifMac":"zz"}]')?.message ?? '',
      /option "ifMac": value "zz" is not allowed; allowed/,
    );
    assert.match(found('[{"name":"a","podagentSkip":1}]')?.message ?? '', /value 1 is not allowed; allowed/);
    const broken = found('[\n{"name":}]');
    assert.equal(broken?.line, 2);
    assert.doesNotMatch(broken.message, /line/);
  });

  for (const [name, row] of Object.entries(MISTAKES)) {
    it(name, () => {
      const annotation = row.annotation ?? `[{"name":"good1"},${row.element ?? ''},{"name":"good2"}]`;
      const parsed = parse(annotation, row.definition === undefined ? {} : { bad: row.definition });
      assert.deepEqual(
        parsed.problems.map(({ code, dialect }) => [code, dialect]),
        [[row.code, 'kaloom']],
        parsed.problems[0]?.message,
      );
      if (row.element !== undefined) assert.deepEqual(names(parsed), ['good1', 'good2']);
      assert.deepEqual(parsed.keep, row.keep ?? ['kaloom:default/bad']);
    });
  }

  it('a network named twice, the first of which is used', () => {
    const parsed = parse('[{"name":"a","ifMac":"02:00:00:00:00:01"},{"name":"a"}]');
    assert.equal(cnis(parsed)[0]?.cni.args[1]?.[1], '02:00:00:00:00:01');
    assert.deepEqual(
      parsed.problems.map(({ code }) => code),
      ['DuplicateNetwork'],
    );
  });
});

describe('for any text, Kaloom’s parser', () => {
  const entry = fc.oneof(
    fc.record({ name: fc.constantFrom<unknown>('a', 'b', 'A', '', 1), ifMac: fc.string() }, { requiredKeys: [] }),
    fc.constantFrom<unknown>(null, 1, 'a', [], {}),
  );
  const text = fc.oneof(
    fc.array(entry, { maxLength: 5 }).map((list) => JSON.stringify(list)),
    fc.json(),
    fc.string({ unit: 'binary' }),
  );

  it('gives a result, the same one each time, with safe names', () => {
    fc.assert(
      fc.property(text, text, (annotation, config) => {
        const first = parse(annotation, { a: { config } });
        assert.deepEqual(parse(annotation, { a: { config } }), first);
        kaloomReferences(annotation, ON);
        for (const { cni } of cnis(first)) assert.match(cni.interfaceName, /^net[0-9a-f]{12}$/);
        for (const { message } of first.problems) assert.match(message, /^[\x20-\x7e\u2026]+$/);
      }),
      { numRuns: 2_000 },
    );
  });

  it('reads the same from its own result written as an annotation', () => {
    const name = fc.stringMatching(/^[a-z0-9]{1,20}$/);
    const mac = fc.constantFrom('', '02:00:00:00:00:0A');
    const entries = fc.uniqueArray(fc.record({ name, ifMac: mac }), { selector: (one) => one.name, maxLength: 5 });
    fc.assert(
      fc.property(entries, (list) => {
        fc.pre(!list.some((one) => one.name === 'gone'));
        const first = parse(JSON.stringify(list));
        assert.deepEqual(first.problems, []);
        const again = cnis(first).map(({ network, cni }) => ({ name: network.name, ifMac: cni.args[1]?.[1] }));
        assert.deepEqual(parse(JSON.stringify(again)).selections, first.selections);
      }),
      { numRuns: 200 },
    );
  });

  it('refers to each network once, and to none that is skipped', () => {
    const references = kaloomReferences('[{"name":"a"},{"name":"b","isPrimary":true},{"name":"a"}]', ON);
    assert.deepEqual(references, [{ kind: 'kaloom', namespace: 'default', name: 'a' }]);
    assert.deepEqual(kaloomReferences('[{"name":"a"}]', DEFAULT_DIALECT_SETTINGS), []);
  });
});
