/** What defines the networks of the cluster as last seen, of every kind that a switched-on dialect uses. */
import type { KubeClient } from '../adapters/kubernetes/client.ts';
import { definitionsPath, definitionView } from '../adapters/kubernetes/definitions.ts';
import { ListWatch, type ListWatchObserver, type ListWatchTimings } from '../adapters/kubernetes/list-watch.ts';
import {
  definitionKey,
  type DefinitionKind,
  type DefinitionLookup,
  type NetworkDefinition,
} from '../domain/cni/network-definition.ts';
import type { DialectSettings } from '../domain/settings.ts';
import { definitionKinds } from '../domain/start-checks/rights.ts';
import { watchReasons } from './readiness.ts';

export interface DefinitionsOptions {
  readonly client: KubeClient;
  readonly settings: DialectSettings;
  readonly observer: (kind: string) => ListWatchObserver;
  readonly timings: Partial<ListWatchTimings> & Pick<ListWatchTimings, 'stallMs'>;
  /** After the first lists, whenever a definition came, changed or went. */
  readonly onChange: () => void;
  /** Once, when every kind was listed. */
  readonly onSynced: () => void;
}

export class Definitions {
  readonly #watches: ReadonlyMap<DefinitionKind, ListWatch<NetworkDefinition>>;
  readonly #byKey = new Map<string, NetworkDefinition>();
  readonly #options: DefinitionsOptions;
  #synced = false;

  constructor(options: DefinitionsOptions) {
    this.#options = options;
    this.#watches = new Map(definitionKinds(options.settings).map((kind) => [kind, this.#watch(kind)]));
  }

  start(): void {
    for (const watch of this.#watches.values()) watch.start();
    this.#checkSynced();
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#watches.values()].map((watch) => watch.stop()));
  }

  /** `unreadable` until the kind was listed once, so that nobody takes "not known yet" for "does not exist". */
  readonly lookup: DefinitionLookup = (ref) => {
    const found = this.#byKey.get(definitionKey(ref));
    if (found !== undefined) return found;
    return this.#watches.get(ref.kind)?.state().synced === true ? 'absent' : 'unreadable';
  };

  notReady(): string[] {
    return [...this.#watches].flatMap(([kind, watch]) =>
      watchReasons(WATCHED[kind], watch.state(), this.#options.timings.stallMs),
    );
  }

  #watch(kind: DefinitionKind): ListWatch<NetworkDefinition> {
    const { client, observer, timings } = this.#options;
    return new ListWatch<NetworkDefinition>({
      client,
      path: definitionsPath(kind),
      mayBeUnknown: true,
      map: (object) => definitionView(kind, object),
      onChange: ({ type, view }) => {
        const key = definitionKey(view);
        // A definition made anew under the name of one that went: the delete of the old one may come last.
        if (type !== 'deleted') this.#byKey.set(key, view);
        else if (this.#byKey.get(key)?.uid === view.uid) this.#byKey.delete(key);
        if (this.#synced) this.#options.onChange();
      },
      onSynced: () => {
        this.#checkSynced();
      },
      observer: observer(kind),
      timings,
    });
  }

  #checkSynced(): void {
    if (this.#synced || [...this.#watches.values()].some((watch) => !watch.state().synced)) return;
    this.#synced = true;
    this.#options.onSynced();
  }
}

const WATCHED: Readonly<Record<DefinitionKind, string>> = {
  nad: 'NetworkAttachmentDefinitions',
  kaloom: 'Kaloom Networks',
  network: 'Networks of podwire',
  'cluster-network': 'ClusterNetworks',
};
