/** The order in which a lab comes up; each step keeps what is there, so that a repeated run goes on where one was ended. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { apiGet, readyNodes, reportingNodes } from './api-request.ts';
import { absentBinaries, ensureBinaries, findGo, presentBinaries } from './binaries.ts';
import type { Binaries } from './binaries.ts';
import { ensureCertificates } from './certificates.ts';
import { attempt, whyFailed } from './commands.ts';
import { kubeApiserver, kubeControllerManager, kubeScheduler } from './control-plane.ts';
import { startKubernetesEtcd, startPodwireEtcd } from './etcd.ts';
import { forwarders } from './forwarder.ts';
import { ensureImageArchive, importImages } from './images.ts';
import { CNI_PLUGINS_VERSION, cniPluginsPresent, copyCniPlugins, ensureCniPlugins } from './cni-plugins.ts';
import { clusterDns, dnsReadyUrl, writeCorefile } from './dns.ts';
import { apiserverUrls, kubeconfigPath, writeKubeconfigs } from './kubeconfigs.ts';
import { DEFAULT_NETWORK, labLayout, MAX_NODES, nodeLayouts } from './layout.ts';
import type { ClusterNetwork, LabLayout, NodeLayout } from './layout.ts';
import { ensureNetwork } from './network.ts';
import { containerdPart, kubeletPart, kubeProxyPart, writeNodeFiles } from './node.ts';
import { ensureNodeMounts, holderPart } from './node-mounts.ts';
import { installPackages } from './packages.ts';
import { partPid, startPart, waitForPart } from './parts.ts';
import { missingDevices, preflightProblems, thisHost } from './preflight.ts';
import { namespaceId } from './processes.ts';
import type { Progress } from './progress.ts';
import { bootId, choosePorts, readState, withLabLock, writeState } from './state.ts';
import type { LabState } from './state.ts';
import { tearDown } from './teardown.ts';
import { temporalReady, temporalServer } from './temporal.ts';
import { makeVolumeFolders, volumeManifests } from './volumes.ts';
import { waitFor } from './waiting.ts';

const DEPLOY = join(import.meta.dirname, '..');
const MANIFESTS = [
  ...[
    ...[
      'namespace',
      'crds/network-attachment-definition',
      'crds/kaloom-network',
      'crds/network',
      'crds/cluster-network',
    ],
    ...['rbac', 'npwg', 'admission'],
  ].map((name) => `base/${name}.yaml`),
  ...['cni-server', 'exec-rights', 'kaloom', 'primary', 'reflect'].map((name) => `components/${name}/rbac.yaml`),
  'lab/cluster.yaml',
].map((file) => join(DEPLOY, file));

/** What the steps share. */
interface Site {
  readonly lab: LabLayout;
  readonly nodes: readonly NodeLayout[];
  readonly state: LabState;
  readonly binaries: Binaries;
  readonly progress: Progress;
}

/** As the lab is to be. */
export interface Wanted {
  readonly name: string;
  readonly nodes: number;
  readonly stores: boolean;
  /** undefined: what it has, else the default. */
  readonly network: ClusterNetwork | undefined;
}

/** Brings a lab up. See `labUp`. */
export async function bringUp({ name, nodes, stores, network }: Wanted, progress: Progress): Promise<LabState> {
  const lab = labLayout(name);
  if (!Number.isInteger(nodes) || nodes < 1 || nodes > MAX_NODES)
    throw new Error(`nodes: ${nodes} is not allowed; 1-${MAX_NODES}`);
  progress.stage(`lab '${name}', ${nodes} nodes: preflight`, 'packages and binaries');
  const absent = [
    ...absentBinaries(await presentBinaries()),
    ...(cniPluginsPresent() ? [] : [`CNI plugins ${CNI_PLUGINS_VERSION}`]),
  ];
  const host = thisHost();
  const problems = await preflightProblems(host, absent, findGo());
  if (problems.length > 0) throw new Error(problems.join('\n'));
  return withLabLock(name, async () => {
    await installPackages(progress);
    const unfit = await missingDevices(host);
    if (unfit.length > 0) throw new Error(unfit.join('\n'));
    const binaries = await ensureBinaries(progress);
    await ensureCniPlugins(progress);
    const state = await claim(lab, { nodes, stores, network, binaries }, progress);
    await start({ lab, nodes: nodeLayouts(lab, nodes), state, binaries, progress });
    const up: LabState = { ...state, phase: 'up' };
    writeState(lab, up);
    return up;
  });
}

/** @throws Error saying what a lab that is there cannot become */
function checkChange(known: LabState, nodes: number, network: ClusterNetwork): void {
  const first = (has: string, wanted: string): Error =>
    new Error(`lab '${known.name}' has ${has}; to have ${wanted}, take it down first`);
  if (known.nodes > nodes) throw first(`${known.nodes} nodes`, String(nodes));
  if (known.network !== network) throw first(`network ${known.network}`, network);
}

/** Writes the state before anything is made, so that a teardown knows the lab. */
async function claim(
  lab: LabLayout,
  { nodes, stores, network: wanted, binaries }: Omit<Wanted, 'name'> & { binaries: Binaries },
  progress: Progress,
): Promise<LabState> {
  let known = readState(lab);
  if (known !== undefined && known.bootId !== bootId()) {
    progress.line('the machine was restarted since; removing what is left of the lab');
    await tearDown(lab.name, progress);
    known = undefined;
  }
  const network = wanted ?? known?.network ?? DEFAULT_NETWORK;
  if (known !== undefined) checkChange(known, nodes, network);
  const ports = known?.ports ?? (await choosePorts(lab.name));
  // A lab that is up stays open to its users while it is looked over again.
  const all = stores || known?.stores === true;
  const phase = known?.nodes === nodes && known.stores === all ? known.phase : 'starting';
  const made = { network, bootId: bootId(), phase, ports, binaries };
  const state: LabState = { v: 1, name: lab.name, nodes, stores: all, ...made };
  writeState(lab, state);
  return state;
}

async function start(site: Site): Promise<void> {
  const { lab, nodes, state, progress } = site;
  progress.stage('network, certificates, images', 'control plane and container runtimes');
  const [archive] = await progress.task('namespaces, links, certificates, images', () =>
    Promise.all([ensureImageArchive(lab), ensureNetwork(lab, nodes, state.network), ensureCertificates(lab, nodes)]),
  );
  writeKubeconfigs(lab, nodes, apiserverUrls(state.ports.apiserver));
  writeCorefile(lab);
  await Promise.all(nodes.map((node) => makeNode(lab, node, state.network)));

  progress.stage('control plane and container runtimes', 'kubelets');
  await startKubernetesEtcd(lab);
  for (const part of forwarders(lab, state.ports)) await startPart(lab, part);
  await startPart(lab, kubeApiserver(lab, site.binaries));
  const runtimes = progress.task(`containerd and images on ${nodes.length} nodes`, () =>
    Promise.all(nodes.map((node) => startRuntime(lab, node, archive))),
  );
  const api = progress.task('kube-apiserver', () => waitForApi(site));
  const stores = state.stores
    ? [
        progress.task('temporal', () => startTemporal(site)),
        progress.task('etcd of podwire', () => startPodwireEtcd(lab)),
      ]
    : [];
  // All are awaited together: one that fails must not leave another's failure unheard.
  await Promise.all([runtimes, api, ...stores]);

  progress.stage('kubelets, controllers', 'ready');
  await startPart(lab, kubeControllerManager(lab, site.binaries));
  await startPart(lab, kubeScheduler(lab, site.binaries));
  for (const node of nodes) {
    await startPart(lab, kubeletPart(lab, node, site.binaries));
    await startPart(lab, kubeProxyPart(lab, node, site.binaries));
  }
  await Promise.all([
    progress.task('roles, users, definitions, cluster DNS', async () => {
      await applyManifests(site);
      await startDns(site);
    }),
    // Those of podwire's network are Ready when podwire is there.
    state.network === 'podwire'
      ? progress.task(`${nodes.length} nodes without a network`, () => waitForNodes(site, reportingNodes))
      : progress.task(`${nodes.length} nodes Ready`, () => waitForNodes(site, readyNodes)),
  ]);
}

/** Started when its role is there: refused requests are repeated at growing intervals. */
async function startDns({ lab, binaries }: Site): Promise<void> {
  const part = clusterDns(lab, binaries);
  await startPart(lab, part);
  await waitForPart(lab, part.name, async () => {
    const args = [`--net=${lab.controlNetnsPath}`, '--', 'busybox', 'wget', '-q', '-O', '/dev/null', dnsReadyUrl];
    return (await attempt('nsenter', args)).code === 0 ? true : undefined;
  });
}

/** What a machine has before its first daemon starts. */
async function makeNode(lab: LabLayout, node: NodeLayout, network: ClusterNetwork): Promise<void> {
  await ensureNodeMounts(node);
  copyCniPlugins(node.cniBinDir);
  writeNodeFiles(lab, node, network);
  if (node.name === 'n1') makeVolumeFolders(node);
  const part = holderPart(node);
  await startPart(lab, part);
  // nsenter(1) enters after it was started, and until then its root is the host's.
  await waitForPart(lab, part.name, async () => {
    const pid = partPid(lab, part.name);
    return namespaceId(`/proc/${pid ?? ''}/ns/mnt`) === namespaceId(node.mountNsPath) ? true : undefined;
  });
}

async function startRuntime(lab: LabLayout, node: NodeLayout, archive: string): Promise<void> {
  const part = containerdPart(node);
  await startPart(lab, part);
  await waitForPart(lab, part.name, async () => {
    if (!existsSync(node.criSocket)) return undefined;
    const answered = await attempt('ctr', ['-a', node.criSocket, 'version'], { timeoutMs: 5_000 });
    return answered.code === 0 ? true : undefined;
  });
  await importImages(node.criSocket, archive);
}

async function startTemporal({ lab, state, binaries }: Site): Promise<void> {
  const part = temporalServer(lab, binaries);
  await startPart(lab, part);
  await waitForPart(lab, part.name, async () => {
    // The UI comes up last, and asking it costs nothing; the command line tool takes a third of a second of CPU.
    await fetch(`http://127.0.0.1:${state.ports.temporalUi}/`, { signal: AbortSignal.timeout(2_000) });
    return (await temporalReady(binaries.temporal, `127.0.0.1:${state.ports.temporal}`, lab)) ? true : undefined;
  });
}

async function waitForApi({ lab, state }: Site): Promise<void> {
  await waitForPart(lab, 'kube-apiserver', async () => apiGet(lab, state.ports.apiserver, '/readyz'));
}

async function applyManifests({ lab, nodes, state, binaries }: Site): Promise<void> {
  const items = [
    ...nodes.slice(0, 1).flatMap(volumeManifests),
    ...(state.network === 'podwire' ? nodes.map(nodeManifest) : []),
  ];
  const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
  const files = MANIFESTS.flatMap((file) => ['-f', file]);
  const env = { KUBECONFIG: kubeconfigPath(lab, 'admin'), HOME: lab.dir, KUBECACHEDIR: join(lab.dir, 'kubectl-cache') };
  await waitFor(
    'roles, users and definitions applied',
    async () => {
      const applied = await attempt(binaries.kubectl, ['apply', '--server-side', ...files, '-f', '-'], { env, input });
      if (applied.code !== 0) throw new Error(whyFailed(applied));
      return true;
    },
    { limitMs: 60_000, everyMs: 1_000 },
  );
}

/** What a cloud or the controller manager would say of a node; the kubelet makes the rest of the object, before or after. */
const nodeManifest = ({ name, podCidr, podCidrSix }: NodeLayout): object => ({
  ...{ apiVersion: 'v1', kind: 'Node', metadata: { name } },
  spec: { podCIDR: podCidr, podCIDRs: [podCidr, podCidrSix] },
});

async function waitForNodes({ lab, nodes, state }: Site, there: typeof readyNodes): Promise<void> {
  const port = state.ports.apiserver;
  for (const node of nodes) {
    await waitForPart(
      lab,
      `kubelet-${node.name}`,
      async () => ((await there(lab, port)).includes(node.name) ? true : undefined),
      90_000,
    );
  }
  // Without it no pod can be made in the default namespace.
  await waitForPart(lab, 'kube-controller-manager', () =>
    apiGet(lab, port, '/api/v1/namespaces/default/serviceaccounts/default'),
  );
}
