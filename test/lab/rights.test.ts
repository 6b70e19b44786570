/** What podwire's accounts may do, asked of the real API server: the table of docs/rights.md and nothing else. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createKubeClient, apiPath, type KubeAnswer, type KubeClient } from '../../adapters/kubernetes/client.ts';
import { createEvent } from '../../adapters/kubernetes/events.ts';
import { patchAnnotations } from '../../adapters/kubernetes/pods.ts';
import { apply, podManifest } from '../../deploy/demo/cluster.ts';
import { kubectl, type Lab } from '../../deploy/lab/lab.ts';
import { makeNamespace, openTestLab, waitFor } from './harness.ts';
import { applyRights, type RightsOf } from './rights-manifests.ts';
import { rightsInApi, rightsInTable } from './rights-table.ts';

const CONFIG_MAP = { namespace: 'kube-system', name: 'kube-vxlan-controller' };
const CONTROL = ['podwire-watcher', 'podwire-orchestrator'];
const ALL = [...CONTROL, 'podwire-node'];
/** What Kubernetes gives to every account. */
const EVERYBODY = /^\S+ create (authorization|authentication)\.k8s\.io\/self\w+$/;

const SOON = { limitMs: 30_000 };

const SETS: readonly (RightsOf & {
  readonly title: string;
  readonly accounts: readonly string[];
  readonly parts: readonly string[];
})[] = [
  { title: 'the base', overlay: 'base', accounts: ALL, parts: ['base', 'npwg'] },
  { title: 'the overlay exec', overlay: 'overlays/exec', accounts: CONTROL, parts: ['base', 'npwg', 'exec'] },
  {
    title: 'the overlay ksr',
    overlay: 'overlays/ksr',
    accounts: [...ALL, 'podwire-ksr'],
    parts: ['base', 'npwg', 'ksr'],
  },
  {
    title: 'the base with Kaloom and reflection',
    overlay: 'base',
    files: ['kaloom', 'reflect', 'cni-server', 'primary'].map((name) => `components/${name}/rbac.yaml`),
    accounts: ALL,
    parts: ['base', 'npwg', 'kaloom', 'reflect', 'cni-server', 'primary'],
  },
];

const ownNamespace = (): string => `podwire-rights-${randomUUID().slice(0, 6)}`;

describe('rights of the accounts, as the API server decides them', () => {
  let lab: Lab;
  let folder: string;
  before(async () => {
    lab = await openTestLab();
    folder = mkdtempSync(join(tmpdir(), 'podwire-rights-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const { title, accounts, parts, ...of } of SETS) {
    it(`with ${title}, each account may do what docs/rights.md says, and nothing else in any namespace`, async () => {
      const namespace = ownNamespace();
      const undo = await applyRights(lab, namespace, of);
      try {
        for (const account of accounts) {
          const expected = [...rightsInTable(account, parts)].sort();
          const client = await clientOf(lab, folder, namespace, account);
          try {
            // The authorizer hears of roles by a watch.
            await waitFor(
              `rights of ${account}`,
              async () => {
                assert.deepEqual(await rightsEverywhere(client, account, namespace), expected);
                return true;
              },
              SOON,
            );
          } finally {
            client.close();
          }
        }
      } finally {
        await undo();
      }
    });
  }
});

async function rightsEverywhere(client: KubeClient, account: string, own: string): Promise<string[]> {
  const places = [CONFIG_MAP.namespace, own, 'default'];
  const found = await Promise.all(places.map((namespace) => rightsInApi(client, account, namespace)));
  return [...new Set(found.flatMap((rights) => [...rights]))].filter((right) => !EVERYBODY.test(right)).sort();
}

describe('changes of the accounts, as the API server admits them', () => {
  const namespace = ownNamespace();
  const POD = { namespace, name: 'subject' };
  let lab: Lab;
  let folder: string;
  let undo: (() => Promise<void>) | undefined;
  let orchestrator: KubeClient;
  let pod: { namespace: string; name: string; uid: string };

  before(async () => {
    lab = await openTestLab();
    folder = mkdtempSync(join(tmpdir(), 'podwire-rights-'));
    await makeNamespace(lab, namespace);
    undo = await applyRights(lab, namespace, { overlay: 'base' });
    const manifest = podManifest(POD, { image: lab.testImage, node: lab.nodes[0]?.name ?? '' }) as { metadata: object };
    await apply(lab, [{ ...manifest, metadata: { ...manifest.metadata, annotations: { theirs: 'kept' } } }]);
    const uid = await kubectl(lab, ['-n', namespace, 'get', 'pod', POD.name, '-o', 'jsonpath={.metadata.uid}']);
    pod = { ...POD, uid };
    orchestrator = await clientOf(lab, folder, namespace, 'podwire-orchestrator');
    // Roles and policies are heard of by watches; until then nothing is allowed, or everything.
    await waitFor(
      'the policy to be in force',
      async () => {
        const { status, body } = await patch('status', { status: { message: 'x' } });
        return status === 422 && JSON.stringify(body).includes('podwire') ? true : undefined;
      },
      SOON,
    );
  });
  after(async () => {
    orchestrator.close();
    rmSync(folder, { recursive: true, force: true });
    await kubectl(lab, ['-n', namespace, 'delete', 'pod', POD.name, '--grace-period=1', '--ignore-not-found']);
    await undo?.();
  });

  const patch = (through: 'pod' | 'status', body: object): Promise<KubeAnswer> =>
    orchestrator.call({
      method: 'PATCH',
      path: `${apiPath('api', 'v1', 'namespaces', namespace, 'pods', POD.name)}${through === 'status' ? '/status' : ''}`,
      contentType: 'application/merge-patch+json',
      body,
    });
  const refused = async (body: object, why: RegExp): Promise<void> => {
    const answer = await patch('status', body);
    assert.equal(answer.status, 422, JSON.stringify(answer.body));
    assert.match(JSON.stringify(answer.body), why);
  };
  const annotation = (key: string): Promise<string> =>
    kubectl(lab, [
      '-n',
      namespace,
      'get',
      'pod',
      POD.name,
      '-o',
      `jsonpath={.metadata.annotations['${key.replaceAll('.', '\\.')}']}`,
    ]);

  it('the orchestrator publishes both status annotations, of the longest the API takes', async () => {
    const long = JSON.stringify('x'.repeat(200_000));
    const annotations = { 'podwire.io/network-status': long, 'k8s.v1.cni.cncf.io/network-status': '[]' };
    assert.equal(await patchAnnotations(orchestrator, pod, { annotations, through: 'status' }), 'patched');
    assert.equal(await annotation('podwire.io/network-status'), long);
    assert.equal(await annotation('k8s.v1.cni.cncf.io/network-status'), '[]');
    const none = { 'podwire.io/network-status': null, 'k8s.v1.cni.cncf.io/network-status': null };
    assert.equal(await patchAnnotations(orchestrator, pod, { annotations: none, through: 'status' }), 'patched');
    assert.equal(await annotation('podwire.io/network-status'), '');
    assert.equal(await annotation('theirs'), 'kept');
  });

  it('a status for a pod that was replaced under its name is gone, and one for a changed pod a conflict', async () => {
    const annotations = { 'podwire.io/network-status': '[]' };
    const other = { ...pod, uid: randomUUID() };
    assert.equal(await patchAnnotations(orchestrator, other, { annotations, through: 'status' }), 'gone');
    assert.equal(
      await patchAnnotations(orchestrator, pod, { annotations, asRead: '1', through: 'status' }),
      'conflict',
    );
    const absent = { ...pod, name: 'absent' };
    assert.equal(await patchAnnotations(orchestrator, absent, { annotations, through: 'status' }), 'gone');
  });

  it('the orchestrator cannot patch a pod itself', async () => {
    assert.equal(
      (await patch('pod', { metadata: { annotations: { 'podwire.io/network-status': '[]' } } })).status,
      403,
    );
  });

  it('other annotations cannot be added, changed or removed', async () => {
    const why = /podwire changes no annotations of a pod but/;
    await refused({ metadata: { annotations: { 'vxlan.openvnf.org/networks': 'vxeth1' } } }, why);
    await refused({ metadata: { annotations: { 'k8s.v1.cni.cncf.io/networks': 'a' } } }, why);
    await refused({ metadata: { annotations: { theirs: 'changed' } } }, why);
    await refused({ metadata: { annotations: { theirs: null } } }, why);
    await refused({ metadata: { annotations: null } }, why);
  });

  it('labels and finalizers cannot be changed', async () => {
    const why = /nothing of a pod's metadata but annotations/;
    await refused({ metadata: { labels: { stolen: 'true' } } }, why);
    await refused({ metadata: { finalizers: ['podwire.io/held'] } }, why);
  });

  it('phase, conditions and addresses cannot be changed', async () => {
    const why = /nothing of a pod's spec and status/;
    await refused({ status: { phase: 'Failed' } }, why);
    await refused({ status: { podIP: '203.0.113.1', podIPs: [{ ip: '203.0.113.1' }] } }, why);
    await refused({ status: { conditions: [{ type: 'Ready', status: 'True' }] } }, why);
  });

  it('of a network object its finalizer and its status are changed, and nothing else', async () => {
    const object = { apiVersion: 'podwire.io/v1alpha1', kind: 'Network', metadata: { namespace, name: 'held' } };
    await kubectl(lab, ['apply', '-f', '-'], { input: JSON.stringify({ ...object, spec: { vni: 3399 } }) });
    const path = apiPath('apis', 'podwire.io', 'v1alpha1', 'namespaces', namespace, 'networks', 'held');
    const send = async (body: object, through = ''): Promise<string> => {
      const request = { method: 'PATCH', path: `${path}${through}`, contentType: 'application/merge-patch+json', body };
      const answer = await orchestrator.call(request as Parameters<typeof orchestrator.call>[0]);
      return `${answer.status} ${JSON.stringify(answer.body)}`;
    };
    assert.match(await send({ spec: { mtu: 1400 } }), /^422 .*nothing of a network's spec/);
    assert.match(await send({ metadata: { labels: { a: 'b' } } }), /^422 .*nothing of a network's metadata/);
    assert.match(await send({ metadata: { finalizers: ['theirs.io/x'] } }), /^422 .*no finalizer of a network but/);
    assert.match(await send({ status: { vni: 7 } }, '/status'), /^422 .*status.conditions/);
    assert.match(await send({ metadata: { finalizers: ['podwire.io/network'] } }), /^200 /);
    await kubectl(lab, ['-n', namespace, 'delete', 'networks.podwire.io', 'held']);
  });

  it('events are written about pods of their own namespace, in the name of podwire', async () => {
    const event = { pod, type: 'Normal', reason: 'NetworkAttached', message: 'a test', key: randomUUID() } as const;
    assert.equal(await createEvent(orchestrator, event), 'created');
    await assert.rejects(createEvent(orchestrator, { ...event, reason: 'Killing' }), /reasons that begin with Network/);
    const written = await kubectl(lab, ['-n', namespace, 'get', 'events', '-o', 'json']);
    const [model] = (JSON.parse(written) as { items: { reason: string; involvedObject: object }[] }).items.filter(
      ({ reason }) => reason === 'NetworkAttached',
    );
    const send = (changed: object): Promise<KubeAnswer> =>
      orchestrator.call({
        method: 'POST',
        path: apiPath('api', 'v1', 'namespaces', namespace, 'events'),
        body: { ...model, metadata: { name: `subject.${randomUUID()}`, namespace }, ...changed },
      });
    assert.equal((await send({})).status, 201);
    assert.match(
      JSON.stringify((await send({ involvedObject: { ...model?.involvedObject, kind: 'Node' } })).body),
      /events about pods only/,
    );
    assert.match(JSON.stringify((await send({ reportingComponent: 'kubelet' })).body), /in its own name only/);
  });

  it('more rights do not lift the limits: as an administrator the account still changes nothing of a pod', async () => {
    const binding = `${namespace}-too-much`;
    await kubectl(lab, [
      ...['create', 'clusterrolebinding', binding, '--clusterrole=cluster-admin'],
      `--serviceaccount=${namespace}:podwire-orchestrator`,
    ]);
    try {
      await waitFor(
        'the binding to hold',
        async () => {
          const { status, body } = await patch('pod', {
            metadata: { annotations: { 'podwire.io/network-status': '[]' } },
          });
          return status === 422 && /through their status only/.test(JSON.stringify(body)) ? true : undefined;
        },
        SOON,
      );
    } finally {
      await kubectl(lab, ['delete', 'clusterrolebinding', binding]);
    }
  });

  it('others change pods and write events as before', async () => {
    await kubectl(lab, ['-n', namespace, 'label', 'pod', POD.name, 'theirs=true']);
    const status = JSON.stringify({ status: { message: 'of the administrator' } });
    await kubectl(lab, [
      '-n',
      namespace,
      'patch',
      'pod',
      POD.name,
      '--subresource=status',
      '--type=merge',
      '-p',
      status,
    ]);
  });

  it('the watcher lists and watches the one ConfigMap by its name, and no others', async () => {
    const watcher = await clientOf(lab, folder, namespace, 'podwire-watcher');
    try {
      const path = apiPath('api', 'v1', 'namespaces', CONFIG_MAP.namespace, 'configmaps');
      const byName = { fieldSelector: `metadata.name=${CONFIG_MAP.name}` };
      assert.equal((await watcher.call({ method: 'GET', path, query: byName })).status, 200);
      const stream = await watcher.open({ method: 'GET', path, query: { ...byName, watch: '1', timeoutSeconds: '1' } });
      assert.equal(stream.statusCode, 200);
      stream.destroy();
      assert.equal((await watcher.call({ method: 'GET', path })).status, 403);
    } finally {
      watcher.close();
    }
  });
});

/** A client with a token of the account, as its pods have it. */
async function clientOf(lab: Lab, folder: string, namespace: string, account: string): Promise<KubeClient> {
  const token = (await kubectl(lab, ['-n', namespace, 'create', 'token', account, '--duration=10m'])).trim();
  const config = JSON.parse(readFileSync(lab.kubeconfigs.admin, 'utf8')) as { users: { user: object }[] };
  const [user] = config.users;
  assert.ok(user);
  user.user = { token };
  const file = join(folder, account);
  writeFileSync(file, JSON.stringify(config), { mode: 0o600 });
  // A laden machine takes its time; that is not what is tested here.
  return createKubeClient({ kubeconfig: file, deadlineMs: 20_000 });
}
