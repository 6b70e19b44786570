/** What `podwire status` says of a living pod whose owner asks for networks in vain. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KubeClient } from '../../../adapters/kubernetes/client.ts';
import { originText } from '../../../cli/pod-origin.ts';
import { DEFAULT_DIALECT_SETTINGS } from '../../../domain/settings.ts';

const NPWG = 'k8s.v1.cni.cncf.io/networks';
const WISH = { annotations: { [NPWG]: 'green' } };

type Texts = Readonly<Record<string, string>>;
interface Metadata {
  readonly annotations?: Texts;
  readonly labels?: Texts;
}

interface Owner {
  readonly apiVersion: string;
  readonly kind: string;
}

const CONTROLLER = { controller: true, name: 'web' };
const metadata = (uid: string, own: Metadata, owner: Owner | undefined) => ({
  ...{ namespace: 'shop', name: 'web', uid, ...own },
  ...(owner === undefined ? {} : { ownerReferences: [{ ...CONTROLLER, ...owner, uid: `uid of ${owner.kind}` }] }),
});

const podOf = (owner: Owner | undefined, own: Metadata = {}) => ({ metadata: metadata('pod', own, owner), spec: {} });
const templated = (kind: string, own: Metadata, template: Metadata, owner?: Owner) => ({
  metadata: metadata(`uid of ${kind}`, own, owner),
  spec: { template: { metadata: template, spec: {} } },
});

const APPS = (kind: string): Owner => ({ apiVersion: 'apps/v1', kind });
const POD = '/api/v1/namespaces/shop/pods/web';
const apps = (plural: string): string => `/apis/apps/v1/namespaces/shop/${plural}/web`;

/** @param objects by path; a number is the status that the API refuses with */
async function said(objects: Readonly<Record<string, object | number>>): Promise<{ text: string; warnings: string[] }> {
  const client: Pick<KubeClient, 'call'> = {
    call: async ({ path }) => {
      const found = objects[path] ?? 404;
      return typeof found === 'number'
        ? { status: found, body: { message: 'no' }, retryAfterMs: undefined }
        : { status: 200, body: found, retryAfterMs: undefined };
    },
  };
  const warnings: string[] = [];
  const pod = { namespace: 'shop', name: 'web' };
  const text = await originText(
    client as KubeClient,
    DEFAULT_DIALECT_SETTINGS,
    pod,
    (line) => void warnings.push(line),
  );
  return { text, warnings };
}

describe('of a living pod it is said', () => {
  it('that its Deployment has the annotation where no pod gets it, once, though its ReplicaSet repeats it', async () => {
    const { text, warnings } = await said({
      [POD]: podOf(APPS('ReplicaSet')),
      [apps('replicasets')]: templated('ReplicaSet', WISH, {}, APPS('Deployment')),
      [apps('deployments')]: templated('Deployment', WISH, {}),
    });
    assert.equal(
      text,
      `\nas the Kubernetes API has it\nDeployment shop/web: annotation "${NPWG}" stands in metadata, where no pod gets it; write it into spec.template.metadata.annotations\n`,
    );
    assert.deepEqual(warnings, []);
  });

  for (const [kind, path] of [
    ['StatefulSet', apps('statefulsets')],
    ['DaemonSet', apps('daemonsets')],
    ['Job', '/apis/batch/v1/namespaces/shop/jobs/web'],
    ['ReplicationController', '/api/v1/namespaces/shop/replicationcontrollers/web'],
  ] as const) {
    it(`the same of a ${kind}`, async () => {
      const apiVersion = /(?:\/apis)?\/(.*)\/namespaces/.exec(path)?.[1]?.replace('api/', '') ?? '';
      const { text } = await said({ [POD]: podOf({ apiVersion, kind }), [path]: templated(kind, WISH, {}) });
      assert.match(text, new RegExp(`\n${kind} shop/web: annotation .* stands in metadata, where no pod gets it`));
    });
  }

  it('that the template has got the annotation after the pod was made', async () => {
    const { text } = await said({
      [POD]: podOf(APPS('StatefulSet')),
      [apps('statefulsets')]: templated('StatefulSet', {}, WISH),
    });
    assert.match(
      text,
      /^StatefulSet shop\/web: .* stands in spec\.template\.metadata, and this pod.* does not have it/m,
    );
  });

  it('that the pod has kube-vxlan-controller’s annotation without its label', async () => {
    const { text } = await said({ [POD]: podOf(undefined, { annotations: { 'vxlan.openvnf.org/networks': 'red' } }) });
    assert.match(text, /^Pod shop\/web: .* is not read without the label/m);
  });

  it('nothing where all is as it should be, nor of an owner that is another one by now', async () => {
    const right = templated('StatefulSet', {}, WISH);
    assert.equal((await said({ [POD]: podOf(APPS('StatefulSet'), WISH), [apps('statefulsets')]: right })).text, '');
    const other = templated('StatefulSet', WISH, {});
    const later = { ...other, metadata: { ...other.metadata, uid: 'later' } };
    assert.equal((await said({ [POD]: podOf(APPS('StatefulSet')), [apps('statefulsets')]: later })).text, '');
  });

  it('that an owner could not be read, if the pod asks for nothing itself', async () => {
    const refused = { [apps('statefulsets')]: 403 };
    const { text, warnings } = await said({ ...refused, [POD]: podOf(APPS('StatefulSet')) });
    assert.deepEqual([text, warnings.length], ['', 1]);
    assert.match(warnings[0] ?? '', /shop\/web asks for no networks.*read StatefulSet shop\/web: the API answered 403/);
    assert.deepEqual((await said({ ...refused, [POD]: podOf(APPS('StatefulSet'), WISH) })).warnings, []);
  });

  it('that there is no such pod', async () => {
    assert.equal((await said({})).text, '\nthe Kubernetes API has no pod shop/web\n');
  });
});
