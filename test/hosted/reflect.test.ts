/** Kubernetes state in etcd, on a real API server and a real etcd: every kind in its whole life, and what happens when one may not be read. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { inNetns, kubectl, stopPart } from '../../deploy/lab/lab.ts';
import { WATCHER_PART } from '../../deploy/lab/podwire.ts';
import { labTest } from '../lab/harness.ts';
import { hundredChanges, policy, Reflected, service, TREE } from '../lab/reflected.ts';
import { settle } from '../lab/settle.ts';

describe('reflection', () => {
  const context = labTest('reflect');
  const { namespace } = context;
  let reflected: Reflected;
  before(async () => {
    reflected = new Reflected(context.lab);
    await reflected.start();
    await reflected.synced();
  });
  after(() => reflected.close());

  const apply = (...objects: object[]): Promise<string> => {
    const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
    return kubectl(context.lab, ['apply', '-f', '-'], { input });
  };
  const kube = (...args: string[]): Promise<string> => kubectl(context.lab, ['-n', namespace, ...args]);
  const key = (kind: string, name: string): string => `${TREE}${kind}/${name}/namespace/${namespace}`;
  const says = (text: string) => (value: string | undefined) => value?.includes(text) === true;
  const absent = (value: string | undefined): boolean => value === undefined;

  test('a service and its endpoints, a policy and a namespace come, change and go', async () => {
    await apply(service(namespace, 's', 1), policy(namespace, 'p', 1));
    await reflected.becomes(key('service', 's'), says('"port":81'));
    await reflected.becomes(key('policy', 'p'), says('"policy_type":"INGRESS"'));
    await reflected.becomes(key('endpoints', 's'), says('"name":"s"'));
    await reflected.becomes(`${TREE}namespace/${namespace}`, says(`"name":"${namespace}"`));
    await apply(service(namespace, 's', 2), policy(namespace, 'p', 2));
    await kube('label', 'namespace', namespace, 'round=2');
    await reflected.becomes(key('service', 's'), says('"port":82'));
    await reflected.becomes(key('policy', 'p'), says('{"key":"round","value":"2"}'));
    await reflected.becomes(`${TREE}namespace/${namespace}`, says('{"key":"round","value":"2"}'));
    await kube('delete', 'service/s', 'networkpolicy/p');
    for (const kind of ['service', 'policy', 'endpoints']) {
      await reflected.becomes(key(kind, kind === 'policy' ? 'p' : 's'), absent);
    }
  });

  test('endpoints that only slices tell of', async () => {
    const slice = (ip: string): object => ({
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { namespace, name: 'only-slice', labels: { 'kubernetes.io/service-name': 'only' } },
      addressType: 'IPv4',
      endpoints: [{ addresses: [ip], conditions: { ready: true } }],
      ports: [{ name: 'web', port: 80, protocol: 'TCP' }],
    });
    await apply(slice('10.9.8.7'));
    await reflected.becomes(key('endpoints', 'only'), says('10.9.8.7'));
    await apply(slice('10.9.8.8'));
    await reflected.becomes(key('endpoints', 'only'), says('10.9.8.8'));
    await kube('delete', 'endpointslice/only-slice');
    await reflected.becomes(key('endpoints', 'only'), absent);
  });

  test('a pod, its place in a service chain and what podwire attached to it', async () => {
    const [pod] = await context.createPods([
      { name: 'p', node: context.node(0), networks: 'red id=4720 ip=10.72.0.1/24 up=true' },
    ]);
    assert.ok(pod !== undefined);
    await reflected.becomes(key('pod', 'p'), says('"ip_address":"10.'));
    const own = `/podwire/reflected/contiv-ksr/pods/${namespace}/p`;
    await reflected.becomes(own, says('10.72.0.1/24'));
    const sfc = `/vnf-agent/contiv-ksr/sfc-controller/v2/status/network-pod-to-node-map/p-namespace-${namespace}`;
    await kube('label', 'pod', 'p', 'sfc=true');
    await reflected.becomes(sfc, says(`"node":"${context.node(0)}"`));
    await kube('label', 'pod', 'p', 'sfc-');
    await reflected.becomes(sfc, absent);
    await context.deletePods([pod]);
    await reflected.becomes(key('pod', 'p'), absent);
    await reflected.becomes(own, absent);
  });

  test('a node goes, and with it its ID and what its agent wrote', async () => {
    const node = `${namespace}-node`;
    await reflected.put('/vnf-agent/contiv-ksr/allocatedIDs/77', JSON.stringify({ id: 77, name: node }));
    await reflected.put(`/vnf-agent/${node}/check/status`, '{}');
    await apply({ apiVersion: 'v1', kind: 'Node', metadata: { name: node }, spec: { unschedulable: true } });
    await reflected.becomes(`${TREE}node/${node}`, says(`"name":"${node}"`));
    assert.ok((await reflected.value('/vnf-agent/contiv-ksr/allocatedIDs/77')) !== undefined);
    await kubectl(context.lab, ['delete', 'node', node]);
    await reflected.becomes(`${TREE}node/${node}`, absent);
    await reflected.becomes('/vnf-agent/contiv-ksr/allocatedIDs/77', absent);
    await reflected.becomes(`/vnf-agent/${node}/check/status`, absent);
  });

  test('a hundred changes while podwire is killed are there after its return', async () => {
    await hundredChanges(context.lab, namespace, 0);
    await reflected.noDifferences();
    await reflected.stop();
    await hundredChanges(context.lab, namespace, 1);
    await reflected.start();
    await reflected.noDifferences(60_000);
    assert.match((await reflected.value(key('service', 's7'))) ?? '', /"port":81/);
    assert.equal(await reflected.value(key('service', 'old3')), undefined);
  });

  test('a kind that may not be read is named on readiness, and the others go on', async () => {
    const roles = await withoutPolicies(context.lab);
    try {
      await stopPart(context.lab, WATCHER_PART);
      await reflected.start();
      await settle(
        'readiness names the kind and the cause',
        async () => {
          const answer = await readiness(context.lab.controlNetnsPath);
          return /policy objects.*403/s.test(answer) ? [] : [answer];
        },
        { limitMs: 30_000 },
      );
      await apply(service(namespace, 'beside', 3), policy(namespace, 'unseen', 3));
      await reflected.becomes(key('service', 'beside'), says('"port":83'));
      assert.equal(await reflected.value(key('policy', 'unseen')), undefined);
    } finally {
      await kubectl(context.lab, ['replace', '-f', '-'], { input: roles });
    }
    await reflected.becomes(key('policy', 'unseen'), says('"name":"unseen"'), 60_000);
  });
});

interface Role {
  readonly metadata: { readonly name: string };
  readonly rules: readonly { readonly apiGroups: readonly string[] }[];
}

/** Takes the right to read policies from both processes. Returns the roles as they were, to be given back. */
async function withoutPolicies(lab: Parameters<typeof kubectl>[0]): Promise<string> {
  const names = ['clusterrole/podwire-watcher-reflect', 'clusterrole/podwire-orchestrator-reflect'];
  const { items } = JSON.parse(await kubectl(lab, ['get', ...names, '-o', 'json'])) as { items: Role[] };
  const less = items.map((role) => ({
    ...role,
    rules: role.rules.filter(({ apiGroups }) => !apiGroups.includes('networking.k8s.io')),
  }));
  const list = (of: readonly Role[]): string => JSON.stringify({ apiVersion: 'v1', kind: 'List', items: of });
  await kubectl(lab, ['replace', '-f', '-'], { input: list(less) });
  // Without their versions, which the taking changed.
  return list(items.map(({ metadata: { name }, ...role }) => ({ ...role, metadata: { name } })));
}

/** The whole answer of the watcher: wget keeps the body of a refusal to itself. */
async function readiness(netns: string): Promise<string> {
  const input = 'GET /readyz HTTP/1.0\r\nHost: watcher\r\n\r\n';
  const { stdout } = await inNetns(netns, 'busybox', ['nc', '127.0.0.1', '9464'], { input, timeoutMs: 5_000 });
  return stdout;
}
