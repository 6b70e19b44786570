import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { createReflectCodec } from '../../../adapters/reflect/codec.ts';
import { startCommandThread } from '../cli/command-thread.ts';

const { podwire, end } = startCommandThread();

const MANIFESTS = `
apiVersion: v1
kind: Pod
metadata: {name: nf, labels: {sfc: "true"}}
spec: {nodeName: n1, containers: []}
status: {podIP: 10.0.0.1, podIPs: [{ip: 10.0.0.1}, {ip: "fd00::1"}]}
---
---
apiVersion: v1
kind: List
items:
  - {apiVersion: v1, kind: ConfigMap, metadata: {name: x}}
  - apiVersion: discovery.k8s.io/v1
    kind: EndpointSlice
    addressType: IPv4
    metadata: {name: web-1, namespace: shop, labels: {kubernetes.io/service-name: web}}
    ports: [{port: 80, protocol: TCP}]
    endpoints: [{addresses: [10.0.0.2], conditions: {ready: true}}]
  - apiVersion: discovery.k8s.io/v1
    kind: EndpointSlice
    addressType: IPv4
    metadata: {name: db-1, labels: {kubernetes.io/service-name: db}}
    endpoints: [{addresses: [10.0.0.9]}]
  - {apiVersion: v1, kind: Endpoints, metadata: {name: db}}
  - {apiVersion: v1, kind: Endpoints, metadata: {name: kube-scheduler, namespace: kube-system}}
`;
const BROKEN = JSON.stringify({
  apiVersion: 'v1',
  kind: 'PodList',
  items: [
    { metadata: { name: 'a', namespace: 'n' } },
    { metadata: { name: 'b', namespace: 'n' }, spec: { containers: 3 } },
  ],
});

const convert = (args: readonly string[], input: string) => podwire(['reflect', 'convert', ...args], input);

describe('podwire reflect convert', () => {
  after(end);

  it('prints key and value of every object of a file, slices only where there are no endpoints', async () => {
    const { code, stdout, stderr } = await convert(['-'], MANIFESTS);
    assert.equal(code, 0, stderr);
    assert.deepEqual(stdout.split('\n'), [
      '/vnf-agent/contiv-ksr/k8s/pod/nf/namespace/default',
      '{"name":"nf","namespace":"default","label":[{"key":"sfc","value":"true"},{"key":"podwire.io/additions","value":"{\\"ip_addresses\\":[\\"10.0.0.1\\",\\"fd00::1\\"]}"}],"ip_address":"10.0.0.1","labels":{"sfc":"true"}}',
      '/vnf-agent/contiv-ksr/sfc-controller/v2/status/network-pod-to-node-map/nf-namespace-default',
      '{"pod":"nf","node":"n1"}',
      '/vnf-agent/contiv-ksr/k8s/endpoints/db/namespace/default',
      '{"name":"db","namespace":"default"}',
      '/vnf-agent/contiv-ksr/k8s/endpoints/web/namespace/shop',
      '{"name":"web","namespace":"shop","endpoint_subsets":[{"addresses":[{"ip":"10.0.0.2"}],"ports":[{"port":80,"protocol":"TCP"}]}]}',
      '',
    ]);
    assert.equal(stderr, 'Endpoints kube-system/kube-scheduler: left out: not reflected by rule\n');
  });

  it('prints JSON for machines, with the binary encoding in base64, in the layout asked for', async () => {
    const args = [
      '--encoding',
      'protobuf',
      '--layout',
      'readme',
      '--prefix',
      '/x/',
      '--label',
      'me',
      '-n',
      'shop',
      '--json',
    ];
    const { code, stdout, stderr } = await convert([...args, '-'], MANIFESTS);
    assert.equal(code, 0, stderr);
    const [pod] = JSON.parse(stdout) as { kind: string; key: string; valueBase64: string }[];
    assert.deepEqual([pod?.kind, pod?.key], ['pod', '/x/me/k8s/namespace/shop/pod/nf']);
    const record = createReflectCodec('json').decode('pod', Buffer.from(pod?.valueBase64 ?? '', 'base64'));
    assert.deepEqual(record?.ip_addresses, ['10.0.0.1', 'fd00::1']);
  });

  it('tells every object that cannot be reflected, prints the others, and exits with 2', async () => {
    const { code, stdout, stderr } = await convert(['--encoding', 'json', '-'], BROKEN);
    assert.equal(code, 2);
    assert.equal(stdout, '/vnf-agent/contiv-ksr/k8s/pod/a/namespace/n\n{"name":"a","namespace":"n"}\n');
    assert.equal(stderr, 'Pod n/b: error: spec.containers is a number; it must be a list\n');
  });

  it('says what is wrong with its input and its flags', async () => {
    const failing: [string[], string, RegExp][] = [
      [['-'], 'kind: ConfigMap', /nothing in <stdin> is reflected; these are: Namespace, Pod, networking/],
      [['-'], '{[', /neither YAML nor JSON/],
      [['--encoding', 'xml', '--prefix', 'x', '-'], '', /--encoding.*"xml"[^]*--prefix.*begin and end with a slash/],
    ];
    await Promise.all(
      failing.map(async ([args, input, message]) => {
        const { code, stdout, stderr } = await convert(args, input);
        assert.deepEqual([code, stdout], [1, ''], stderr);
        assert.match(stderr, message);
      }),
    );
  });
});
