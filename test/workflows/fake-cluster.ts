/** Pods, nodes and what was published about them. A fake, so that a pod can end, move or vanish at an exact moment of a run. */
import { definitionKey, type NetworkDefinition } from '../../domain/cni/network-definition.ts';
import type { Cluster, PodEvent } from '../../domain/ports/cluster.ts';
import type { PodView } from '../../domain/pod/pod-view.ts';
import { NPWG_STATUS_ANNOTATION, STATUS_ANNOTATION } from '../../domain/settings.ts';

export class FakeCluster implements Cluster {
  readonly pods = new Map<string, PodView>();
  /** UIDs of Node objects by name. */
  readonly nodes = new Map<string, string>();
  /** Objects that define networks, by `definitionKey`; `unreadable`: the API denies them. */
  readonly definitions = new Map<string, NetworkDefinition | 'unreadable'>();
  /** Data of the ConfigMap that declares networks; undefined: there is none. */
  declared: Readonly<Record<string, string>> | undefined;
  readonly #events = new Map<string, { readonly uid: string; readonly event: PodEvent }>();

  readonly pod: Cluster['pod'] = async (namespace, name) => this.pods.get(`${namespace}/${name}`);
  readonly configMap: Cluster['configMap'] = async () => this.declared;
  podHasAddress: Cluster['podHasAddress'] = async () => false;
  readonly nodeUid: Cluster['nodeUid'] = async (node) => this.nodes.get(node);

  readonly definition: Cluster['definition'] = async (ref) => this.definitions.get(definitionKey(ref));

  readonly publishStatus: Cluster['publishStatus'] = async (pod, annotations, asRead) => {
    const key = `${pod.namespace}/${pod.name}`;
    const view = this.pods.get(key);
    if (view?.uid !== pod.uid) return 'gone';
    if (asRead !== undefined && asRead !== view.resourceVersion) return 'conflict';
    this.pods.set(key, {
      ...view,
      publishedStatus: annotations[STATUS_ANNOTATION] ?? view.publishedStatus,
      npwgStatus: annotations[NPWG_STATUS_ANNOTATION] ?? view.npwgStatus,
      resourceVersion: String(Number(view.resourceVersion ?? '1') + 1),
    });
    return 'patched';
  };

  readonly createEvent: Cluster['createEvent'] = async ({ uid }, event) => {
    const key = `${uid}/${event.key}`;
    if (!this.#events.has(key)) this.#events.set(key, { uid, event });
  };

  /** Events of a pod as `Reason: message`, oldest first. */
  eventsOf(uid: string): string[] {
    return [...this.#events.values()]
      .filter((entry) => entry.uid === uid)
      .map(({ event }) => `${event.reason}: ${event.message}`);
  }
}
