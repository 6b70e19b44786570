/** The lab is a cluster like any other: what a pod may expect of one, with no part of podwire in it. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { apply, podManifest, waitRunning, type PodOptions } from '../../deploy/demo/cluster.ts';
import type { PodRef } from '../../deploy/demo/kernel-look.ts';
import { must } from '../../deploy/lab/commands.ts';
import { forwardService, stopForward } from '../../deploy/lab/forward-service.ts';
import { kubectl, pathOnHost, podNetnsPath, type Lab } from '../../deploy/lab/lab.ts';
import { makeNamespace, openTestLab, removeNamespace, waitFor } from './harness.ts';

const PORT = 8080;
const SERVER = [`mkdir -p /tmp/www && hostname > /tmp/www/index.html && exec httpd -f -p ${PORT} -h /tmp/www`];

describe('a cluster', () => {
  const namespace = `cluster-${randomUUID().slice(0, 6)}`;
  const pod = (name: string): PodRef => ({ namespace, name });
  let lab: Lab;
  let lastNode: string;

  before(async () => {
    lab = await openTestLab();
    lastNode = lab.nodes.at(-1)?.name ?? '';
    await makeNamespace(lab, namespace);
    await create([
      { name: 'client', node: 'n1' },
      { name: 'here', node: 'n1', server: true },
      { name: 'there', node: lastNode, server: true },
    ]);
    await apply(lab, [service('both', 'yes'), service('far', 'far')]);
  });
  after(async () => {
    await removeNamespace(lab, namespace);
  });

  interface Wanted {
    readonly name: string;
    readonly node: string;
    readonly server?: boolean;
    readonly spec?: PodOptions['spec'];
    readonly container?: object;
  }

  /** Servers have the label `serves`. */
  async function create(wanted: readonly Wanted[]): Promise<void> {
    const manifests = wanted.map(({ name, node, server, spec, container }) => {
      const manifest = podManifest(pod(name), { node, label: false, image: lab.testImage, ...(spec && { spec }) }) as {
        metadata: { labels?: Record<string, string> };
        spec: { containers: object[] };
      };
      if (server)
        manifest.metadata.labels = {
          ...manifest.metadata.labels,
          serves: 'yes',
          where: node === 'n1' ? 'near' : 'far',
        };
      manifest.spec.containers = manifest.spec.containers.map((each) => ({
        ...each,
        ...(server && { command: ['/bin/sh', '-c'], args: SERVER }),
        ...container,
      }));
      return manifest;
    });
    await apply(lab, manifests);
    await waitRunning(
      lab,
      wanted.map(({ name }) => pod(name)),
    );
  }

  const service = (name: string, which: 'yes' | 'far'): object => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace },
    spec: {
      selector: which === 'yes' ? { serves: 'yes' } : { serves: 'yes', where: 'far' },
      ports: [{ port: 80, targetPort: PORT }],
    },
  });

  const exec = (name: string, ...words: string[]): Promise<string> =>
    kubectl(lab, ['-n', namespace, 'exec', name, '--', ...words]);
  const get = (url: string): Promise<string> => exec('client', 'wget', '-q', '-O', '-', url);

  test("a pod finds the API's Service by its name and reaches it", async () => {
    const answer = await exec('client', 'nslookup', 'kubernetes.default.svc.cluster.local');
    assert.match(answer, /Address(?: 1)?:\s+10\.96\.0\.1\b/);
    const connected = await exec('client', 'sh', '-c', 'nc -w 3 10.96.0.1 443 < /dev/null && echo reached');
    assert.equal(connected.trim(), 'reached');
  });

  test('a pod reaches a Service of pods on its own node and on another, by a short name', async () => {
    assert.equal(await waitFor('the far server', () => get('http://far/'), { limitMs: 15_000 }), 'there\n');
    const served = new Set<string>();
    await waitFor(
      'both servers to answer',
      async () => (served.add((await get('http://both/')).trim()).size === 2 ? true : undefined),
      { limitMs: 30_000, everyMs: 50 },
    );
    assert.deepEqual([...served].sort(), ['here', 'there']);
  });

  test('a process on a node reaches a Service by its address, and is told at once that there is nothing outside', async () => {
    const address = (
      await kubectl(lab, ['-n', namespace, 'get', 'svc', 'far', '-o', 'jsonpath={.spec.clusterIP}'])
    ).trim();
    const onNode = (...words: string[]): Promise<string> =>
      must('nsenter', [`--net=${lab.nodes[0]?.netnsPath ?? ''}`, '--', 'busybox', ...words]);
    assert.equal(await onNode('wget', '-q', '-O', '-', `http://${address}/`), 'there\n');
    await assert.rejects(onNode('wget', '-q', '-O', '-', 'http://192.0.2.1/'), /No route to host/);
  });

  test("pods reach the lab's own Temporal and etcd by name", async () => {
    const health = await get('http://etcd.podwire-lab.svc:2379/health');
    assert.match(health, /"health":\s*"true"/);
    const connected = await exec(
      'client',
      'sh',
      '-c',
      'nc -w 3 temporal-frontend.temporal.svc 7233 < /dev/null && echo reached',
    );
    // After the server's first frame of HTTP/2.
    assert.match(connected, /reached/);
  });

  test('a port of the machine leads to a Service, and stays the same when it is asked for again', async () => {
    const target = { namespace, service: 'far', port: 80 };
    const address = await forwardService(lab, target);
    const get = async (): Promise<string> =>
      (await fetch(`http://${address}/`, { signal: AbortSignal.timeout(3_000) })).text();
    assert.equal(await waitFor('an answer', get, { limitMs: 10_000 }), 'there\n');
    assert.equal(await forwardService(lab, target), address);
    await stopForward(lab, target);
    await assert.rejects(get());
  });

  test("a pod with the node's /run/netns sees namespaces that are made later, and no longer when they are gone", async () => {
    const netns = { name: 'netns', hostPath: { path: '/run/netns', type: 'DirectoryOrCreate' } };
    await create([
      {
        name: 'looker',
        node: lastNode,
        spec: { hostNetwork: true, volumes: [netns] },
        container: { volumeMounts: [{ name: 'netns', mountPath: '/run/netns', mountPropagation: 'HostToContainer' }] },
      },
    ]);
    await create([{ name: 'later', node: lastNode }]);
    const file = (await podNetnsPath(lab, pod('later'))).split('/').at(-1) ?? '';
    // The file of a namespace is one of nsfs; a mount that did not come along leaves an empty file of the disk.
    const seen = (): Promise<string> => exec('looker', 'stat', '-f', '-c', '%t', `/run/netns/${file}`);
    assert.equal((await seen()).trim(), '6e736673');
    await kubectl(lab, ['-n', namespace, 'delete', 'pod', 'later', '--grace-period=1', '--timeout=60s'], {
      timeoutMs: 70_000,
    });
    await waitFor(
      'it to be gone',
      async () =>
        seen().then(
          () => undefined,
          () => true,
        ),
      { limitMs: 15_000 },
    );
  });

  test('a mount that a privileged pod makes for its node is seen by the node and by no other, nor by the machine', async () => {
    const shared = { name: 'shared', hostPath: { path: '/var/lib/podwire/shared', type: 'DirectoryOrCreate' } };
    await create([
      {
        name: 'mounter',
        node: 'n1',
        spec: { volumes: [shared] },
        container: {
          securityContext: { privileged: true },
          volumeMounts: [{ name: 'shared', mountPath: '/shared', mountPropagation: 'Bidirectional' }],
        },
      },
    ]);
    await exec('mounter', 'sh', '-c', 'mkdir -p /shared/made && mount -t tmpfs made /shared/made');
    const on = async (pid: string): Promise<boolean> =>
      (await must('cat', [`/proc/${pid}/mountinfo`])).includes('podwire/shared/made');
    const holders = lab.nodes.map(({ root }) => root.split('/')[2] ?? '');
    assert.deepEqual(await Promise.all(['self', ...holders].map(on)), [false, ...holders.map((_, i) => i === 0)]);
    await exec('mounter', 'umount', '/shared/made');
    assert.equal(await on(holders[0] ?? ''), false);
  });

  test('a claim without a class is bound, and keeps its data when its pod is replaced', async () => {
    const claim = {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: 'data', namespace },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
    };
    await apply(lab, [claim]);
    const writer = (name: string): Wanted => ({
      name,
      node: 'n1',
      // The scheduler chooses the node, by the volume.
      spec: { nodeName: '', volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }] },
      container: { volumeMounts: [{ name: 'data', mountPath: '/data' }] },
    });
    await create([writer('first')]);
    await exec('first', 'sh', '-c', 'echo kept > /data/file');
    await kubectl(lab, ['-n', namespace, 'delete', 'pod', 'first', '--grace-period=1', '--timeout=60s'], {
      timeoutMs: 70_000,
    });
    await create([writer('second')]);
    assert.equal(await exec('second', 'cat', '/data/file'), 'kept\n');
  });

  test("what a node has at its standard places is the node's own", async () => {
    await must('tee', [pathOnHost(lab, 'n1', '/var/lib/podwire/only-here')], { input: 'n1' });
    try {
      const found = await Promise.all(
        lab.nodes.map(({ name }) =>
          must('ls', [pathOnHost(lab, name, '/var/lib/podwire')]).then((names) => names.includes('only-here')),
        ),
      );
      assert.deepEqual(
        found,
        lab.nodes.map((_, i) => i === 0),
      );
      await assert.rejects(must('ls', ['/var/lib/podwire/only-here']));
    } finally {
      await must('rm', ['-f', pathOnHost(lab, 'n1', '/var/lib/podwire/only-here')]);
    }
  });
});
