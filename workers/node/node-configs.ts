/**
 * Publishes what the node's folder of network configurations holds, so that intents can keep their text, and wakes the pods that were
 * refused for want of it.
 */
import type { Logger } from '../../adapters/log/logger.ts';
import { readConfigFiles } from '../../adapters/cni/config-files.ts';
import type { Signals } from '../../domain/ports/cluster.ts';
import type { NodeStore } from '../../domain/ports/node-store.ts';
import { RECORD_VERSION } from '../../domain/records.ts';

export interface NodeConfigsDeps {
  readonly store: Pick<NodeStore, 'putNodeConfigs' | 'listWaitingForConfigs'>;
  readonly signals: Pick<Signals, 'podChanged'>;
  readonly node: string;
  /** Undefined: this node offers none. */
  readonly dir: string | undefined;
  readonly log: Logger;
}

export class NodeConfigsPublisher {
  readonly #deps: NodeConfigsDeps;
  #published: string | undefined;
  /** Nobody has been woken yet since something was published. */
  #wakes = false;
  #told = '';

  constructor(deps: NodeConfigsDeps) {
    this.#deps = deps;
  }

  /** Makes the next `publish` write again. */
  forget(): void {
    this.#published = undefined;
  }

  /** Writes only what has changed. @throws PodwireError EtcdUnavailable, TemporalUnavailable, or the file system's error */
  async publish(): Promise<void> {
    const { store, node, dir, log } = this.#deps;
    const found = dir === undefined ? undefined : await readConfigFiles(dir);
    const said = found?.problems.join('; ') ?? '';
    if (said !== '' && said !== this.#told) log.warn({ dir, problems: found?.problems }, 'files not used');
    this.#told = said;
    const text = JSON.stringify(found?.configs ?? null);
    if (text !== this.#published) {
      await store.putNodeConfigs(node, found && { v: RECORD_VERSION, configs: found.configs });
      this.#published = text;
      this.#wakes = true;
      if (found !== undefined)
        log.info({ networks: found.configs.map(({ name }) => name) }, 'configurations of this node');
    }
    if (this.#wakes) await this.#wake();
  }

  /** Also after a start, for a worker may die in between: the refusals themselves say whether there is anything new for them. */
  async #wake(): Promise<void> {
    const { store, signals, node } = this.#deps;
    for (const { reason, ...pod } of await store.listWaitingForConfigs(node)) await signals.podChanged(pod, reason);
    this.#wakes = false;
  }
}
