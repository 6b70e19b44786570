/** What the components for podwire's CNI plugin make of the node workers' pods. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { kustomizedWith, one, podOf, type KubeObject, type PodSpec } from './rendered.ts';

const CONFIGURATIONS = '/etc/cni/net.d';
const PLUGINS = '/opt/cni/bin';

describe('the component cni-server', () => {
  let objects: KubeObject[];
  let removal: KubeObject[];
  before(async () => {
    objects = await kustomizedWith({ overlay: 'overlays/existing', components: ['cni-server'] });
    removal = await kustomizedWith({ overlay: 'overlays/existing', components: ['cni-server-removal'] });
  });
  const workers = (of: readonly KubeObject[]): PodSpec => podOf(one(of, 'DaemonSet', 'podwire-node'));
  const initOf = (of: readonly KubeObject[]) => {
    const [init, ...more] = workers(of).initContainers ?? [];
    assert.ok(init !== undefined && more.length === 0);
    return init;
  };
  const onNode = (of: readonly KubeObject[], mountPath: string, isInit: boolean): [string | undefined, boolean] => {
    const { volumes = [], containers } = workers(of);
    const mount = (isInit ? initOf(of) : containers[0]).volumeMounts.find((each) => each.mountPath === mountPath);
    return [volumes.find(({ name }) => name === mount?.name)?.hostPath?.path, mount?.readOnly === true];
  };

  it("installs the plugin into the node's folder before the worker serves, and the worker may not write there", () => {
    const { command } = initOf(objects);
    assert.deepEqual(command.slice(2), ['install', '--from', '/podwire/cni/podwire-cni', '--to', PLUGINS]);
    assert.deepEqual(onNode(objects, PLUGINS, true), [PLUGINS, false]);
    assert.deepEqual(onNode(objects, PLUGINS, false), [PLUGINS, true]);
  });

  it("has the worker answer where the plugin asks on the node, and write the runtime's configuration", () => {
    const env = new Map(workers(objects).containers[0].env?.map(({ name, value }) => [name, value]));
    assert.equal(env.get('PODWIRE_CNI_SOCKET'), '/run/podwire/cni.sock');
    assert.deepEqual(onNode(objects, '/run/podwire', false), ['/run/podwire', false]);
    assert.equal(env.get('PODWIRE_CNI_CHAIN_DIR'), CONFIGURATIONS);
    assert.deepEqual(onNode(objects, CONFIGURATIONS, false), [CONFIGURATIONS, false]);
  });

  it('gives the worker a token and the right to read pods, and no other', () => {
    assert.equal(workers(objects).automountServiceAccountToken, true);
    const { rules } = one(objects, 'ClusterRole', 'podwire-node-cni') as KubeObject & { readonly rules: unknown };
    assert.deepEqual(rules, [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }]);
  });

  it('runs what is new in the pod without a capability', () => {
    for (const { securityContext } of [initOf(objects), initOf(removal)]) {
      assert.deepEqual(securityContext['capabilities'], { drop: ['ALL'] });
      assert.deepEqual(
        [securityContext['allowPrivilegeEscalation'], securityContext['readOnlyRootFilesystem']],
        [false, true],
      );
      assert.deepEqual(securityContext['seccompProfile'], { type: 'RuntimeDefault' });
    }
  });

  it('is undone by the component for its removal: the configuration goes, and so do right, token, socket', () => {
    assert.deepEqual(initOf(removal).command.slice(2), ['remove', '--configurations', CONFIGURATIONS]);
    assert.deepEqual(onNode(removal, CONFIGURATIONS, true), [CONFIGURATIONS, false]);
    assert.deepEqual(onNode(removal, CONFIGURATIONS, false), [CONFIGURATIONS, true]);
    assert.equal(workers(removal).automountServiceAccountToken, false);
    assert.ok(workers(removal).containers[0].env?.every(({ name }) => !/^PODWIRE_CNI_(SOCKET|CHAIN_DIR)$/.test(name)));
    assert.ok(removal.every(({ metadata }) => metadata.name !== 'podwire-node-cni'));
  });
});
