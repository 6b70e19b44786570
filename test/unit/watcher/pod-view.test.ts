import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { podKeys, podView } from '../../../adapters/kubernetes/pod-view.ts';
import { DEFAULT_DIALECT_SETTINGS } from '../../../domain/settings.ts';

const keys = podKeys(DEFAULT_DIALECT_SETTINGS);

test('a pod is reduced to what a dialect reads', () => {
  const view = podView(
    {
      metadata: {
        uid: 'u',
        namespace: 'ns',
        name: 'a',
        deletionTimestamp: '2026-01-01T00:00:00Z',
        labels: { 'vxlan.openvnf.org': 'true', app: 'x' },
        annotations: { 'vxlan.openvnf.org/networks': 'net', secret: 's', 'podwire.io/network-status': '{}' },
        resourceVersion: '7',
      },
      spec: { nodeName: 'n1', hostNetwork: true },
      status: { phase: 'Running', podIP: '10.0.0.1', podIPs: [{ ip: '10.0.0.1' }, { ip: 'fd00::1' }] },
    },
    keys,
  );
  assert.deepEqual(view, {
    uid: 'u',
    namespace: 'ns',
    name: 'a',
    nodeName: 'n1',
    hostNetwork: true,
    phaseClass: 'counts',
    deleting: true,
    podIPs: ['10.0.0.1', 'fd00::1'],
    labels: { 'vxlan.openvnf.org': 'true' },
    annotations: { 'vxlan.openvnf.org/networks': 'net' },
    publishedStatus: '{}',
    npwgStatus: undefined,
    resourceVersion: '7',
  });
});

test('a pod counts from its node until it ends', () => {
  const phaseOf = (spec: object, phase: string) =>
    podView({ metadata: { uid: 'u', namespace: 'n', name: 'a' }, spec, status: { phase } }, keys)?.phaseClass;
  assert.equal(phaseOf({}, 'Pending'), 'waiting');
  assert.equal(phaseOf({ nodeName: 'n1' }, 'Pending'), 'counts');
  assert.equal(phaseOf({ nodeName: 'n1' }, 'Unknown'), 'counts');
  assert.equal(phaseOf({ nodeName: 'n1' }, 'Succeeded'), 'ended');
  assert.equal(phaseOf({ nodeName: 'n1' }, 'Failed'), 'ended');
});

test('no object, however odd, makes it throw', () => {
  const odd = fc.anything();
  const pod = fc.record({
    metadata: fc.oneof(
      odd,
      fc.record({
        uid: fc.oneof(fc.string(), odd),
        namespace: fc.oneof(fc.string(), odd),
        name: fc.oneof(fc.string(), odd),
        labels: fc.oneof(fc.dictionary(fc.constantFrom('vxlan.openvnf.org', '__proto__'), odd), odd),
        annotations: odd,
      }),
    ),
    spec: odd,
    status: fc.oneof(odd, fc.record({ podIPs: fc.oneof(fc.array(odd), odd), podIP: odd })),
  });
  fc.assert(
    fc.property(fc.oneof(odd, pod), (object) => {
      const view = podView(object, keys);
      if (view === undefined) return;
      assert.ok([view.uid, view.namespace, view.name].every((text) => typeof text === 'string' && text !== ''));
      assert.ok(Object.values(view.labels).every((value) => typeof value === 'string'));
    }),
    { numRuns: 2_000 },
  );
});

test('the mirror of a static pod says under which UID its node knows it, and nobody else does', () => {
  const uidOf = (mirror: unknown, owner: object, nodeName = 'n1'): string | undefined => {
    const annotations = { 'kubernetes.io/config.mirror': mirror };
    const metadata = { uid: 'u', namespace: 'ns', name: 'a-n1', annotations, ownerReferences: [owner] };
    return podView({ metadata, spec: { nodeName } }, keys)?.runtimeUid;
  };
  const node = { apiVersion: 'v1', kind: 'Node', name: 'n1', uid: 'n' };
  const hash = '5a815701b549c00d513219e2ee637597';
  assert.equal(uidOf(hash, node), hash);
  for (const owner of [{}, { ...node, name: 'n2' }, { ...node, kind: 'ReplicaSet' }, { ...node, apiVersion: 'x/v1' }])
    assert.equal(uidOf(hash, owner), undefined, JSON.stringify(owner));
  for (const wrong of ['', '../x', 'a/b', 'x'.repeat(64), 7, undefined]) assert.equal(uidOf(wrong, node), undefined);
  assert.equal(uidOf(hash, { ...node, name: '' }, ''), undefined);
});
