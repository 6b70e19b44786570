/** The Helm chart makes what kustomize makes. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { charted, kustomizedWith, one, podOf, type KubeObject, type Made } from './rendered.ts';

const ADDRESSES = { TEMPORAL_ADDRESS: 'temporal.example.org:7233', PODWIRE_ETCD_ENDPOINTS: 'etcd.example.org:2379' };
const SECRETS = {
  temporalTls: 'podwire-temporal-tls',
  temporalApiKey: 'podwire-temporal-api-key',
  etcdTls: 'podwire-etcd-tls',
  etcdUser: 'podwire-etcd-user',
};
const SECRET_COMPONENTS = ['temporal-tls', 'etcd-tls', 'temporal-api-key', 'etcd-user'];
const EXISTING = { evaluation: false, networkPolicies: true, settings: ADDRESSES };

const PAIRS: readonly (Made & { readonly title: string; readonly values: object })[] = [
  { title: 'evaluation', overlay: 'overlays/evaluation', values: {} },
  { title: 'existing', overlay: 'overlays/existing', settings: ADDRESSES, values: EXISTING },
  {
    title: 'existing with TLS, an API key and a user',
    overlay: 'overlays/existing',
    components: SECRET_COMPONENTS,
    settings: ADDRESSES,
    values: { ...EXISTING, secrets: SECRETS },
  },
  { title: 'exec', overlay: 'overlays/exec', values: { exec: true } },
  { title: 'ksr', overlay: 'overlays/ksr', values: { ksr: true } },
  {
    title: 'ksr with a user of etcd, privileged, with Kaloom and without NPWG',
    overlay: 'overlays/ksr',
    components: ['etcd-user', 'privileged', 'kaloom', 'without-npwg'],
    values: { ksr: true, secrets: { etcdUser: SECRETS.etcdUser }, privileged: true, kaloom: true, npwg: false },
  },
  {
    title: 'reflection, and exec beside node workers',
    overlay: 'overlays/evaluation',
    components: ['reflect', 'exec-rights'],
    values: { reflect: true, execRights: true },
  },
  {
    title: 'networks before the first container, on nodes where workers are privileged',
    overlay: 'overlays/evaluation',
    components: ['cni-server', 'privileged', 'etcd-user'],
    values: { cniServer: true, privileged: true, secrets: { etcdUser: SECRETS.etcdUser } },
  },
  {
    title: "podwire as the cluster's only network",
    overlay: 'overlays/evaluation',
    components: ['primary', 'etcd-user'],
    values: { primary: true, secrets: { etcdUser: SECRETS.etcdUser } },
  },
  {
    title: 'the end of networks before the first container',
    overlay: 'overlays/evaluation',
    components: ['cni-server-removal'],
    values: { cniServerRemoval: true },
  },
];

/** Names of generated ConfigMaps end with a hash of their content; the chart says it in an annotation of the pods. */
const normal = (object: KubeObject): unknown =>
  JSON.parse(JSON.stringify(object), (key, value: unknown) => {
    if (key === 'name' && typeof value === 'string')
      return value.replace(/^(podwire-(?:settings|ksr-\w+))-[a-z0-9]{10}$/, '$1');
    if (key !== 'annotations') return value;
    const rest = Object.entries(value as object).filter(
      ([name]) => name !== 'checksum/settings' && name !== 'helm.sh/resource-policy',
    );
    return rest.length === 0 ? undefined : Object.fromEntries(rest);
  });

const sorted = (objects: readonly KubeObject[]): Record<string, unknown> =>
  Object.fromEntries(
    objects
      .map((object) => normal(object) as KubeObject)
      .map((object) => [`${object.kind} ${object.metadata.namespace ?? ''}/${object.metadata.name}`, object] as const)
      .sort(([a], [b]) => a.localeCompare(b)),
  );

describe('the chart and the overlays', () => {
  for (const { title, values, ...made } of PAIRS) {
    it(`make the same objects: ${title}`, async () => {
      const [chart, overlay] = await Promise.all([charted({ createNamespace: true, ...values }), kustomizedWith(made)]);
      assert.deepEqual(sorted(chart), sorted(overlay));
    });
  }

  it('the chart refuses a value that it does not know, by its name', async () => {
    await assert.rejects(charted({ privilegde: true }), /privilegde/);
    await assert.rejects(charted({ settings: { PODWIRE_REFLECT: true } }), /PODWIRE_REFLECT/);
    await assert.rejects(charted({ ksr: true, reflect: true }), /set one of them/);
    await assert.rejects(charted({ cniServer: true, cniServerRemoval: true }), /set one of them/);
    await assert.rejects(charted({ primary: true, cniServerRemoval: true }), /set one of them/);
    for (const value of ['cniServer', 'primary', 'cniServerRemoval'])
      await assert.rejects(charted({ [value]: true, exec: true }), /no node workers/);
  });

  it('all containers of the node workers are of the image that the values name', async () => {
    const node = podOf(
      one(await charted({ primary: true, images: { node: 'example.org/n:1' } }), 'DaemonSet', 'podwire-node'),
    );
    assert.deepEqual(
      [...(node.initContainers ?? []), ...node.containers].map(({ image }) => image),
      ['example.org/n:1', 'example.org/n:1'],
    );
  });

  it("KSR's etcd.conf can be another one", async () => {
    const objects = await charted({ ksr: true, ksrEtcdConf: "endpoints: ['https://etcd.example.org:2379']" });
    const files = objects.find(
      ({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === 'podwire-ksr-etcd',
    )?.data;
    assert.deepEqual(files, { 'etcd.conf': "endpoints: ['https://etcd.example.org:2379']\n" });
  });

  it('another namespace is everywhere: in addresses, subjects and the conditions of the policies', async () => {
    const text = JSON.stringify(await charted({ ksr: true, createNamespace: true }, 'elsewhere'));
    assert.doesNotMatch(text, /podwire-system/);
    assert.match(text, /system:serviceaccount:elsewhere:podwire-/);
  });

  it('another ConfigMap of networks moves the right to read it', async () => {
    const objects = await charted({ settings: { PODWIRE_CONFIGMAP: 'networks/declared' } });
    const roles = objects.filter(({ kind }) => kind === 'Role') as unknown as {
      rules: { resourceNames: string[] }[];
    }[];
    assert.deepEqual(
      roles.map(({ rules }) => rules[0]?.resourceNames),
      [['declared'], ['declared']],
    );
    const places = objects
      .filter(({ kind }) => kind === 'Role' || kind === 'RoleBinding')
      .map((o) => o.metadata.namespace);
    assert.deepEqual([...new Set(places)], ['networks']);
  });

  it('a changed setting changes what the pods are made from', async () => {
    const of = async (level: string): Promise<string[]> =>
      (await charted({ settings: { PODWIRE_LOG_LEVEL: level } })).flatMap(
        ({ spec }) => spec?.template?.metadata.annotations?.['checksum/settings'] ?? [],
      );
    const [info, debug] = [await of('info'), await of('debug')];
    assert.equal(info.length, 3);
    assert.ok(info.every((sum, i) => sum !== debug[i]));
  });
});
