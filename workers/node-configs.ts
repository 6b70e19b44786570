/** Publishes what the node's folder of network configurations holds, so that intents can keep their text. */
import type { Logger } from '../adapters/log/logger.ts';
import { readConfigFiles } from '../adapters/cni/config-files.ts';
import type { NodeStore } from '../domain/ports/node-store.ts';
import { RECORD_VERSION } from '../domain/records.ts';

export class NodeConfigsPublisher {
  readonly #store: Pick<NodeStore, 'putNodeConfigs'>;
  readonly #node: string;
  readonly #dir: string | undefined;
  readonly #log: Logger;
  #published: string | undefined;
  #told = '';

  /** @param dir undefined: this node offers none */
  constructor(store: Pick<NodeStore, 'putNodeConfigs'>, node: string, dir: string | undefined, log: Logger) {
    this.#store = store;
    this.#node = node;
    this.#dir = dir;
    this.#log = log;
  }

  /** Writes only what has changed. @throws PodwireError EtcdUnavailable, or the file system's error */
  async publish(): Promise<void> {
    const found = this.#dir === undefined ? undefined : await readConfigFiles(this.#dir);
    const said = found?.problems.join('; ') ?? '';
    if (said !== '' && said !== this.#told)
      this.#log.warn({ dir: this.#dir, problems: found?.problems }, 'files not used');
    this.#told = said;
    const text = JSON.stringify(found?.configs ?? null);
    if (text === this.#published) return;
    await this.#store.putNodeConfigs(this.#node, found && { v: RECORD_VERSION, configs: found.configs });
    this.#published = text;
    if (found !== undefined)
      this.#log.info({ networks: found.configs.map(({ name }) => name) }, 'configurations of this node');
  }
}
