import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { withoutInterfaceConflicts } from '../../../domain/conflicts-between-dialects.ts';
import { parseKaloomSelections } from '../../../domain/kaloom/selections.ts';
import { KALOOM_ANNOTATION, DEFAULT_DIALECT_SETTINGS } from '../../../domain/settings.ts';
import { parse as parseOpenvnf } from '../openvnf/parsing.ts';
import { parse as parseNpwg, podWith } from '../npwg/parsing.ts';

/** md5 of nothing in particular: the interface of every Kaloom network here is `net000000000000`. */
const kaloomOf = (text: string) =>
  parseKaloomSelections({
    pod: podWith(undefined, { annotations: { [KALOOM_ANNOTATION]: text } }),
    lookup: undefined,
    settings: { ...DEFAULT_DIALECT_SETTINGS, kaloom: { enabled: true, namespace: 'default' } },
    md5: () => '0'.repeat(32),
  });

const merged = (npwg: string, openvnf: string, kaloom = '[]', npwgStatus?: unknown) => {
  const status = npwgStatus === undefined ? {} : { npwgStatus: JSON.stringify(npwgStatus) };
  return withoutInterfaceConflicts({
    kaloom: kaloomOf(kaloom),
    openvnf: parseOpenvnf(openvnf),
    npwg: parseNpwg(npwg, { pod: status }),
  });
};
const names = ({ selections }: ReturnType<typeof merged>) =>
  selections.map(({ dialect, network }) => `${dialect} ${network.scope}/${network.name}`);

describe('of an interface that two dialects want', () => {
  it('nothing is said when they want different ones', () => {
    const all = merged('a,b@x', 'c id=1', '[{"name":"d"}]');
    assert.deepEqual(names(all), ['npwg blue/a', 'npwg blue/b', 'openvnf red/c', 'kaloom default/d']);
    assert.deepEqual([all.problems, all.keep], [[], []]);
  });

  it('NPWG has it before openvnf, and what the loser has attached stays', () => {
    const all = merged('a@x,b', 'c id=1 name=x\nd id=2');
    assert.deepEqual(names(all), ['npwg blue/a', 'npwg blue/b', 'openvnf red/d']);
    const [problem] = all.problems;
    assert.equal(problem?.code, 'InterfaceWantedTwice');
    for (const word of ['red/c', '"x"', 'openvnf', 'blue/a', 'npwg']) assert.ok(problem?.message.includes(word), word);
    assert.deepEqual(all.keep, ['c']);
  });

  it('Kaloom comes last', () => {
    const all = merged('', 'c id=1 name=net000000000000', '[{"name":"d"}]');
    assert.deepEqual(names(all), ['openvnf red/c']);
    assert.deepEqual(all.keep, ['kaloom:default/d']);
  });

  it('nobody has it when another runtime made it', () => {
    const all = merged('', 'c id=1 name=net1', '[]', [{ name: 'blue/a', interface: 'net1' }]);
    assert.deepEqual(names(all), []);
    assert.deepEqual(
      all.problems.map(({ code, dialect }) => [code, dialect]),
      [['InterfaceTaken', 'openvnf']],
    );
    assert.deepEqual(all.foreign, [{ interfaceName: 'net1', network: 'blue/a' }]);
  });

  it('selections without a name have no part', () => {
    assert.equal(merged('a,a,a', 'a id=1').selections.length, 4);
  });
});
