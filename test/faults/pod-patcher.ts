/** Edits of pods over one kept connection: quick enough for a thousand in twenty seconds, which kubectl is not. */
import { createKubeClient, apiPath, bodyOf, type KubeClient } from '../../adapters/kubernetes/client.ts';
import { NETWORKS_ANNOTATION } from '../../deploy/demo/cluster.ts';
import type { PodRef } from '../../deploy/demo/kernel-look.ts';
import type { Lab } from '../../deploy/lab/lab.ts';

const DEADLINE_MS = 10_000;

export class PodPatcher {
  readonly #client: KubeClient;

  constructor(lab: Lab) {
    this.#client = createKubeClient({ kubeconfig: lab.kubeconfigs.admin, deadlineMs: DEADLINE_MS });
  }

  /** Sets the networks annotation; an empty text asks for none. @throws Error when the API does not take it */
  async ask(pod: PodRef, networks: string): Promise<void> {
    const answer = await this.#client.call({
      method: 'PATCH',
      path: apiPath('api', 'v1', 'namespaces', pod.namespace, 'pods', pod.name),
      contentType: 'application/merge-patch+json',
      body: { metadata: { annotations: { [NETWORKS_ANNOTATION]: networks } } },
    });
    if (bodyOf(answer, `patch of ${pod.name}`) === undefined) throw new Error(`there is no pod ${pod.name}`);
  }

  async uid(pod: PodRef): Promise<string> {
    const path = apiPath('api', 'v1', 'namespaces', pod.namespace, 'pods', pod.name);
    const body = bodyOf(await this.#client.call({ method: 'GET', path }), `pod ${pod.name}`);
    const uid = (body as { metadata?: { uid?: string } } | undefined)?.metadata?.uid;
    if (uid === undefined) throw new Error(`there is no pod ${pod.namespace}/${pod.name}`);
    return uid;
  }

  close(): void {
    this.#client.close();
  }
}
