import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JsonObject } from '../../../domain/cni/attachment.ts';
import { DEFAULT_DIALECT_SETTINGS } from '../../../domain/settings.ts';
import { placementFindings, workloadOf } from '../../../domain/pod/workload.ts';

const NPWG = 'k8s.v1.cni.cncf.io/networks';
const VXLAN = 'vxlan.openvnf.org/networks';
const LABEL = { 'vxlan.openvnf.org': 'true' };

const KINDS = [
  ['apps', 'Deployment', 'spec.template'],
  ['apps', 'StatefulSet', 'spec.template'],
  ['apps', 'DaemonSet', 'spec.template'],
  ['batch', 'Job', 'spec.template'],
  ['batch', 'CronJob', 'spec.jobTemplate.spec.template'],
  ['kubevirt.io', 'VirtualMachine', 'spec.template'],
] as const;

/** An object with metadata of its own, and of its pods. */
function made(way: string, own: JsonObject, pods: JsonObject, spec: JsonObject = {}): JsonObject {
  const template: JsonObject = { metadata: pods, spec };
  const below = way === '' ? {} : way.split('.').reduceRight<JsonObject>((inner, key) => ({ [key]: inner }), template);
  return { metadata: { name: 'web', namespace: 'shop', ...own }, ...below };
}

function findings(group: string, kind: string, object: JsonObject) {
  const workload = workloadOf(group, kind, object);
  assert.ok(workload);
  const { problems, warnings } = placementFindings(workload, DEFAULT_DIALECT_SETTINGS);
  return { workload, codes: problems.map(({ code }) => code), texts: problems.map(({ message }) => message), warnings };
}

describe('a workload', () => {
  for (const [group, kind, way] of KINDS) {
    it(`${kind} has its pods’ annotations in ${way}.metadata`, () => {
      const right = findings(group, kind, made(way, {}, { annotations: { [NPWG]: 'a' } }));
      assert.deepEqual([right.codes, right.workload.annotations], [[], { [NPWG]: 'a' }]);
      const wrong = findings(group, kind, made(way, { annotations: { [NPWG]: 'a' } }, {}));
      assert.deepEqual(wrong.codes, ['AnnotationMisplaced']);
      assert.match(
        wrong.texts[0] ?? '',
        new RegExp(`stands in metadata, .*write it into ${way}\\.metadata\\.annotations`),
      );
    });
  }

  it('that is a pod has them in its own metadata', () => {
    const { codes, workload } = findings('', 'Pod', { metadata: { name: 'p', annotations: { [NPWG]: 'a' } } });
    assert.deepEqual([codes, workload.annotations, workload.namespace], [[], { [NPWG]: 'a' }, '']);
  });

  it('of another kind is none', () => {
    for (const [group, kind] of [
      ['', 'Service'],
      ['example.org', 'Deployment'],
      ['', 'constructor'],
    ] as const)
      assert.equal(workloadOf(group, kind, {}), undefined);
  });

  it('with the annotation in both places works, with a warning', () => {
    const both = findings(
      'apps',
      'Deployment',
      made('spec.template', { annotations: { [NPWG]: 'b' } }, { annotations: { [NPWG]: 'a' } }),
    );
    assert.deepEqual([both.codes, both.warnings.map(({ code }) => code)], [[], ['AnnotationMisplaced']]);
  });

  it('with a key like the right one is told which was meant', () => {
    for (const [key, meant] of [
      ['k8s.v1.cni.cncf.io/network', NPWG],
      ['k8s.v1.cni.cncf.io/Networks', NPWG],
      ['v1.cni.cncf.io/networks', NPWG],
      ['v1.multus-cni.io/networks', NPWG],
      ['vxlan.openvnf.org/network', VXLAN],
      ['vxlan.openvnf.org.networks', VXLAN],
    ] as const) {
      const { codes, texts } = findings('', 'Pod', { metadata: { annotations: { [key]: 'a' } } });
      assert.deepEqual(codes, ['UnknownAnnotation'], key);
      assert.ok(texts[0]?.includes(`did you mean "${meant}"`), texts[0]);
    }
    const others = [
      'k8s.v1.cni.cncf.io/network-status',
      'k8s.v1.cni.cncf.io/networks-status',
      'k8s.v1.cni.cncf.io/resourceName',
      'networks',
    ];
    const annotations = Object.fromEntries(others.map((key) => [key, 'a']));
    assert.deepEqual(findings('', 'Pod', { metadata: { annotations } }).codes, []);
  });

  it('with the annotation among the labels is told so', () => {
    const { codes, texts } = findings('', 'Pod', { metadata: { labels: { [NPWG]: 'a' } } });
    assert.deepEqual(codes, ['AnnotationMisplaced']);
    assert.match(texts[0] ?? '', /is a label in metadata; write it into metadata\.annotations/);
  });

  it('with kube-vxlan-controller’s annotation needs the label on its pods', () => {
    const annotations = { [VXLAN]: 'red id=7' };
    const deployment = (own: JsonObject, pods: JsonObject) =>
      findings('apps', 'Deployment', made('spec.template', own, { annotations, ...pods }));
    assert.deepEqual(deployment({}, { labels: LABEL }).codes, []);
    assert.deepEqual(deployment({}, {}).codes, ['LabelMissing']);
    const above = deployment({ labels: LABEL }, {});
    assert.match(above.texts[0] ?? '', /the one in metadata reaches no pod.*spec\.template\.metadata\.labels/);
  });

  it('on the network of its node gets none', () => {
    const object = made('spec.template', {}, { annotations: { [NPWG]: 'a' } }, { hostNetwork: true });
    assert.deepEqual(findings('apps', 'DaemonSet', object).codes, ['HostNetwork']);
  });
});
