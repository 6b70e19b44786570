import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parse, vxlan } from './parsing.ts';

describe('of an annotation as a whole the openvnf dialect refuses', () => {
  it('a network named twice: the first one is used', () => {
    const parsed = parse('a id=1\nb id=2\na id=3');
    assert.deepEqual(
      parsed.selections.map((selection) => [selection.network.name, vxlan(selection).link.vni]),
      [
        ['a', 1],
        ['b', 2],
      ],
    );
    assert.deepEqual(
      parsed.problems.map(({ code, network, line }) => [code, network, line]),
      [['DuplicateNetwork', 'a', 3]],
    );
  });

  it('an option before any network', () => {
    const parsed = parse('id=5\nup, a id=1');
    assert.deepEqual(
      parsed.problems.map(({ code, option, line }) => [code, option, line]),
      [
        ['MisplacedOption', 'id', 1],
        ['MisplacedOption', 'up', 2],
      ],
    );
    assert.equal(parsed.selections.length, 1);
  });

  it('more than 16 addresses, 16 routes or 64 peers of one network', () => {
    const many = (count: number, text: (index: number) => string) =>
      Array.from({ length: count }, (_, i) => text(i)).join(' ');
    const ips = (count: number) => parse(`a id=1 ${many(count, (i) => `ip=10.9.${i}.1/24`)}`);
    const routes = (count: number) =>
      parse(`a id=1 up ip=10.9.0.1/24 ${many(count, (i) => `route=10.${i}.0.0/16:10.9.0.2`)}`);
    const peers = (count: number) => parse(`a id=1 ${many(count, (i) => `peer=10.9.0.${i + 1}`)}`);
    for (const [list, limit] of [
      [ips, 16],
      [routes, 16],
      [peers, 64],
    ] as const) {
      assert.deepEqual(list(limit).problems, []);
      assert.deepEqual(
        list(limit + 1).problems.map((problem) => problem.code),
        ['TooManyValues'],
      );
    }
  });

  it('an annotation of more than 8 KiB, counted in UTF-8 bytes', () => {
    const fill = (bytes: number) => `a id=1${' '.repeat(bytes - 6)}`;
    assert.equal(parse(fill(8192)).selections.length, 1);
    const parsed = parse(fill(8193));
    assert.deepEqual(
      parsed.problems.map(({ code, message }) => [code, message]),
      [['AnnotationTooLong', 'the annotation has 8193 bytes; allowed: at most 8192']],
    );
    assert.equal(parse(`a id=1${'\u00a0'.repeat(4094)}`).problems[0]?.code, 'AnnotationTooLong');
  });

  it('an id of two declared networks with the same words, whatever the order of keys in the ConfigMap', () => {
    const [one, other] = [parse('a id=9', { b: '9', c: '9' }), parse('a id=9', { c: '9', b: '9' })];
    assert.deepEqual(one, other);
    assert.match(one.problems[0]?.message ?? '', /belongs to network "b"/);
  });

  it('every mistake of a network at once, in the order of lines, and at most 64 in all', () => {
    const parsed = parse('b id=0 up=no\n  mtu=1\na id=5 x=1');
    assert.deepEqual(
      parsed.problems.map(({ network, option, line }) => [network, option, line]),
      [
        ['b', 'id', 1],
        ['b', 'up', 1],
        ['b', 'mtu', 2],
        ['a', 'x', 3],
      ],
    );
    const flood = parse(`a id=1 ${'y=1 '.repeat(1000)}`).problems;
    assert.equal(flood.length, 65);
    assert.match(flood.at(-1)?.message ?? '', /936 more/);
  });

  it('both networks of a conflict no longer, once the first one is broken itself', () => {
    const parsed = parse('a id=5 up=no\nb id=5');
    assert.deepEqual(
      parsed.selections.map((selection) => selection.network.name),
      ['b'],
    );
  });
});

describe('networks about which the ConfigMap says nothing certain stay as they are:', () => {
  const codesOf = (parsed: ReturnType<typeof parse>) =>
    parsed.problems.map(({ code, network }) => `${code} ${network}`);

  it('those whose entry is missing, those whose entry is broken, those without id', () => {
    const parsed = parse('gone\nbroken\nno-id\ninline id=5\nfine', { broken: 'id=7 up=no', 'no-id': 'up', fine: '8' });
    assert.deepEqual(codesOf(parsed), ['NotDeclared gone', 'EntryBroken broken', 'MissingId no-id']);
    assert.deepEqual(parsed.keep, ['gone', 'broken', 'no-id']);
    assert.deepEqual(
      parsed.selections.map((selection) => selection.network.name),
      ['inline', 'fine'],
    );
    assert.match(parsed.problems[1]?.message ?? '', /kube-system\/kube-vxlan-controller.*"up".*"no".*up=false/);
  });

  it('a network with a broken entry, even if the annotation gives the id', () => {
    const parsed = parse('broken id=7', { broken: 'id=7 up=no' });
    assert.deepEqual(codesOf(parsed), ['EntryBroken broken']);
    assert.deepEqual(parsed.keep, ['broken']);
  });

  it('without a ConfigMap, those that have no id of their own', () => {
    const parsed = parse('a, b id=5', 'absent');
    assert.deepEqual(codesOf(parsed), ['ConfigMapMissing a']);
    assert.deepEqual(parsed.keep, ['a']);
    assert.equal(parsed.selections.length, 1);
  });

  it('with a ConfigMap that cannot be read, all of them', () => {
    const parsed = parse('a, b id=5', 'unreadable');
    assert.deepEqual(codesOf(parsed), ['ConfigMapUnreadable a', 'ConfigMapUnreadable b']);
    assert.deepEqual(parsed.keep, ['a', 'b']);
    assert.deepEqual(parsed.selections, []);
  });
});
