/**
 * podwire installed in a lab from its manifests, as an administrator does it: images onto the nodes, one `kubectl apply -k`, and
 * waiting until every pod serves. The shipped overlay is applied as it is; what a lab or a test adds are values of its settings.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { ensureBinaries } from './binaries.ts';
import { containerPids } from './containers.ts';
import { ensurePodwireImages } from './image-build.ts';
import { ensureEvaluationImages } from './image-evaluation.ts';
import { importPodwireImages } from './image-import.ts';
import { kubectl, pathOnHost, type Lab, type Progress } from './lab.ts';
import { waitFor } from './waiting.ts';

export const SYSTEM_NAMESPACE = 'podwire-system';
const OVERLAYS = join(import.meta.dirname, '../overlays');
const COMPONENTS = join(import.meta.dirname, '../components');
const ROLLOUT_LIMIT_MS = 180_000;

/** `existing` uses the lab's own Temporal and etcd; `evaluation` brings both as pods. */
export type Overlay = 'evaluation' | 'existing';

export interface Installation {
  readonly overlay: Overlay;
  /** Entries of ConfigMap podwire-settings, over those of the overlay. */
  readonly settings: Readonly<Record<string, string>>;
  /** Names of components, beside those that settings and the cluster's network need (default: none). */
  readonly components?: readonly string[];
}

/** Read by a node's worker, whose /run/podwire is the node's. There is no such file until a test or the demo writes one. */
const FAILPOINTS = { PODWIRE_FAILPOINTS_FILE: '/run/podwire/failpoints.json' };

/** Where pods of the lab find its own Temporal and etcd. */
const LAB_ADDRESSES = {
  TEMPORAL_ADDRESS: 'temporal-frontend.temporal.svc:7233',
  PODWIRE_ETCD_ENDPOINTS: 'etcd.podwire-lab.svc:2379',
};

/** For an etcd that is itself a pod of podwire's network. */
const ETCD_ON_IT = { PODWIRE_PRIMARY_NODE_OBJECTS: 'true' };

const folder = (lab: Lab): string => join(lab.dir, 'installed');
const noteFile = (lab: Lab): string => join(folder(lab), 'installation.json');

/** What was installed last and not removed since. */
export function installation(lab: Lab): Installation | undefined {
  if (!existsSync(noteFile(lab))) return undefined;
  return JSON.parse(readFileSync(noteFile(lab), 'utf8')) as Installation;
}

/** Builds the images unless they are there, and gives them to every node: podwire's, and for the evaluation those of Temporal and etcd. */
export async function provideImages(lab: Lab, overlay: Overlay, progress: Progress): Promise<void> {
  const archives = [...(await ensurePodwireImages(progress, { failpoints: true })).archives];
  if (overlay === 'evaluation') {
    const { temporal, etcd } = await ensureBinaries(progress);
    archives.push(await ensureEvaluationImages(progress, { temporal, etcd, etcdctl: lab.binaries.etcdctl }));
  }
  await progress.task(`images onto ${lab.nodes.length} nodes`, () =>
    Promise.all(lab.nodes.map((node) => importPodwireImages(node.criSocket, archives))),
  );
}

/** Applies an overlay and waits until all of it serves. @throws Error saying which pod does not, and why */
export async function installPodwire(lab: Lab, wanted: Installation): Promise<void> {
  // What only the other overlay has would stay.
  if (installation(lab)?.overlay !== wanted.overlay) await uninstallPodwire(lab);
  writeKustomization(lab, wanted);
  // The CustomResourceDefinitions and the namespace come first in what kustomize prints; a second try is for an API that is slow to know them.
  await waitFor('kubectl apply -k', async () => kubectl(lab, ['apply', '-k', folder(lab)], { timeoutMs: 60_000 }), {
    limitMs: 60_000,
    everyMs: 1_000,
  });
  await waitUntilServing(lab);
}

/** Waits until every workload of podwire is rolled out. @throws Error with what `kubectl get pods` shows */
export async function waitUntilServing(lab: Lab, limitMs = ROLLOUT_LIMIT_MS): Promise<void> {
  const workloads = (await inSystem(lab, ['get', 'deployments,daemonsets,statefulsets', '-o', 'name']))
    .trim()
    .split('\n');
  const limit = `--timeout=${Math.round(limitMs / 1_000)}s`;
  try {
    await Promise.all(
      workloads.map((name) => inSystem(lab, ['rollout', 'status', name, limit], { timeoutMs: limitMs + 10_000 })),
    );
  } catch (error) {
    const pods = await inSystem(lab, ['get', 'pods', '-o', 'wide']);
    const events = await inSystem(lab, ['get', 'events', '--field-selector', 'type=Warning']);
    throw new Error(`podwire does not serve: ${(error as Error).message}\n${pods}${events}`, { cause: error });
  }
}

/** Removes podwire's workloads and waits until their pods are gone; roles, definitions and data stay. */
export async function uninstallPodwire(lab: Lab): Promise<void> {
  if (installation(lab) === undefined) return;
  await inSystem(lab, ['delete', 'deployments,daemonsets,statefulsets', '--all', '--wait=true', '--timeout=60s'], {
    timeoutMs: 70_000,
  });
  await waitFor(
    'pods of podwire to be gone',
    async () => ((await inSystem(lab, ['get', 'pods', '-o', 'name'])).trim() === '' ? true : undefined),
    { limitMs: 60_000, everyMs: 300 },
  );
  rmSync(folder(lab), { recursive: true, force: true });
}

/** Deletes what was applied, as an administrator does who wants podwire away: its namespace too, but no definitions of kinds, with which objects of others would go. */
export async function deleteInstallation(lab: Lab): Promise<void> {
  await kubectl(lab, ['delete', '-k', folder(lab), '-l', 'app.kubernetes.io/part-of=podwire', '--timeout=120s'], {
    timeoutMs: 130_000,
  });
  rmSync(folder(lab), { recursive: true, force: true });
}

/** Nodes with this label get no worker (deploy/base/node.yaml). */
const WORKER_LABEL = 'podwire.io/node-worker';

/** Ends the worker of a node and keeps it away until `allowWorkers`. */
export async function takeWorkerAway(lab: Lab, node: string): Promise<void> {
  await kubectl(lab, ['label', '--overwrite', 'node', node, `${WORKER_LABEL}=disabled`]);
  await waitFor(`no worker on ${node}`, async () => ((await workerPods(lab, node)).length === 0 ? true : undefined), {
    limitMs: 40_000,
    everyMs: 200,
  });
}

/** Every node may have its worker again. Returns when each has one, which may still be starting. */
export async function allowWorkers(lab: Lab): Promise<void> {
  await kubectl(lab, ['label', 'nodes', '--all', `${WORKER_LABEL}-`]);
  if (installation(lab) === undefined) return;
  const worked = async (): Promise<boolean> =>
    (await Promise.all(lab.nodes.map((node) => workerPods(lab, node.name)))).every((pods) => pods.length > 0);
  await waitFor('a worker on every node', async () => ((await worked()) ? true : undefined), { limitMs: 40_000 });
}

/**
 * Process of a node's worker, seen from the host: the first process of its container.
 *
 * @throws Error when its container does not run
 */
export async function workerPid(lab: Lab, nodeName: string): Promise<number> {
  const [pid] = await containerPids(labNode(lab, nodeName), SYSTEM_NAMESPACE, 'node');
  if (pid !== undefined) return pid;
  throw new Error(`no worker's container runs on ${nodeName}`);
}

/** Where a test or the demo names the places at which a node's worker shall wait; the same file as in the worker's settings. */
export const workerFailpoints = (lab: Lab, nodeName: string): string =>
  pathOnHost(lab, nodeName, FAILPOINTS.PODWIRE_FAILPOINTS_FILE);

function labNode(lab: Lab, name: string): Lab['nodes'][number] {
  const node = lab.nodes.find((each) => each.name === name);
  if (node === undefined) throw new Error(`lab ${lab.name} has no node ${name}`);
  return node;
}

/** Names of the worker's pods on a node: one, or two while one of them ends. */
export async function workerPods(lab: Lab, node: string): Promise<string[]> {
  const selector = ['-l', 'app.kubernetes.io/name=podwire-node', '--field-selector', `spec.nodeName=${node}`];
  const names = await inSystem(lab, ['get', 'pods', ...selector, '-o', 'jsonpath={.items[*].metadata.name}']);
  return names.split(' ').filter((name) => name !== '');
}

/** kubectl in podwire's namespace. */
export function inSystem(lab: Lab, args: readonly string[], o: { timeoutMs?: number } = {}): Promise<string> {
  return kubectl(lab, ['-n', SYSTEM_NAMESPACE, ...args], o);
}

/** Settings that need rights come with a component that brings both, and so does the cluster's network. */
function componentsOf(
  { network }: Lab,
  settings: Readonly<Record<string, string>>,
  more: readonly string[],
): readonly string[] {
  return [
    ...(network === 'podwire' && !more.includes('cni-server-removal') ? ['primary'] : []),
    ...more,
    ...(settings['PODWIRE_KALOOM'] === 'true' ? ['kaloom'] : []),
    ...(settings['PODWIRE_REFLECT'] === 'true' ? ['reflect'] : []),
    ...(settings['PODWIRE_BACKEND_BY_NAMESPACE']?.includes('exec') === true ? ['exec-rights'] : []),
  ];
}

function writeKustomization(lab: Lab, wanted: Installation): void {
  const dir = folder(lab);
  mkdirSync(dir, { recursive: true });
  const own = wanted.overlay === 'existing' ? LAB_ADDRESSES : lab.network === 'podwire' ? ETCD_ON_IT : {};
  const settings = { ...FAILPOINTS, ...own, ...wanted.settings };
  const kustomization = {
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    // Kustomize takes folders by relative paths only.
    resources: [relative(dir, join(OVERLAYS, wanted.overlay))],
    components: componentsOf(lab, settings, wanted.components ?? []).map((name) =>
      relative(dir, join(COMPONENTS, name)),
    ),
    configMapGenerator: [
      {
        name: 'podwire-settings',
        namespace: SYSTEM_NAMESPACE,
        behavior: 'merge',
        literals: Object.entries(settings).map(([name, value]) => `${name}=${value}`),
      },
    ],
  };
  // JSON is YAML.
  writeFileSync(join(dir, 'kustomization.yaml'), `${JSON.stringify(kustomization, null, 2)}\n`);
  writeFileSync(noteFile(lab), `${JSON.stringify(wanted)}\n`);
}
