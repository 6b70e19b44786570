/** podwire as pods, from the shipped manifests; two orchestrators unless said otherwise, Node of the images. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { containerPids } from '../../deploy/lab/containers.ts';
import { forwardService, stopForward } from '../../deploy/lab/forward-service.ts';
import {
  inSystem,
  installPodwire,
  provideImages,
  SYSTEM_NAMESPACE,
  waitUntilServing,
  type Overlay,
} from '../../deploy/lab/installed.ts';
import { pathOnHost, type Lab, type Progress } from '../../deploy/lab/lab.ts';
import { ON_NODE } from '../../deploy/lab/layout.ts';
import { partPid } from '../../deploy/lab/parts.ts';
import { nodePart, ORCHESTRATOR_PART, stopPodwire, WATCHER_PART } from '../../deploy/lab/podwire.ts';
import { waitFor } from '../../deploy/lab/waiting.ts';
import type { Compared } from './compared-settings.ts';
import type { MeasuredPodwire } from './measured-podwire.ts';
import { NO_RELISTS, NO_SWEEPS } from './quiet-settings.ts';
import type { Site } from './site.ts';

const WATCHER = 'deployment/podwire-watcher';
const WORKERS = 'daemonset/podwire-node';
const ORCHESTRATOR = 'deployment/podwire-orchestrator';
const OWN = [WATCHER, ORCHESTRATOR, WORKERS];
const TELLING = 'PODWIRE_LOG_LEVEL=debug';
const SILENT = 'PODWIRE_LOG_LEVEL-';
/** Services of the evaluation's own Temporal and etcd. */
const TEMPORAL = { namespace: SYSTEM_NAMESPACE, service: 'podwire-temporal', port: 7233 };
const ETCD = { namespace: SYSTEM_NAMESPACE, service: 'podwire-etcd', port: 2379 };
/** Where the kubelet has the logs of containers: NAMESPACE_POD_UID/CONTAINER/RESTARTS.log, each line with a time, a stream and a mark in front. */
const LOG_LINE = /^\S+ (?:stdout|stderr) [FP] (.*)$/;

export class PodsPodwire implements MeasuredPodwire {
  readonly way: 'manifests' | 'evaluation';
  readonly compared: Compared;
  readonly #overlay: Overlay;
  readonly #orchestrators: number | undefined;
  readonly #progress: Progress;
  #lab: Lab;
  #pids = new Map<string, number[]>();

  constructor(way: 'manifests' | 'evaluation', { lab, compared, orchestrators, progress }: Site) {
    this.way = way;
    this.compared = compared;
    this.#overlay = way === 'evaluation' ? 'evaluation' : 'existing';
    this.#lab = lab;
    this.#orchestrators = orchestrators;
    this.#progress = progress;
  }

  get lab(): Lab {
    return this.#lab;
  }

  async start(): Promise<void> {
    const { lab } = this;
    await stopPodwire(lab);
    await provideImages(lab, this.#overlay, this.#progress);
    await installPodwire(lab, { overlay: this.#overlay, settings: { ...NO_SWEEPS, ...NO_RELISTS, ...this.compared } });
    // Its alone: in the settings it would be everybody's.
    await inSystem(lab, ['set', 'env', WATCHER, TELLING]);
    if (this.#orchestrators !== undefined)
      await inSystem(lab, ['scale', ORCHESTRATOR, `--replicas=${this.#orchestrators}`]);
    await this.#served();
    if (this.way !== 'evaluation') return;
    const [temporal, etcd] = [await forwardService(lab, TEMPORAL), await forwardService(lab, ETCD)];
    this.#lab = { ...lab, temporal: { ...lab.temporal, host: temporal }, etcd: { ...lab.etcd, host: etcd } };
  }

  async restart(): Promise<void> {
    await inSystem(this.lab, ['rollout', 'restart', ...OWN]);
    await this.#served();
  }

  /** Of all nodes: they have one DaemonSet. */
  async tellPlugins(_node: string, told: boolean): Promise<void> {
    await inSystem(this.lab, ['set', 'env', WORKERS, told ? TELLING : SILENT]);
    await this.#served();
  }

  pids(part: string): readonly number[] {
    const found = this.#pids.get(part);
    if (found !== undefined) return found;
    const pid = partPid(this.lab, part);
    return pid === undefined ? [] : [pid];
  }

  logLines(part: string, count: number): string[] {
    const lines = readFileSync(this.#logFile(part), 'utf8').trimEnd().split('\n').slice(-count);
    return lines.map((line) => LOG_LINE.exec(line)?.[1] ?? '');
  }

  async end(): Promise<void> {
    await inSystem(this.lab, ['set', 'env', WATCHER, WORKERS, SILENT]);
    if (this.way === 'evaluation') for (const service of [TEMPORAL, ETCD]) await stopForward(this.lab, service);
  }

  /** Waits until the pods are the wanted ones and no others, and looks up their processes. */
  async #served(): Promise<void> {
    await waitUntilServing(this.lab);
    await waitFor('pods of an earlier revision to be gone', async () => ((await this.#isAlone()) ? true : undefined), {
      limitMs: 60_000,
      everyMs: 500,
    });
    this.#pids = await this.#lookUp();
  }

  async #isAlone(): Promise<boolean> {
    const text = await inSystem(this.lab, ['get', 'deployments,daemonsets,statefulsets', '-o', 'json']);
    const { items } = JSON.parse(text) as {
      items: { spec: { replicas?: number }; status: { desiredNumberScheduled?: number } }[];
    };
    const wanted = items.reduce(
      (sum, { spec, status }) => sum + (spec.replicas ?? status.desiredNumberScheduled ?? 0),
      0,
    );
    const pods = (await inSystem(this.lab, ['get', 'pods', '-o', 'name'])).trim().split('\n');
    return pods.length === wanted;
  }

  async #lookUp(): Promise<Map<string, number[]>> {
    const { nodes } = this.lab;
    const everywhere = async (container: string): Promise<number[]> =>
      (await Promise.all(nodes.map((node) => containerPids(node, SYSTEM_NAMESPACE, container)))).flat();
    const pids = new Map<string, number[]>();
    pids.set(WATCHER_PART, await everywhere('watcher'));
    pids.set(ORCHESTRATOR_PART, await everywhere('orchestrator'));
    for (const node of nodes) pids.set(nodePart(node.name), await containerPids(node, SYSTEM_NAMESPACE, 'node'));
    if (this.way === 'evaluation') {
      pids.set('temporal', await everywhere('temporal'));
      pids.set('podwire-etcd', await everywhere('etcd'));
    }
    return pids;
  }

  /** @throws Error when no node has one */
  #logFile(part: string): string {
    const own = this.lab.nodes.find(({ name }) => nodePart(name) === part);
    const prefix = `${SYSTEM_NAMESPACE}_${own === undefined ? part : 'podwire-node'}-`;
    const folders = (own === undefined ? this.lab.nodes : [own]).flatMap(({ name }) => {
      const pods = pathOnHost(this.lab, name, ON_NODE.podLogs);
      return readdirSync(pods)
        .filter((pod) => pod.startsWith(prefix))
        .map((pod) => join(pods, pod, own === undefined ? part.replace('podwire-', '') : 'node'));
    });
    const [newest] = folders
      .flatMap((folder) => readdirSync(folder).flatMap((file) => (/^\d+\.log$/.test(file) ? [join(folder, file)] : [])))
      .sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs);
    if (newest === undefined) throw new Error(`${part} has no log in lab ${this.lab.name}`);
    return newest;
  }
}
