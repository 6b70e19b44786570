/** What the components for podwire's CNI plugin, and for podwire as the network, make of the node workers' pods. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { readNodeConfig } from '../../config/node.ts';
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
    const names = '--names=podwire-cni,podwire-ipam';
    assert.deepEqual(command.slice(2), ['install', '--from=/podwire/cni/podwire-cni', `--to=${PLUGINS}`, names]);
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

describe('the component primary', () => {
  let pod: PodSpec;
  let objects: KubeObject[];
  before(async () => {
    objects = await kustomizedWith({ overlay: 'overlays/existing', components: ['primary'] });
    pod = podOf(one(objects, 'DaemonSet', 'podwire-node'));
  });
  const envOf = ({ containers }: PodSpec): ReadonlyMap<string, string | undefined> =>
    new Map(containers[0].env?.map(({ name, value }) => [name, value]));

  it('brings all that the component cni-server does', async () => {
    const server = podOf(
      one(
        await kustomizedWith({ overlay: 'overlays/existing', components: ['cni-server'] }),
        'DaemonSet',
        'podwire-node',
      ),
    );
    assert.deepEqual(pod.initContainers, server.initContainers);
    assert.equal(pod.automountServiceAccountToken, true);
    const env = envOf(pod);
    for (const [name, value] of envOf(server)) assert.equal(env.get(name), value, name);
    assert.equal(env.get('PODWIRE_PRIMARY'), 'true');
    one(objects, 'ClusterRoleBinding', 'podwire-node-cni');
  });

  it("keeps the addresses of pods on the node's disk, where the worker looks for them", () => {
    const mount = pod.containers[0].volumeMounts.find(({ name }) => name === 'primary');
    assert.equal(mount?.mountPath, readNodeConfig([], { PODWIRE_NODE_NAME: 'n' }).primary.dir);
    assert.deepEqual(pod.volumes?.find(({ name }) => name === 'primary')?.hostPath, {
      ...{ path: mount?.mountPath, type: 'DirectoryOrCreate' },
    });
  });

  it('lets the worker read its Node object', () => {
    const { rules } = one(objects, 'ClusterRole', 'podwire-node-primary') as KubeObject & {
      readonly rules: readonly { readonly resources: readonly string[]; readonly verbs: readonly string[] }[];
    };
    assert.ok(rules.some(({ resources, verbs }) => resources.includes('nodes') && verbs.includes('get')));
  });

  it('comes up on a node that has no network yet, on a name and a port of the node itself', () => {
    assert.deepEqual([pod.hostNetwork, pod.dnsPolicy], [true, 'ClusterFirstWithHostNet']);
    assert.deepEqual(pod.tolerations, [{ operator: 'Exists' }]);
    assert.deepEqual(pod.containers[0].securityContext['capabilities'], {
      drop: ['ALL'],
      add: ['NET_ADMIN', 'SYS_ADMIN'],
    });
  });
});
