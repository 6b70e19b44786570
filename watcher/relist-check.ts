/**
 * After a start or a relist: compares what pods want with what etcd says is done (ADR 31), and finds what etcd keeps of pods that are gone.
 * Nothing else consults the converged records, which is why a pod whose refusal does not hold any more is found here at the latest.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { backOffDelay, type BackOff } from '../domain/concurrency/back-off.ts';
import type { Logger } from '../adapters/log/logger.ts';
import type { PodView } from '../domain/pod/pod-view.ts';
import type { ConvergedRecord } from '../domain/records.ts';
import { inChunks } from './chunks.ts';
import type { ConvergedReader, PodName } from './converged-reader.ts';
import type { PodInputsReader } from './pod-inputs.ts';
import type { PodSignals } from './pod-signals.ts';

export interface RelistCheckOptions {
  readonly converged: ConvergedReader;
  readonly inputs: PodInputsReader;
  readonly signals: PodSignals;
  readonly views: () => Iterable<PodView>;
  readonly cached: (uid: string) => PodView | undefined;
  /** The live read that is the second look; throws when the API does not answer. */
  readonly getPod: (namespace: string, name: string) => Promise<{ readonly uid: string } | undefined>;
  /** podwire is to be out of the cluster: what has records is due, and nothing else. */
  readonly isTornDown?: () => boolean;
  readonly log: Logger;
  readonly startsPerSecond?: number;
  readonly backOff?: BackOff;
}

const DEFAULT_STARTS_PER_SECOND = 20;
const DEFAULT_BACK_OFF: BackOff = { minMs: 500, maxMs: 30_000 };

interface Known {
  readonly converged: ReadonlyMap<string, ConvergedRecord>;
  readonly records: ReadonlyMap<string, PodName>;
  /** Pods whose converged record says that they were refused, and whose reason has gone: nobody came to wake them. */
  readonly outdated: ReadonlySet<string>;
}

export class RelistCheck {
  readonly #options: RelistCheckOptions;
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;
  #again = false;
  #nextStartAt = 0;
  /** Pods whose run was disturbed since podwire is taken out of the cluster. */
  readonly #toldTeardown = new Set<string>();
  #problem: string | undefined;

  constructor(options: RelistCheckOptions) {
    this.#options = options;
  }

  /** Why the check that is under way does not get on; undefined when it does. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Runs a check, or one more after the one that is running. */
  request(): void {
    if (this.#running !== undefined) {
      this.#again = true;
      return;
    }
    this.#running = this.#repeat().finally(() => {
      this.#running = undefined;
      if (this.#again && !this.#stop.signal.aborted) {
        this.#again = false;
        this.request();
      }
    });
  }

  /** Resolves when no check is running or waiting. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.idle();
  }

  async #repeat(): Promise<void> {
    for (let failures = 0; !this.#stop.signal.aborted;) {
      try {
        await this.#check();
        this.#problem = undefined;
        return;
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        failures += 1;
        const delay = backOffDelay(this.#options.backOff ?? DEFAULT_BACK_OFF, failures, Math.random);
        this.#problem = error instanceof Error ? error.message : String(error);
        this.#options.log.warn({ err: error, retryInMs: Math.round(delay) }, 'comparison with etcd failed');
        await sleep(delay, undefined, { signal: this.#stop.signal }).catch(() => undefined);
      }
    }
  }

  async #check(): Promise<void> {
    const { inputs, signals, views } = this.#options;
    const stop = this.#stop.signal;
    // First without etcd: from here on a change is told from what was before.
    await inChunks(views(), stop, (view) => {
      if (!inputs.isSelected(view) || signals.knows(view.uid)) return;
      const { hash, wanting, networks } = inputs.read(view);
      signals.note({ ...view, networks }, hash, wanting);
    });
    const known: Known = {
      converged: await this.#options.converged.listConverged(),
      records: await this.#options.converged.listPodsWithRecords(),
      outdated: await this.#options.converged.listOutdatedRefusals(),
    };
    const due: string[] = [];
    await inChunks(views(), stop, (view) => {
      if (hasHistory(view, known)) {
        const { hash, networks } = inputs.read(view);
        signals.remember({ ...view, networks }, hash);
      }
      if (this.#isDue(view, known)) due.push(view.uid);
    });
    for (const uid of due) await this.#start(uid, known);
    await this.#checkGone(known);
  }

  #isDue(view: PodView, known: Known): boolean {
    const { inputs, signals } = this.#options;
    if (this.#options.isTornDown?.() === true) return known.records.has(view.uid) && !signals.isBusy(view.uid);
    const remembered = hasHistory(view, known);
    if (!remembered && !inputs.isSelected(view)) return false;
    if (signals.isBusy(view.uid)) return false;
    const { hash, wanting } = inputs.read(view);
    const isDone = known.converged.get(view.uid)?.inputsHash === hash && !known.outdated.has(view.uid);
    return !isDone && (remembered || wanting);
  }

  async #start(uid: string, known: Known): Promise<void> {
    await this.#pace();
    // The list of the due may be minutes old by now.
    const view = this.#options.cached(uid);
    if (view === undefined || !this.#isDue(view, known)) return;
    const { hash, networks } = this.#options.inputs.read(view);
    const { signals } = this.#options;
    if (this.#options.isTornDown?.() === true) {
      // A run that works on what was desired before is to hear of it; later ones only where none is open.
      const always = !this.#toldTeardown.has(uid);
      this.#toldTeardown.add(uid);
      signals.insist({ ...view, networks: [] }, hash, 'podwire is taken out of the cluster', always);
      return;
    }
    this.#toldTeardown.delete(uid);
    // A run that works on these inputs may be one that was refused and waits for something else.
    if (known.outdated.has(uid))
      signals.insist({ ...view, networks }, hash, 'what it was refused for is otherwise now', true);
    else signals.insist({ ...view, networks }, hash, 'no converged record for these inputs');
  }

  async #checkGone({ converged, records }: Known): Promise<void> {
    const remembered = new Map<string, PodName>([...converged, ...records]);
    for (const [uid, { namespace, name }] of remembered) {
      if (this.#options.cached(uid) !== undefined || this.#options.signals.isBusy(uid)) continue;
      await this.#pace();
      const live = await this.#options.getPod(namespace, name);
      if (live?.uid === uid) continue;
      this.#options.signals.gone({ uid, namespace, name }, true, 'etcd has records of a pod that is gone');
    }
  }

  /** At most so many starts and live reads per second: after a long outage everything is due at once. */
  async #pace(): Promise<void> {
    const now = performance.now();
    const at = Math.max(now, this.#nextStartAt);
    this.#nextStartAt = at + 1_000 / (this.#options.startsPerSecond ?? DEFAULT_STARTS_PER_SECOND);
    if (at > now) await sleep(at - now, undefined, { signal: this.#stop.signal });
  }
}

/** What a pod's status says that it has is as good as a record: podwire's etcd may have been lost since. */
const hasHistory = ({ uid, claims }: PodView, { converged, records }: Known): boolean =>
  converged.has(uid) || records.has(uid) || claims !== undefined;
