/**
 * docs/install.md from a reader's side, in a cluster without podwire: the evaluation, Helm, the ways from something else and the looks when
 * something is missing; their commands as they stand. What is replaced is a workload of that name without a program behind it: the
 * page's commands ask nothing of it but to be stopped.
 */
import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { apply, declareNetworks, podManifest, waitRunning } from '../../deploy/demo/cluster.ts';
import type { PodRef } from '../../deploy/demo/kernel-look.ts';
import { must } from '../../deploy/lab/commands.ts';
import { inSystem, provideImages } from '../../deploy/lab/installed.ts';
import { TEST_IMAGE } from '../../deploy/lab/images.ts';
import { kubectl, silentProgress, type Lab } from '../../deploy/lab/lab.ts';
import { stepsOfPage } from '../docs/install-page.ts';
import { startEtcd, type EtcdServer } from '../etcd/etcd-server.ts';
import { bridgeConfig, defineNetworks } from '../lab/cni-networks.ts';
import { deletePods, makeNamespace, openTestLab, removeNamespace, waitFor, waitLink } from '../lab/harness.ts';
import { TREE } from '../lab/reflected.ts';
import { freePort } from '../workflows/free-port.ts';
import { since } from './burst.ts';
import { closeOutside, openOutside, type Outside } from './outside.ts';
import { Reader } from './reader.ts';

const LINK_LIMIT_MS = 60_000;
/** What the page's pods run; the lab's image has the same program. */
const PAGE_IMAGE = 'docker.io/library/busybox:1.37';
const CRDS = [
  ...['network-attachment-definitions.k8s.cni.cncf.io', 'networks.kaloom.com'],
  ...['networks.podwire.io', 'clusternetworks.podwire.io'],
];
const namespace = `page-${randomUUID().slice(0, 6)}`;

describe('the installation page', () => {
  let lab: Lab;
  let reader: Reader;

  before(async () => {
    lab = await openTestLab();
    reader = await Reader.begin(lab);
    await provideImages(lab, 'evaluation', silentProgress);
    for (const { criSocket } of lab.nodes)
      await must('ctr', ['-a', criSocket, '-n', 'k8s.io', 'images', 'tag', '--force', TEST_IMAGE, PAGE_IMAGE]);
    await makeNamespace(lab, namespace);
  });
  after(async () => {
    await removeNamespace(lab, namespace);
    await kubectl(lab, ['delete', 'namespace', 'podwire-first', '--ignore-not-found', '--timeout=120s'], {
      timeoutMs: 130_000,
    });
    await reader.takeAway();
    reader.close();
  });

  /** A pod that asks by these annotations. */
  async function asks(name: string, annotations: Readonly<Record<string, string>>, label = false): Promise<PodRef> {
    const pod = { namespace, name };
    const manifest = podManifest(pod, { node: lab.nodes[0]?.name ?? '', image: lab.testImage, label });
    await apply(lab, [{ ...manifest, metadata: { ...(manifest as Manifest).metadata, annotations } }]);
    await waitRunning(lab, [pod]);
    return pod;
  }

  test('leads from nothing to the first networks, a look at them, and back to nothing', async (c) => {
    const began = performance.now();
    const [grpc, ui] = [await freePort(), await freePort()];
    await reader.follow('evaluation', {
      // The reader's ports may be somebody else's on this machine.
      replaced: { '127.0.0.1:7233': `127.0.0.1:${grpc}` },
      words: { '7233': `${grpc}:7233`, '8233': `${ui}:8233` },
    });
    await reader.gone();
    c.diagnostic(`the evaluation took ${since(began)}`);
  });

  test('leads there with Helm as well, and to the networks of a pod', async (c) => {
    const began = performance.now();
    // Helm refuses objects that others made, as the evaluation's definitions of kinds.
    await kubectl(lab, ['delete', 'crd', ...CRDS, '--timeout=60s'], { timeoutMs: 70_000 });
    const steps = stepsOfPage('helm');
    const end = steps.findIndex((step) => step.kind === 'command' && step.args[0] === 'uninstall');
    assert.ok(end > 0);
    await reader.run(steps.slice(0, end));
    c.diagnostic(`installed by Helm in ${since(began)}`);
    const pod = await asks('helm', { 'vxlan.openvnf.org/networks': 'hlm id=4880 ip=10.80.0.1/24 up=true' }, true);
    await waitLink(lab, pod, 'hlm', (link) => link?.up === true && link.vni === 4880, LINK_LIMIT_MS);
    await deletePods(lab, [pod]);
    await reader.run(steps.slice(end));
    await reader.gone();
    c.diagnostic(`and taken away, ${since(began)} in all`);
  });

  describe('leads away from what was there before', () => {
    let contiv: EtcdServer;
    let place: Outside;

    before(async () => {
      contiv = await startEtcd();
      const server = contiv.endpoint.replace('http://', '');
      place = { namespace: 'kube-system', name: 'contiv-etcd', port: 12379, server };
      await openOutside(lab, place);
      await apply(lab, REPLACED.map(standIn));
    });
    after(async () => {
      for (const name of REPLACED)
        await kubectl(lab, ['-n', 'kube-system', 'delete', 'daemonset,deployment', name, '--ignore-not-found']);
      await closeOutside(lab, place);
      await contiv.stop();
    });

    // By itself, in a cluster without podwire: a setting that an update brings comes into force part by part.
    test("Kaloom's podagent: a pod that asked before has the interface of its Network object", async (c) => {
      const network = { name: 'page-green', bridge: 'br-page-g', ipam: { type: 'host-local', subnet: '10.82.0.0/24' } };
      const spec = { plugin: 'bridge', config: JSON.stringify(network) };
      const metadata = { namespace: 'default', name: network.name };
      await apply(lab, [{ apiVersion: 'kaloom.com/v1', kind: 'Network', metadata, spec }]);
      const pod = await asks('kaloom', { networks: JSON.stringify([{ name: network.name }]) });
      c.diagnostic(await timed(() => reader.follow('from-kaloom')));
      const name = `net${createHash('md5').update(network.name).digest('hex').slice(0, 12)}`;
      const link = await waitLink(lab, pod, name, (seen) => seen?.up === true, LINK_LIMIT_MS);
      assert.match(link?.addresses.join() ?? '', /^10\.82\.0\.\d+\/24$/);
      await isStopped('podagent');
      await deletePods(lab, [pod]);
      await kubectl(lab, ['-n', 'default', 'delete', 'networks.kaloom.com', network.name]);
      await reader.takeAway();
    });

    test('kube-vxlan-controller: a pod that asked before has the network that its ConfigMap declares', async (c) => {
      await declareNetworks(lab, { vxpage: 'id=4881 up' });
      const pod = await asks('openvnf', { 'vxlan.openvnf.org/networks': 'vxpage ip=10.81.0.1/24' }, true);
      c.diagnostic(await timed(() => reader.follow('from-kube-vxlan-controller')));
      const desired = { vni: 4881, up: true, addresses: ['10.81.0.1/24'] };
      const link = await waitLink(lab, pod, 'vxpage', (seen) => seen?.addresses.length === 1, LINK_LIMIT_MS);
      assert.deepEqual({ vni: link?.vni, up: link?.up, addresses: link?.addresses }, desired);
      assert.match(await replicas('deployment/kube-vxlan-controller'), /^0$/);
      await deletePods(lab, [pod]);
      await declareNetworks(lab, { vxpage: null });
    });

    test("Multus' controller: a pod that asked before has the network of its definition", async (c) => {
      await defineNetworks(lab, namespace, { side: bridgeConfig('page-side', 'br-page-s', '10.83.0.0/24') });
      const pod = await asks('npwg', { 'k8s.v1.cni.cncf.io/networks': 'side@net1' });
      c.diagnostic(await timed(() => reader.follow('from-multus')));
      const link = await waitLink(lab, pod, 'net1', (seen) => seen?.up === true, LINK_LIMIT_MS);
      assert.match(link?.addresses.join() ?? '', /^10\.83\.0\.\d+\/24$/);
      await isStopped('dynamic-networks-controller-ds');
      await deletePods(lab, [pod]);
    });

    test("Contiv's KSR: the tree is in the etcd that its own file names", async (c) => {
      const pod = await asks('reflected', {});
      c.diagnostic(await timed(() => reader.follow('from-ksr')));
      const key = `${TREE}pod/${pod.name}/namespace/${pod.namespace}`;
      const words = ['--endpoints', contiv.endpoint, 'get', '--keys-only', key];
      const found = async (): Promise<true | undefined> =>
        (await must(lab.binaries.etcdctl, words, { env: { ETCDCTL_API: '3' } })).trim() === key || undefined;
      await waitFor(`${key} in Contiv's etcd`, found, { limitMs: LINK_LIMIT_MS });
      await isStopped('contiv-ksr');
      await deletePods(lab, [pod]);
    });

    test('and says what to look at when something is missing', async (c) => {
      c.diagnostic(await timed(() => reader.follow('doctor')));
      assert.match(await inSystem(lab, ['get', 'pods', '-o', 'name']), /podwire-ksr/, 'of the last way');
    });

    const replicas = (name: string): Promise<string> =>
      kubectl(lab, ['-n', 'kube-system', 'get', name, '-o', 'jsonpath={.spec.replicas}']);

    /** No node has what its pods want now. */
    async function isStopped(daemonSet: string): Promise<void> {
      const path = 'jsonpath={.spec.template.spec.nodeSelector}';
      const wants = await kubectl(lab, ['-n', 'kube-system', 'get', 'daemonset', daemonSet, '-o', path]);
      assert.match(wants, /"podwire.io\/replaced":"true"/);
      const nodes = await kubectl(lab, ['get', 'nodes', '-l', 'podwire.io/replaced=true', '-o', 'name']);
      assert.equal(nodes, '');
    }
  });
});

interface Manifest {
  readonly metadata: object;
}

const REPLACED = ['kube-vxlan-controller', 'podagent', 'dynamic-networks-controller-ds', 'contiv-ksr'];

/** Without a pod: no node has the label that it wants. */
function standIn(name: string): object {
  const labels = { replaced: name };
  const spec = {
    selector: { matchLabels: labels },
    template: {
      metadata: { labels },
      spec: {
        nodeSelector: { 'podwire.io/stand-in': 'none' },
        containers: [{ name: 'main', image: TEST_IMAGE, imagePullPolicy: 'Never' }],
      },
    },
  };
  const kind = name === 'kube-vxlan-controller' ? 'Deployment' : 'DaemonSet';
  return { apiVersion: 'apps/v1', kind, metadata: { name, namespace: 'kube-system' }, spec };
}

async function timed(act: () => Promise<void>): Promise<string> {
  const began = performance.now();
  await act();
  return `the page's commands took ${since(began)}`;
}
