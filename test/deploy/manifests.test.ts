/** What can be seen of the manifests without a cluster. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { orchestratorSettings } from '../../config/orchestrator.ts';
import { nodeSettings } from '../../config/node.ts';
import { ksrHelp } from '../../config/reflect/ksr.ts';
import { watcherSettings } from '../../config/watcher.ts';
import { SEARCH_ATTRIBUTES } from '../../domain/messages.ts';
import { DEPLOY, kustomized, kustomizedWith, one, podOf, workloads, type KubeObject } from './rendered.ts';

const OVERLAYS = ['evaluation', 'existing', 'exec', 'ksr'] as const;
const OWN_IMAGES = ['podwire/control-plane:0.1.0', 'podwire/node:0.1.0', 'podwire/agent:0.1.0'];
const FOREIGN_IMAGES = ['temporalio/temporal:1.5.1', 'quay.io/coreos/etcd:v3.6.4'];
const names = (table: object): string[] => Object.values(table).map(({ env }: { env: string }) => env);
/** Variables that each part knows. */
const KNOWN: Readonly<Record<string, readonly string[]>> = {
  'podwire-watcher': names(watcherSettings),
  'podwire-orchestrator': names(orchestratorSettings),
  'podwire-node': names(nodeSettings),
  'podwire-ksr': ksrHelp().match(/[A-Z][A-Z0-9_]{3,}/g) ?? [],
};
const ANY = new Set(Object.values(KNOWN).flat());

describe('the manifests', () => {
  const made = new Map<string, KubeObject[]>();
  const of = (overlay: string): KubeObject[] => made.get(overlay) ?? [];
  const every = (): KubeObject[] => [...made.values()].flatMap(workloads);
  before(async () => {
    for (const overlay of OVERLAYS) made.set(overlay, await kustomized(`overlays/${overlay}`));
    made.set(
      'with secrets',
      await kustomizedWith({
        overlay: 'overlays/ksr',
        components: [
          'temporal-tls',
          'temporal-api-key',
          'etcd-tls',
          'etcd-user',
          'kaloom',
          'without-npwg',
          'privileged',
        ],
      }),
    );
    made.set('with reflection', await kustomizedWith({ overlay: 'overlays/existing', components: ['reflect'] }));
    for (const component of ['cni-server', 'cni-server-removal', 'primary'])
      made.set(component, await kustomizedWith({ overlay: 'overlays/existing', components: [component] }));
  });
  const node = (overlay = 'evaluation') => podOf(one(of(overlay), 'DaemonSet', 'podwire-node'));

  it('mount the folder of the container runtime, so that a new socket is seen, and its mounts with it', () => {
    const volume = node().volumes?.find(({ hostPath }) => hostPath?.path === '/run/containerd');
    assert.equal(volume?.hostPath?.type, 'Directory');
    const mount = node().containers[0].volumeMounts.find(({ mountPath }) => mountPath === '/run/containerd');
    assert.equal(mount?.mountPropagation, 'HostToContainer');
    assert.ok(node().volumes?.every(({ hostPath }) => hostPath?.type !== 'Socket'));
  });

  it('give network namespaces to the node worker as they come and go', () => {
    const mount = node().containers[0].volumeMounts.find(({ mountPath }) => mountPath === '/run/netns');
    assert.equal(mount?.mountPropagation, 'HostToContainer');
  });

  it('let CNI plugins find their settings, podwire the configurations without spec.config, and iptables its lock', () => {
    const container = node().containers[0];
    const mounts = new Map(container.volumeMounts.map((mount) => [mount.mountPath, mount]));
    assert.equal(mounts.get('/etc/cni/net.d')?.readOnly, true);
    const folder = container.env?.find(({ name }) => name === 'PODWIRE_CNI_CONF_DIR')?.value ?? '';
    assert.equal(mounts.get(folder)?.readOnly, true);
    assert.ok(mounts.has('/run/xtables.lock'));
  });

  it('give every container two minutes to start before its liveness is asked', () => {
    for (const object of every()) {
      const { startupProbe, livenessProbe, readinessProbe } = podOf(object).containers[0];
      assert.deepEqual([startupProbe?.periodSeconds, startupProbe?.failureThreshold], [2, 60], object.metadata.name);
      assert.ok(livenessProbe !== undefined && readinessProbe !== undefined, object.metadata.name);
    }
  });

  it('ask and scrape a node worker at the address of its node, where it listens', () => {
    const { env, ports, livenessProbe, readinessProbe } = node().containers[0];
    assert.equal(env?.find(({ name }) => name === 'PODWIRE_BIND_ADDRESS')?.value, '[$(HOST_IP)]:9466');
    assert.deepEqual(env.find(({ name }) => name === 'HOST_IP')?.valueFrom, {
      fieldRef: { fieldPath: 'status.hostIP' },
    });
    for (const probe of [livenessProbe, readinessProbe])
      assert.deepEqual([probe?.httpGet?.host, probe?.httpGet?.port], [undefined, 'health']);
    assert.equal(ports?.find(({ name }) => name === 'health')?.containerPort, 9466);
  });

  it("name for Prometheus a port that each of podwire's containers has, and lead their Service to it", () => {
    for (const object of every().filter(({ metadata }) => KNOWN[metadata.name] !== undefined)) {
      const annotations = object.spec?.template?.metadata.annotations ?? {};
      const ports = podOf(object).containers[0].ports?.map(({ containerPort }) => String(containerPort));
      assert.deepEqual([annotations['prometheus.io/scrape'], [annotations['prometheus.io/port']]], ['true', ports]);
    }
    assert.equal(one(of('evaluation'), 'Service', 'podwire-metrics').spec?.ports?.[0]?.targetPort, 'health');
  });

  it('roll the pods when a setting changes, since its ConfigMap gets another name', async () => {
    const settingsName = (objects: readonly KubeObject[]): string | undefined =>
      podOf(one(objects, 'DaemonSet', 'podwire-node')).containers[0].envFrom?.[0]?.configMapRef.name;
    const changed = await kustomizedWith({ overlay: 'overlays/evaluation', settings: { PODWIRE_LOG_LEVEL: 'debug' } });
    const [before, after] = [settingsName(of('evaluation')), settingsName(changed)];
    assert.notEqual(before, after);
    assert.equal(one(changed, 'ConfigMap', after ?? '').data?.['PODWIRE_LOG_LEVEL'], 'debug');
  });

  it('admit the node workers where PodSecurity is enforced, and demand the strictest level where there are none', () => {
    const level = (overlay: string): string | undefined =>
      one(of(overlay), 'Namespace', 'podwire-system').metadata.labels?.['pod-security.kubernetes.io/enforce'];
    assert.equal(level('evaluation'), 'privileged');
    assert.equal(level('exec'), 'restricted');
  });

  it('run everything but node workers without a right: no root, no capability, a read-only file system, seccomp', () => {
    for (const object of every().filter(({ kind }) => kind !== 'DaemonSet')) {
      const { securityContext, containers } = podOf(object);
      assert.equal(securityContext?.['runAsNonRoot'], true, object.metadata.name);
      assert.deepEqual(securityContext['seccompProfile'], { type: 'RuntimeDefault' });
      const { allowPrivilegeEscalation, readOnlyRootFilesystem, capabilities } = containers[0].securityContext;
      assert.deepEqual(
        [allowPrivilegeEscalation, readOnlyRootFilesystem, capabilities],
        [false, true, { drop: ['ALL'] }],
      );
    }
  });

  it('give node workers two capabilities, and all of them only by the component privileged', () => {
    const own = node().containers[0].securityContext;
    assert.deepEqual(own['capabilities'], { drop: ['ALL'], add: ['NET_ADMIN', 'SYS_ADMIN'] });
    assert.deepEqual(own['seccompProfile'], { type: 'RuntimeDefault' });
    assert.deepEqual(own['appArmorProfile'], { type: 'Unconfined' });
    assert.equal(own['privileged'], undefined);
    assert.equal(node('with secrets').containers[0].securityContext['privileged'], true);
  });

  it('keep one orchestrator through drains and lost nodes', () => {
    const objects = of('evaluation');
    const orchestrator = one(objects, 'Deployment', 'podwire-orchestrator');
    assert.equal(orchestrator.spec?.replicas, 2);
    const [spread] = podOf(orchestrator).topologySpreadConstraints ?? [];
    assert.deepEqual([spread?.topologyKey, spread?.whenUnsatisfiable], ['kubernetes.io/hostname', 'ScheduleAnyway']);
    const budget = one(objects, 'PodDisruptionBudget', 'podwire-orchestrator');
    assert.deepEqual(budget.spec?.selector, orchestrator.spec.selector);
  });

  it('reflect nothing unless the overlay ksr is chosen', () => {
    for (const overlay of ['evaluation', 'existing', 'exec'])
      assert.ok(
        of(overlay).every(({ metadata }) => !metadata.name.includes('ksr')),
        overlay,
      );
    one(of('ksr'), 'Deployment', 'podwire-ksr');
  });

  it('run no node worker in the overlay exec', () => {
    assert.ok(of('exec').every(({ metadata }) => metadata.name !== 'podwire-node'));
  });

  it('bring the definitions of the networks with them', () => {
    for (const name of ['network-attachment-definitions.k8s.cni.cncf.io', 'networks.kaloom.com'])
      one(of('existing'), 'CustomResourceDefinition', name);
  });

  it('have on everything but those definitions the label by which podwire is taken away, so that nobody loses networks of others', () => {
    for (const [overlay, objects] of made)
      for (const { kind, metadata } of objects) {
        const label = metadata.labels?.['app.kubernetes.io/part-of'];
        assert.equal(
          label,
          kind === 'CustomResourceDefinition' ? undefined : 'podwire',
          `${overlay}: ${kind} ${metadata.name}`,
        );
      }
  });

  it('name images that deploy/images makes, or the two of the evaluation', () => {
    for (const object of every())
      for (const { image } of [...(podOf(object).initContainers ?? []), ...podOf(object).containers])
        assert.ok([...OWN_IMAGES, ...FOREIGN_IMAGES].includes(image), image);
    for (const image of OWN_IMAGES) {
      const name = /\/(.+):/.exec(image)?.[1] ?? '';
      assert.ok(readdirSync(join(DEPLOY, 'images')).includes(`${name}.Dockerfile`), name);
    }
  });

  it('start programs that a build makes', () => {
    const files = every()
      .flatMap((object) => [...(podOf(object).initContainers ?? []), ...podOf(object).containers])
      .flatMap(({ command }) => command)
      .filter((word) => word.endsWith('.js'));
    assert.ok(files.length > 10);
    for (const file of new Set(files)) assert.ok(existsSync(join(DEPLOY, '..', file.replace(/\.js$/, '.ts'))), file);
  });

  it('set no variable that the part they set it for does not know', () => {
    for (const object of every()) {
      const known = KNOWN[object.metadata.name];
      if (known === undefined) continue;
      const env = podOf(object).containers[0].env ?? [];
      const text = JSON.stringify(env);
      // Variables that only others refer to are Kubernetes' own affair.
      for (const { name } of env)
        assert.ok(known.includes(name) || text.includes(`$(${name})`), `${object.metadata.name}: ${name}`);
    }
  });

  it('have no setting that no part knows', () => {
    for (const objects of made.values())
      for (const { data } of objects.filter(
        ({ kind, metadata }) => kind === 'ConfigMap' && metadata.name.startsWith('podwire-settings'),
      ))
        for (const name of Object.keys(data ?? {})) assert.ok(ANY.has(name), name);
  });

  it('mount what their settings name as files', () => {
    const objects = of('with secrets');
    const settings = objects.find(({ metadata }) => metadata.name.startsWith('podwire-settings-'))?.data ?? {};
    const files = Object.entries(settings).filter(([, value]) => value.startsWith('/etc/podwire/'));
    assert.equal(files.length, 8);
    for (const object of workloads(objects).filter(({ kind }) => kind !== 'StatefulSet')) {
      const mounts = podOf(object).containers[0].volumeMounts;
      for (const [setting, file] of files)
        assert.ok(
          mounts.some(({ mountPath }) => file.startsWith(`${mountPath}/`)),
          setting,
        );
    }
  });

  it('give passwords and keys as files, which can change while podwire runs, and by no variable', () => {
    for (const object of workloads(of('with secrets'))) {
      const { env = [], volumeMounts } = podOf(object).containers[0];
      const secret = env.filter(({ valueFrom }) => JSON.stringify(valueFrom ?? {}).includes('secretKeyRef'));
      assert.ok(
        secret.every(({ name }) => name.endsWith('_USER')),
        object.metadata.name,
      );
      // The kubelet does not renew what is mounted by subPath.
      assert.doesNotMatch(JSON.stringify(volumeMounts), /subPath/);
    }
  });

  it("start Temporal with podwire's search attributes, on a volume", () => {
    const { command } = podOf(one(of('evaluation'), 'StatefulSet', 'podwire-temporal')).containers[0];
    const made = command.filter((word) => word.startsWith('--search-attribute=')).sort();
    const wanted = Object.entries(SEARCH_ATTRIBUTES).map(([name, type]) => `--search-attribute=${name}=${type}`);
    assert.deepEqual(made, wanted.sort());
    assert.ok(command.includes('--db-filename=/data/temporal.db'));
  });

  it('the rights to read the ConfigMap of networks are for the one that the settings name', () => {
    const settings = readFileSync(join(DEPLOY, 'base/settings.env'), 'utf8');
    const named = /^PODWIRE_CONFIGMAP=(\S+)\/(\S+)$/m.exec(settings);
    for (const name of ['podwire-watcher', 'podwire-orchestrator']) {
      const role = one(of('existing'), 'Role', name) as KubeObject & {
        readonly rules: readonly { readonly resourceNames: string[] }[];
      };
      assert.deepEqual([role.metadata.namespace, role.rules[0]?.resourceNames], [named?.[1], [named?.[2]]]);
    }
  });
});
