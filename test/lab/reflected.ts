/** The reflection as lab tests see it: switched on for a file, both sides read by the tests themselves. */
import { createKubeClient, type KubeClient } from '../../adapters/kubernetes/client.ts';
import { createReflectCluster } from '../../adapters/reflect/reflect-cluster.ts';
import { openReflectStore } from '../../adapters/reflect/reflect-store.ts';
import { createReflectCodec } from '../../adapters/reflect/codec.ts';
import { kubectl, stopPart, type Lab } from '../../deploy/lab/lab.ts';
import { ORCHESTRATOR_PART, startPodwirePart, WATCHER_PART } from '../../deploy/lab/podwire.ts';
import type { ReflectStore } from '../../domain/ports/reflect-store.ts';
import { DEFAULT_REFLECT_SETTINGS } from '../../domain/reflect/settings.ts';
import { findDifferences, stillDifferent } from '../../domain/reflect/differences.ts';
import { REFLECT_SOURCES } from '../../domain/reflect/messages.ts';
import { markerKey } from '../../domain/reflect/pod-networks.ts';
import { settle } from './settle.ts';

export const TREE = '/vnf-agent/contiv-ksr/k8s/';
const settings = DEFAULT_REFLECT_SETTINGS;
/** Nodes are looked at twice; a test does not wait ten seconds in between. */
const OPTIONS = { env: { PODWIRE_REFLECT: 'true', PODWIRE_REFLECT_NODE_PAUSE_SECONDS: '1' } };
const MARKERS = REFLECT_SOURCES.map((source) => markerKey(source, settings));

export class Reflected {
  readonly lab: Lab;
  readonly store: ReflectStore & { close(): void };
  readonly #kube: KubeClient;

  constructor(lab: Lab) {
    this.lab = lab;
    this.store = openReflectStore({ endpoints: [lab.etcd.host], timeoutMs: 5_000 });
    this.#kube = createKubeClient({ kubeconfig: lab.kubeconfigs.admin, deadlineMs: 10_000 });
  }

  /** Starts both processes with the reflection on, or again after `stop`. */
  async start(): Promise<void> {
    await Promise.all([ORCHESTRATOR_PART, WATCHER_PART].map((part) => startPodwirePart(this.lab, part, OPTIONS)));
  }

  /** Kills both. */
  async stop(): Promise<void> {
    await Promise.all([ORCHESTRATOR_PART, WATCHER_PART].map((part) => stopPart(this.lab, part, 'SIGKILL')));
  }

  /** Gives the lab back as it was, and etcd without what was reflected. */
  async close(): Promise<void> {
    for (const part of [ORCHESTRATOR_PART, WATCHER_PART]) await startPodwirePart(this.lab, part);
    for (const prefix of [settings.prefix, '/podwire/reflected/']) {
      for await (const page of this.store.pages(prefix)) {
        for (const { key, modRevision } of page) await this.store.write([{ key, value: undefined, was: modRevision }]);
      }
    }
    this.store.close();
    this.#kube.close();
  }

  /** The value at a key as text, undefined when there is none. */
  async value(key: string): Promise<string | undefined> {
    const stored = (await this.store.read([key])).get(key);
    return stored === undefined ? undefined : Buffer.from(stored.value).toString('utf8');
  }

  async put(key: string, value: string): Promise<void> {
    const was = (await this.store.read([key])).get(key)?.modRevision;
    await this.store.write([{ key, value: Buffer.from(value), was }]);
  }

  /** Waits until every kind was compared once. */
  async synced(): Promise<void> {
    await settle(
      'every kind was compared',
      async () => {
        const found = await this.store.read(MARKERS);
        return MARKERS.filter((key) => !found.has(key)).map((key) => `${key} is not there`);
      },
      { limitMs: 60_000 },
    );
  }

  /** Waits until cluster and etcd say the same. */
  async noDifferences(limitMs = 30_000): Promise<void> {
    const sides = {
      ...{ store: this.store, settings, cluster: createReflectCluster(this.#kube) },
      codec: createReflectCodec(settings.encoding),
    };
    await settle(
      'cluster and etcd say the same',
      async () => {
        const lines: string[] = [];
        for (const source of REFLECT_SOURCES) {
          const { differences } = await findDifferences(sides, source);
          for (const { what, key } of await stillDifferent(sides, source, differences)) lines.push(`${what} ${key}`);
        }
        return lines;
      },
      { limitMs },
    );
  }

  /** Waits until a key is as wished. */
  async becomes(key: string, desired: (value: string | undefined) => boolean, limitMs = 15_000): Promise<void> {
    await settle(
      `${key} is as wished`,
      async () => {
        const value = await this.value(key);
        return desired(value) ? [] : [`it is ${value ?? 'absent'}`];
      },
      { limitMs },
    );
  }
}

/** A hundred changes in one go: services and policies that come, change and go. `round` tells them from those before. */
export async function hundredChanges(lab: Lab, namespace: string, round: number): Promise<void> {
  const numbers = Array.from({ length: 40 }, (_, i) => i);
  const items = numbers.flatMap((i) => [service(namespace, `s${i}`, round), policy(namespace, `p${i}`, round)]);
  // Twenty of the round before go, eighty come or change.
  const old = numbers.slice(0, 10).flatMap((i) => [`service/old${i}`, `networkpolicy/old${i}`]);
  const next = numbers
    .slice(0, 10)
    .flatMap((i) => [service(namespace, `old${i}`, round + 1), policy(namespace, `old${i}`, round + 1)]);
  const list = (of: readonly object[]): string => JSON.stringify({ apiVersion: 'v1', kind: 'List', items: of });
  const limit = { timeoutMs: 60_000 };
  await kubectl(lab, ['-n', namespace, 'delete', '--ignore-not-found', ...old], limit);
  await kubectl(lab, ['apply', '-f', '-'], { input: list(items), ...limit });
  if (round === 0) await kubectl(lab, ['apply', '-f', '-'], { input: list(next), ...limit });
}

export const service = (namespace: string, name: string, round: number): object => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { namespace, name, labels: { round: String(round) } },
  spec: { ports: [{ port: 80 + round, protocol: 'TCP' }], selector: { app: name } },
});

export const policy = (namespace: string, name: string, round: number): object => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { namespace, name, labels: { round: String(round) } },
  spec: { podSelector: { matchLabels: { app: name } }, policyTypes: ['Ingress'] },
});
