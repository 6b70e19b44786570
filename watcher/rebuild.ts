/**
 * Notices by itself that podwire's etcd was emptied or replaced, and sees to it that everything is recorded again: by the pods' own runs,
 * which find their links as they are, and by the node workers, which write back their journals. Also notices that podwire is to be out of
 * the cluster, or back in it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../adapters/log/logger.ts';
import type { PodView } from '../domain/pod/pod-view.ts';
import type { NetworkObjectRef } from '../domain/network-objects/status.ts';
import type { StoreState } from '../domain/ports/store-state.ts';
import { inChunks } from './chunks.ts';
import type { ConvergedReader } from './converged-reader.ts';
import type { PodInputsReader } from './pod-inputs.ts';
import type { RelistCheck } from './relist-check.ts';

/** podwire's etcd as a whole. All throw `PodwireError('EtcdUnavailable')`. */
export interface StoreAccess {
  readonly state: () => Promise<StoreState>;
  readonly begin: (id: string, since: string) => Promise<void>;
  readonly declareKnown: (what: 'ids' | 'whole', id: string) => Promise<boolean>;
  /** Tunnels (`port/id`) that some network has. */
  readonly reservedTunnels: () => Promise<ReadonlySet<string>>;
  /** Network objects that hold a VNI. */
  readonly holdingObjects: () => Promise<readonly NetworkObjectRef[]>;
}

export interface RebuildOptions {
  readonly store: StoreAccess;
  readonly converged: Pick<ConvergedReader, 'listConverged'>;
  readonly inputs: Pick<PodInputsReader, 'read'>;
  readonly views: () => Iterable<PodView>;
  /** Whether `views` are all pods, and what they refer to is known. */
  readonly isListed: () => boolean;
  readonly check: Pick<RelistCheck, 'request' | 'idle'>;
  readonly newId: () => string;
  /** After the first look at a store that is listed whole: which network objects hold something there. */
  readonly onHolding: (objects: readonly NetworkObjectRef[]) => void;
  /** The store is another one, or podwire is to be out of the cluster, or back in it. */
  readonly onOtherStore: (reason: string) => void;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  readonly intervalMs?: number;
}

const INTERVAL_MS = 2_000;
/** While pods are waited for: each look lists all converged records, and tells the pods that have none once more. */
const LONGEST_PAUSE_MS = 30_000;

export class Rebuild {
  readonly #options: RebuildOptions;
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;
  #id: string | undefined;
  #tornDown: boolean | undefined;
  #pauseMs: number;
  #nextLookAt = 0;
  #unsettled = 0;
  #hasTold = false;
  #trouble = '';

  constructor(options: RebuildOptions) {
    this.#options = options;
    this.#pauseMs = this.#interval;
  }

  get isTornDown(): boolean {
    return this.#tornDown === true;
  }

  start(): void {
    this.#running = this.#loop();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  /** One look at the store. @throws as `StoreAccess` */
  async look(): Promise<void> {
    const { store, newId, check, isListed } = this.#options;
    let state = await store.state();
    if (state.incarnation === undefined) {
      await store.begin(newId(), new Date().toISOString());
      state = await store.state();
    }
    this.#noteTeardown(state);
    if (state.incarnation === undefined) return;
    const { id } = state.incarnation;
    if (id !== this.#id) {
      this.#id = id;
      this.#pauseMs = this.#interval;
      this.#nextLookAt = 0;
      if (!state.isWhole) {
        const what = "podwire's etcd is new: what is attached is being recorded again";
        this.#options.log.warn({ incarnation: id }, what);
        this.#options.onOtherStore(what);
        check.request();
      }
    }
    if (isListed() && !this.#hasTold) {
      this.#options.onHolding(await store.holdingObjects());
      this.#hasTold = true;
    }
    if (performance.now() < this.#nextLookAt || !isListed()) return;
    if (state.teardown !== undefined) check.request();
    else if (state.isWhole && state.idsKnown) return;
    else await this.#settle(state, id);
    this.#nextLookAt = performance.now() + this.#pauseMs;
    this.#pauseMs = Math.min(this.#pauseMs * 1.5, LONGEST_PAUSE_MS);
  }

  #noteTeardown({ teardown }: StoreState): void {
    const now = teardown !== undefined;
    if (now === this.#tornDown) return;
    const isRequest = now || this.#tornDown === true;
    this.#tornDown = now;
    this.#pauseMs = this.#interval;
    this.#nextLookAt = 0;
    if (!isRequest) return;
    const what = now
      ? 'podwire is taken out of the cluster: all networks are detached'
      : 'podwire is back in the cluster';
    this.#options.log.warn({ since: teardown?.since }, what);
    this.#options.onOtherStore(what);
    this.#options.check.request();
  }

  async #settle({ idsKnown, isWhole }: StoreState, id: string): Promise<void> {
    const { store, check, log } = this.#options;
    await check.idle();
    const claiming: PodView[] = [];
    await inChunks(this.#options.views(), this.#stop.signal, (view) => {
      if (view.claims !== undefined && view.phaseClass === 'counts' && !view.hostNetwork) claiming.push(view);
    });
    if (!idsKnown) {
      const reserved = await store.reservedTunnels();
      if (claiming.every(({ claims }) => claims?.tunnels.every((tunnel) => reserved.has(tunnel)) ?? true))
        await store.declareKnown('ids', id);
    }
    if (isWhole) return;
    const converged = await this.#options.converged.listConverged();
    const unsettled = claiming.filter(
      (view) => converged.get(view.uid)?.inputsHash !== this.#options.inputs.read(view).hash,
    );
    if (unsettled.length === 0 && (await store.declareKnown('whole', id))) {
      log.info({ incarnation: id, pods: claiming.length }, "podwire's etcd is whole: everything attached is recorded");
      return;
    }
    if (unsettled.length !== this.#unsettled) {
      this.#unsettled = unsettled.length;
      this.#pauseMs = this.#interval;
      const some = unsettled.slice(0, 5).map(({ namespace, name }) => `${namespace}/${name}`);
      log.info({ unsettled: unsettled.length, some }, "podwire's etcd is new: pods are still to be recorded");
    }
    check.request();
  }

  get #interval(): number {
    return this.#options.intervalMs ?? INTERVAL_MS;
  }

  async #loop(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      try {
        await this.look();
        this.#trouble = '';
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        if (message !== this.#trouble) this.#options.log.warn({ err: error }, "the look at podwire's etcd failed");
        this.#trouble = message;
      }
      await sleep(this.#interval, undefined, { signal: this.#stop.signal }).catch(() => undefined);
    }
  }
}
