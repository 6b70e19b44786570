/** What defines the networks of the cluster as last seen, of every kind that a switched-on dialect uses. */
import type { KubeClient } from '../adapters/kubernetes/client.ts';
import { definitionsPath, definitionView } from '../adapters/kubernetes/definitions.ts';
import { ListWatch, type ListWatchObserver, type ListWatchTimings } from '../adapters/kubernetes/list-watch.ts';
import {
  definitionKey,
  LATER_KINDS,
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
  /** After `onSynced`: a definition came, changed or went, or its kind was listed at last. */
  readonly onChange: () => void;
  /** Each network object that came, changed or went, also those of the first list. */
  readonly onObject: (object: NetworkDefinition, isGone: boolean) => void;
  /** Once, when every kind was listed; one that older roles do not have may have been refused instead. */
  readonly onSynced: () => void;
}

const FORBIDDEN = 403;
/** So often in a row the API refuses a list before pods are watched without it. */
const REFUSALS = 3;
const CURE =
  'pods that may mean one of its objects wait, all others go on; kubectl apply -k the overlay again (RBAC; the chart: helm upgrade)';

export class Definitions {
  readonly #watches: ReadonlyMap<DefinitionKind, ListWatch<NetworkDefinition>>;
  readonly #byKey = new Map<string, NetworkDefinition>();
  readonly #options: DefinitionsOptions;
  /** Kinds of which every object was told once. */
  readonly #listed = new Set<DefinitionKind>();
  /** Kinds that pods do not wait for, because the API refuses to list them. */
  readonly #refused = new Set<DefinitionKind>();
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
    return this.#listed.has(ref.kind) ? 'absent' : 'unreadable';
  };

  notReady(): string[] {
    return [...this.#watches].flatMap(([kind, watch]) =>
      watchReasons(WATCHED[kind], watch.state(), this.#options.timings.stallMs),
    );
  }

  #watch(kind: DefinitionKind): ListWatch<NetworkDefinition> {
    const { client, timings } = this.#options;
    return new ListWatch<NetworkDefinition>({
      client,
      path: definitionsPath(kind),
      mayBeUnknown: true,
      map: (object) => definitionView(kind, object),
      onChange: ({ type, view }) => {
        if (LATER_KINDS.has(kind)) this.#options.onObject(view, type === 'deleted');
        const key = definitionKey(view);
        const before = this.#byKey.get(key);
        // A definition made anew under the name of one that went: the delete of the old one may come last.
        if (type !== 'deleted') this.#byKey.set(key, view);
        else if (before?.uid === view.uid) this.#byKey.delete(key);
        // A status that podwire wrote changes nothing of what a pod asks for.
        if (type !== 'deleted' && before !== undefined && JSON.stringify(before) === JSON.stringify(view)) return;
        if (this.#synced && this.#listed.has(kind)) this.#options.onChange();
      },
      onSynced: () => {
        const isLate = this.#synced && !this.#listed.has(kind);
        this.#listed.add(kind);
        if (isLate) this.#options.onChange();
        this.#checkSynced();
      },
      observer: LATER_KINDS.has(kind) ? this.#tolerant(kind) : this.#options.observer(kind),
      timings,
    });
  }

  /**
   * Of a kind that pods do not wait for once the API has refused it. A missing right is told of once: it stays so until somebody grants it. An
   * API that does not answer at all is waited for, so that a start finds pods as they are.
   */
  #tolerant(kind: DefinitionKind): ListWatchObserver {
    const observer = this.#options.observer(kind);
    let isTold = false;
    let refusals = 0;
    return {
      ...observer,
      relist: (reason) => {
        isTold = false;
        refusals = 0;
        observer.relist(reason);
      },
      failure: (message, retryInMs, status) => {
        const isForbidden = status === FORBIDDEN;
        if (!isForbidden || !isTold) observer.failure(isForbidden ? `${message}; ${CURE}` : message, retryInMs, status);
        isTold ||= isForbidden;
        refusals += status === undefined ? 0 : 1;
        if (!isForbidden && refusals < REFUSALS) return;
        this.#refused.add(kind);
        this.#checkSynced();
      },
    };
  }

  #checkSynced(): void {
    const isOpen = (kind: DefinitionKind): boolean => !this.#listed.has(kind) && !this.#refused.has(kind);
    if (this.#synced || [...this.#watches.keys()].some(isOpen)) return;
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
