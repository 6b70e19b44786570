/** Pods, nodes and what was published about them. A fake, so that a pod can end, move or vanish at an exact moment of a run. */
import type { Cluster, PodEvent } from '../../domain/ports/cluster.ts';
import type { PodView } from '../../domain/pod-view.ts';

export class FakeCluster implements Cluster {
  readonly pods = new Map<string, PodView>();
  /** UIDs of Node objects by name. */
  readonly nodes = new Map<string, string>();
  /** Data of the ConfigMap that declares networks; undefined: there is none. */
  declared: Readonly<Record<string, string>> | undefined;
  readonly #events = new Map<string, { readonly uid: string; readonly event: PodEvent }>();

  readonly pod: Cluster['pod'] = async (namespace, name) => this.pods.get(`${namespace}/${name}`);
  readonly configMap: Cluster['configMap'] = async () => this.declared;
  readonly nodeUid: Cluster['nodeUid'] = async (node) => this.nodes.get(node);

  readonly publishStatus: Cluster['publishStatus'] = async (pod, value) => {
    const key = `${pod.namespace}/${pod.name}`;
    const view = this.pods.get(key);
    if (view?.uid !== pod.uid) return 'gone';
    this.pods.set(key, { ...view, publishedStatus: value });
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
