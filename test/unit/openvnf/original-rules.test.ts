/** The setting `compatibility: kube-vxlan-controller`: each line of its table in docs/compatibility.md. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DialectSettings } from '../../../domain/settings.ts';
import { line, parse, settings, type ConfigMapData } from './parsing.ts';

/** What `config/common.ts` makes of the one switch. */
const original: DialectSettings = { ...settings, compatibility: 'kube-vxlan-controller', inlineScope: 'cluster' };

interface Row {
  readonly says: string;
  readonly annotation: string;
  readonly configMap?: ConfigMapData;
  /** With podwire's own rules: codes of the problems; none when it is accepted there with another meaning. */
  readonly refusedAs: readonly string[];
  readonly networks: readonly string[];
  readonly warnings?: readonly string[];
}

const ROWS: readonly Row[] = [
  {
    says: 'a network that only the annotation declares is one for the cluster, by its name',
    annotation: 'blue id=7',
    refusedAs: [],
    networks: ['cluster/blue blue 7/8472@eth0 down'],
  },
  {
    says: 'of two ids the last one counts',
    annotation: 'a id=1 id=2',
    refusedAs: ['DuplicateOption'],
    networks: ['cluster/a a 2/8472@eth0 down'],
  },
  {
    says: 'a value that would be refused does not matter when a later one follows',
    annotation: 'a id=1 up=no\n  up',
    refusedAs: ['InvalidValue'],
    networks: ['cluster/a a 1/8472@eth0 up'],
  },
  {
    says: 'of two addresses and two routes the last ones count',
    annotation: 'a id=1 up ip=10.0.0.1/24 ip=10.1.0.1/24 route=10.8.0.0/16:10.1.0.9 route=10.9.0.0/16:10.1.0.9',
    refusedAs: [],
    networks: ['cluster/a a 1/8472@eth0 up ip=10.1.0.1/24 route=10.9.0.0/16>10.1.0.9'],
  },
  {
    says: 'an address given and then switched off is switched off',
    annotation: 'a id=1 ip=10.0.0.1/24 ip=false',
    refusedAs: ['DuplicateOption'],
    networks: ['cluster/a a 1/8472@eth0 down'],
  },
  {
    says: 'an unknown option is ignored with a warning',
    annotation: 'a id=1 colour=blue',
    refusedAs: ['UnknownOption'],
    networks: ['cluster/a a 1/8472@eth0 down'],
    warnings: ['UnknownOption'],
  },
  {
    says: 'an indented line that was meant as a network is ignored with a warning',
    annotation: '  a id=1\n  b',
    refusedAs: ['UnknownOption'],
    networks: ['cluster/a a 1/8472@eth0 down'],
    warnings: ['UnknownOption'],
  },
  {
    says: 'of a network named twice the first one counts, with a warning',
    annotation: 'a id=1\na id=2',
    refusedAs: ['DuplicateNetwork'],
    networks: ['cluster/a a 1/8472@eth0 down'],
    warnings: ['DuplicateNetwork'],
  },
  {
    says: 'the id of the annotation wins over that of the ConfigMap',
    annotation: 'a id=2',
    configMap: { a: 'id=1 up' },
    refusedAs: ['FixedByDeclaration'],
    networks: ['cluster/a a 2/8472@eth0 up'],
  },
  {
    says: 'dev, name and type of the ConfigMap have no effect, with a warning each',
    annotation: 'a',
    configMap: { a: 'id=1 dev=tun0 name=b type=vxlan' },
    refusedAs: [],
    networks: ['cluster/a a 1/8472@eth0 down'],
    warnings: ['NoEffectInConfigMap', 'NoEffectInConfigMap', 'NoEffectInConfigMap'],
  },
  {
    says: 'names with capitals, underscores and dots, as ConfigMap keys may have them',
    annotation: 'Vx_1.a id=1',
    refusedAs: ['InvalidNetworkName'],
    networks: ['cluster/Vx_1.a Vx_1.a 1/8472@eth0 down'],
  },
  {
    says: 'an address without prefix length is one of a host',
    annotation: 'a id=1 ip=10.0.0.1, b id=2 ip=2001:db8::1',
    refusedAs: ['InvalidValue', 'InvalidValue'],
    networks: ['cluster/a a 1/8472@eth0 down ip=10.0.0.1/32', 'cluster/b b 2/8472@eth0 down ip=2001:db8::1/128'],
  },
];

describe('under the rules of kube-vxlan-controller', () => {
  for (const row of ROWS) {
    it(row.says, () => {
      const own = parse(row.annotation, row.configMap);
      assert.deepEqual(
        own.problems.map(({ code }) => code),
        row.refusedAs,
      );
      const parsed = parse(row.annotation, row.configMap, { settings: original });
      assert.deepEqual(parsed.problems, []);
      assert.deepEqual(parsed.selections.map(line), row.networks);
      assert.deepEqual(
        parsed.warnings.map(({ code }) => code),
        row.warnings ?? [],
      );
    });
  }

  for (const [annotation, code] of [
    ['a id=1 up=no', 'InvalidValue'],
    ['a id=1 up=TRUE', 'InvalidValue'],
    ['a id=1 up route=10.0.0.0/8', 'InvalidValue'],
    ['a id=1 route', 'MissingValue'],
    ['a id=1 ip', 'MissingValue'],
    ['a id', 'MissingValue'],
    ['a', 'NotDeclared'],
    ['a id=1 ip=10.0.0.1/24, up', 'MisplacedOption'],
    ['a id=1\nip=10.0.0.1/24', 'MisplacedOption'],
    ['a id=900', 'IdTaken'],
    ['a id=1 name=a;b', 'InvalidValue'],
    ['a id=0x64', 'InvalidValue'],
  ] as const) {
    it(`${JSON.stringify(annotation)}, which crashed the original or was dropped by it, is refused with a reason`, () => {
      const parsed = parse(annotation, { declared: 'id=900' }, { settings: original });
      assert.deepEqual(
        parsed.problems.map((problem) => problem.code),
        [code],
      );
    });
  }
});
