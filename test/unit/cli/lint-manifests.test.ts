import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { startCommandThread } from './command-thread.ts';

const { podwire, end } = startCommandThread();
const lint = (input: string, ...args: readonly string[]) => podwire(['lint', ...args, '-'], input);

const RIGHT = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  template:
    metadata:
      labels: {vxlan.openvnf.org: "true"}
      annotations:
        k8s.v1.cni.cncf.io/networks: a@x,b
        vxlan.openvnf.org/networks: red id=7 ip=10.0.0.1/24 up=true
---
apiVersion: v1
kind: Service
metadata: {name: web}
`;

const WRONG = `
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
  annotations: {k8s.v1.cni.cncf.io/networks: a}
spec: {template: {metadata: {}}}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly}
spec:
  jobTemplate:
    spec:
      template:
        metadata:
          annotations: {vxlan.openvnf.org/networks: red id=x}
---
apiVersion: v1
kind: Pod
metadata: {name: p, annotations: {k8s.v1.cni.cncf.io/network: a}}
`;

describe('podwire lint of manifests', () => {
  after(end);

  it('prints what the pods of each workload ask for', async () => {
    const { code, stdout, stderr } = await lint(RIGHT);
    assert.equal(code, 0, stderr);
    const { workloads } = JSON.parse(stdout) as {
      workloads: { kind: string; name: string; namespace: string; networks: { network: string; scope: string }[] }[];
    };
    assert.deepEqual(
      workloads.map(({ kind, namespace, name, networks }) => [
        kind,
        namespace,
        name,
        ...networks.map((one) => one.network),
      ]),
      [['Deployment', 'shop', 'web', 'a', 'b', 'red']],
    );
    assert.equal(workloads[0]?.networks[0]?.scope, 'shop', 'the namespace of the manifest');
  });

  it('names every mistake with the object it is in, and exits with 2', async () => {
    const { code, stdout, stderr } = await lint(WRONG, '-n', 'ops');
    assert.deepEqual([code, stdout], [2, '']);
    assert.deepEqual(
      stderr
        .trimEnd()
        .split('\n')
        .map((text) => /^<stdin>: (\w+ \w+\/\w+):(?:\d+:)? error: .* \[(\w+)\]$/.exec(text)?.slice(1)),
      [
        ['Deployment shop/web', 'AnnotationMisplaced'],
        ['CronJob ops/nightly', 'LabelMissing'],
        ['Pod ops/p', 'UnknownAnnotation'],
      ],
    );
  });

  it('lints what stands right', async () => {
    const labelled = WRONG.replace(
      'metadata:\n          annotations',
      'metadata:\n          labels: {vxlan.openvnf.org: "true"}\n          annotations',
    );
    const { code, stderr } = await lint(labelled);
    assert.equal(code, 2);
    assert.match(stderr, /CronJob default\/nightly:1: error: network "red", option "id": value "x".*\[InvalidValue\]/);
  });

  it('says what it needs where nothing makes pods', async () => {
    const { code, stderr } = await lint('apiVersion: v1\nkind: Service\nmetadata: {name: x}\n');
    assert.equal(code, 1);
    assert.match(stderr, /^podwire: <stdin> holds no Pod and nothing that makes pods/);
  });
});
