import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ipCodec } from '../../../adapters/ip/ip-codec.ts';
import { canonicalJson, type JsonValue } from '../../../domain/text/canonical-json.ts';
import { desiredInputs } from '../../../domain/desired-inputs.ts';
import type { PodView } from '../../../domain/pod/pod-view.ts';
import { around, podWith, settings, type ConfigMapData } from './parsing.ts';

const canonical = (annotation: string, data: ConfigMapData = {}, change: Partial<PodView> = {}): string =>
  desiredInputs(podWith(annotation, change), around(data), settings, ipCodec).canonical;

describe('canonical JSON', () => {
  it('reads back as the same value and does not depend on the order of keys', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const written = canonicalJson(value);
        assert.deepEqual(JSON.parse(written), JSON.parse(JSON.stringify(value)));
        assert.equal(canonicalJson(JSON.parse(written) as JsonValue), written);
      }),
    );
    assert.equal(
      canonicalJson({ b: [1, { d: null, c: 'é' }], a: true, x: undefined }),
      '{"a":true,"b":[1,{"c":"é","d":null}]}',
    );
  });
});

describe("the canonical inputs of a pod's networks", () => {
  const base = canonical('a id=5 up ip=10.9.0.1/24');

  it('are the same for another way to write the same', () => {
    assert.equal(canonical('a\r\n\tup=true\r\n\tip=10.9.0.1/24 id=5\r\n'), base);
    assert.equal(canonical('a', { a: 'id=5 up' }), canonical('a', { a: 'up mtu=1400 id=5 '.replace('mtu=1400 ', '') }));
  });

  it('do not change with what decides nothing', () => {
    assert.equal(canonical('a id=5 up ip=10.9.0.1/24', { other: 'id=9', broken: 'up=no' }), base);
    const change = { publishedStatus: '{}', deleting: true, labels: { [settings.selector]: 'x', app: 'y' } };
    assert.equal(canonical('a id=5 up ip=10.9.0.1/24', {}, change), base);
  });

  it('change with everything that decides', () => {
    const text = 'a id=5 up ip=10.9.0.1/24';
    const others = [
      canonical('a id=6 up ip=10.9.0.1/24'),
      canonical('a id=5 ip=10.9.0.1/24'),
      canonical('a id=5 up ip=10.9.0.2/24'),
      canonical(`${text}, b`),
      canonical(`${text}, b`, 'absent'),
      canonical(text, { a: 'mtu=1400' }),
      canonical(text, 'unreadable'),
      canonical(text, {}, { namespace: 'blue' }),
      canonical(text, {}, { nodeName: 'node-2' }),
      canonical(text, {}, { podIPs: [] }),
      canonical(text, {}, { podIPs: ['10.244.1.3'] }),
      canonical(text, {}, { phaseClass: 'ended' }),
      canonical(text, {}, { hostNetwork: true }),
      canonical(text, {}, { labels: {} }),
    ];
    assert.equal(new Set([base, ...others]).size, others.length + 1);
  });
});

describe('what people asked for', () => {
  const asked = (annotation: string, change: Partial<PodView> = {}, data: ConfigMapData = {}): string =>
    desiredInputs(podWith(annotation, change), around(data), settings, ipCodec).asked;

  it('is the same before the pod starts, while it runs and when it has ended', () => {
    const text = 'a id=5 up ip=10.9.0.1/24, b mtu=big';
    const lives: Partial<PodView>[] = [
      { phaseClass: 'waiting', nodeName: '', podIPs: [] },
      { podIPs: [] },
      { podIPs: ['10.244.7.7'] },
      { phaseClass: 'ended' },
    ];
    assert.deepEqual([...new Set(lives.map((change) => asked(text, change)))], [asked(text)]);
  });

  it('is something else after an edit of the annotation or of the declaration', () => {
    const all = [asked('a id=5 up'), asked('a id=6 up'), asked('a id=5 up', {}, { a: 'mtu=1400' }), asked('a')];
    assert.equal(new Set(all).size, all.length);
  });

  it('is something else after an edit that brings a warning and nothing more', () => {
    const route = 'route=10.8.0.0/16:10.9.0.9';
    const shared = { a: 'id=5', b: 'id=5' };
    const no = { labels: { [settings.selector]: 'no' } };
    for (const [before, after] of [
      [asked('a id=5 ip=10.9.0.1/24'), asked(`a id=5 ip=10.9.0.1/24 ${route}`)],
      [asked('a', {}, { a: 'id=5' }), asked('a', {}, shared)],
      [asked('a id=5'), asked('a id=5', no)],
    ])
      assert.notEqual(after, before);
    assert.equal(asked('c id=6', {}, shared), asked('c id=6'), "other networks' warnings are no news");
  });
});

describe("a pod on the node's own network", () => {
  const read = (annotation: string, change: Partial<PodView> = {}, data: ConfigMapData = {}) =>
    desiredInputs(podWith(annotation, { hostNetwork: true, ...change }), around(data), settings, ipCodec).parsed;

  it('has everything it asks for refused, in one sentence that says what to do', () => {
    for (const text of ['a id=5 up', 'a id=5 up, b id=6', 'a id=5 mtu=big', 'a']) {
      const { selections, problems, warnings } = read(text);
      assert.deepEqual([selections, warnings, problems.map(({ code }) => code)], [[], [], ['HostNetwork']], text);
      assert.match(problems[0]?.message ?? '', /hostNetwork: true.*remove the annotation, or hostNetwork/);
    }
  });

  it('that asks for nothing has no problem', () => {
    assert.deepEqual(read('').problems, []);
    assert.deepEqual(read('a id=5 up', { labels: {} }).problems, []);
  });
});
