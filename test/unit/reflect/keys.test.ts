import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { agentPrefix, keyOf, listPrefix, nodeIdsPrefix, parseKey, statsKey } from '../../../domain/reflect/keys.ts';
import { isNamespaced, REFLECT_KINDS } from '../../../domain/reflect/kinds.ts';
import { DEFAULT_REFLECT_SETTINGS, type ReflectSettings } from '../../../domain/reflect/settings.ts';

const v1 = DEFAULT_REFLECT_SETTINGS;
const readme: ReflectSettings = { ...v1, layout: 'readme' };
const name = fc.stringMatching(/^[a-z0-9]([-a-z0-9.]{0,10}[a-z0-9])?$/);

describe('keys of reflected objects', () => {
  it("are those of KSR's releases, or those of its README", () => {
    const id = { name: 'a', namespace: 'n' };
    const keys = (settings: ReflectSettings) =>
      REFLECT_KINDS.map((kind) => keyOf(kind, id, settings).replace('/vnf-agent/contiv-ksr/', ''));
    const sfc = 'sfc-controller/v2/status/network-pod-to-node-map/a-namespace-n';
    assert.deepEqual(keys(v1), [
      'k8s/namespace/a',
      'k8s/pod/a/namespace/n',
      'k8s/policy/a/namespace/n',
      'k8s/service/a/namespace/n',
      'k8s/endpoints/a/namespace/n',
      'k8s/node/a',
      sfc,
    ]);
    assert.deepEqual(keys(readme), [
      'k8s/namespace/a',
      'k8s/namespace/n/pod/a',
      'k8s/namespace/n/policy/a',
      'k8s/namespace/n/service/a',
      'k8s/namespace/n/endpoints/a',
      'k8s/node/a',
      sfc,
    ]);
    assert.equal(statsKey(v1), '/vnf-agent/contiv-ksr/status/gauges');
    assert.equal(nodeIdsPrefix(v1), '/vnf-agent/contiv-ksr/allocatedIDs/');
    assert.equal(agentPrefix(v1, 'n1'), '/vnf-agent/n1/');
    assert.equal(keyOf('node', id, { ...v1, prefix: '/x/y/', label: 'z' }), '/x/y/z/k8s/node/a');
  });

  it('are found below the list prefix of their kind, and lead back to the object', () => {
    const label = fc.constantFrom('contiv-ksr', 'other');
    fc.assert(
      fc.property(
        fc.constantFrom(...REFLECT_KINDS),
        fc.constantFrom(v1, readme),
        name,
        name,
        label,
        (kind, layout, a, b, of) => {
          // Keys of SFC pods are not unique: the namespace must not contain the separator.
          fc.pre(kind !== 'sfcPod' || !`${b}`.includes('-namespace-'));
          const settings = { ...layout, label: of };
          const id = isNamespaced(kind) ? { name: a, namespace: b } : { name: a };
          const key = keyOf(kind, id, settings);
          assert.ok(listPrefix(kind, settings).endsWith('/'));
          assert.ok(key.startsWith(listPrefix(kind, settings)));
          assert.deepEqual(parseKey(kind, key, settings), id);
          for (const other of REFLECT_KINDS)
            if (other !== kind) assert.equal(parseKey(other, key, settings), undefined);
        },
      ),
    );
  });

  it('of something else are nobody’s', () => {
    const root = '/vnf-agent/contiv-ksr/';
    const foreign = [
      '',
      'k8s',
      'k8s/',
      'k8s/pod/',
      'k8s/pod/a',
      'k8s/pod/a/namespace/',
      'k8s/pod//namespace/n',
      'status/gauges',
    ];
    const more = [
      'k8s/pod/a/namespace/n/x',
      'K8s/pod/a/namespace/n',
      'k8s/podx/a/namespace/n',
      'k8s/namespace/',
      'k8s/node/a/b',
    ];
    const sfc = ['x', 'a-namespace-', '-namespace-n', 'a/b-namespace-n'].map(
      (text) => `sfc-controller/v2/status/network-pod-to-node-map/${text}`,
    );
    for (const kind of REFLECT_KINDS) {
      for (const key of [...foreign, ...more, ...sfc]) {
        for (const settings of [v1, readme])
          assert.equal(parseKey(kind, root + key, settings), undefined, `${kind} ${key}`);
      }
      assert.equal(parseKey(kind, `/vnf-agent/contiv-ksr2/k8s/${kind}/a`, v1), undefined);
      fc.assert(fc.property(fc.string(), (text) => void parseKey(kind, root + text, v1)));
    }
  });
});
