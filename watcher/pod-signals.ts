/**
 * From "the inputs of this pod are now X" to signals in Temporal (ADR 31).
 *
 * A slot per UID, with at most one signal in flight and one waiting: that is the whole queue. Every change of the inputs since the last one
 * observed is signalled, also A → B → A: a run that was started by the first A may have read B in between. The first is sent at once, the next
 * not before `spacingMs` have passed.
 */
import { backOffDelay, type BackOff } from '../domain/concurrency/back-off.ts';
import { SIGNAL_SPACING_MS, type SignalledPod } from '../adapters/temporal/pod-starter.ts';
import { DESIRED_CHANGED, POD_DELETED } from '../domain/messages.ts';

export interface PodSignalsOptions {
  /** Delivers one signal, within a limit of its own. */
  readonly send: (pod: SignalledPod, signal: string, why: SignalCause) => Promise<void>;
  readonly concurrency?: number;
  readonly backOff?: BackOff;
  /** Least time between two signals of one pod, in milliseconds. */
  readonly spacingMs?: number;
  /** @param lagMs from the observation to the acknowledgement */
  readonly onSent: (signal: string, lagMs: number, pod: SignalledPod) => void;
  readonly onFailed: (signal: string, error: unknown, retryInMs: number, pod: SignalledPod) => void;
}

export interface SignalCause {
  readonly reason: string;
  /** A run that works on these inputs already need not be disturbed. */
  readonly unlessInputs: string | undefined;
  /** When it was observed first, by the monotonic clock. */
  readonly since: number;
}

interface Wanted extends SignalCause {
  readonly signal: string;
}

interface Slot {
  pod: SignalledPod;
  /** What the pod asked for when it was last signalled, or taken note of. */
  toldNetworks: readonly string[];
  /** Hash last observed. */
  latest: string | undefined;
  /** The pod wants networks, or was signalled: from now on every change matters. */
  relevant: boolean;
  wanted: Wanted | undefined;
  /** What is under way to Temporal. */
  sending: Wanted | undefined;
  failures: number;
  /** When the last signal was sent, by the monotonic clock. */
  sentAt: number;
  timer: NodeJS.Timeout | undefined;
}

const DEFAULT_BACK_OFF: BackOff = { minMs: 200, maxMs: 5_000 };

export class PodSignals {
  readonly #options: PodSignalsOptions;
  readonly #backOff: BackOff;
  readonly #spacingMs: number;
  readonly #slots = new Map<string, Slot>();
  /** UIDs whose signal may be sent now, oldest first. */
  readonly #ready = new Set<string>();
  readonly #inFlight = new Set<Promise<void>>();
  /** Pods whose signals failed since one succeeded. From the second on it is an outage, which is probed by one at a time, not stormed. */
  readonly #failing = new Set<string>();
  #stopped = false;

  constructor(options: PodSignalsOptions) {
    this.#options = options;
    this.#backOff = options.backOff ?? DEFAULT_BACK_OFF;
    this.#spacingMs = options.spacingMs ?? SIGNAL_SPACING_MS;
  }

  /** Signals that wait or are under way. */
  get pending(): number {
    let count = 0;
    for (const slot of this.#slots.values()) if (slot.wanted !== undefined || slot.sending !== undefined) count += 1;
    return count;
  }

  /** Milliseconds since the first observation of the oldest change that was not acknowledged; 0: there is none. */
  get longestWaitMs(): number {
    let oldest = Infinity;
    for (const { wanted, sending } of this.#slots.values())
      oldest = Math.min(oldest, wanted?.since ?? Infinity, sending?.since ?? Infinity);
    return Math.max(0, performance.now() - oldest);
  }

  /** Whether anything was ever observed of this pod. */
  knows(uid: string): boolean {
    return this.#slots.has(uid);
  }

  isBusy(uid: string): boolean {
    const slot = this.#slots.get(uid);
    return slot !== undefined && (slot.wanted !== undefined || slot.sending !== undefined);
  }

  /**
   * The pod's inputs as they are now; signalled when they differ from those last observed.
   * @param wanting whether the pod asks for anything; until it does for the first time, its changes are of no interest
   */
  observe(pod: SignalledPod, hash: string, wanting: boolean, reason: string): void {
    const slot = this.#slot(pod);
    const changed = slot.latest !== hash;
    slot.latest = hash;
    slot.relevant ||= wanting;
    if (changed && slot.relevant) this.#want(slot, DESIRED_CHANGED, reason);
  }

  /** Takes note of the inputs without a signal: a start compares with etcd instead. Changes nothing of a pod already known. */
  note(pod: SignalledPod, hash: string, wanting: boolean): void {
    if (this.#slots.has(pod.uid)) return;
    const slot = this.#slot(pod);
    slot.latest = hash;
    slot.toldNetworks = pod.networks ?? [];
    slot.relevant = wanting;
  }

  /** etcd keeps something of this pod: its end has to be told, also when it asks for nothing now. Signals nothing. */
  remember(pod: SignalledPod, hash: string): void {
    this.note(pod, hash, true);
    this.#slot(pod).relevant = true;
  }

  /**
   * Signals whatever was observed before.
   * @param always also a run that works on these inputs already
   */
  insist(pod: SignalledPod, hash: string, reason: string, always = false): void {
    const slot = this.#slot(pod);
    slot.latest = hash;
    slot.relevant = true;
    this.#want(slot, DESIRED_CHANGED, reason, always ? undefined : hash);
  }

  /** @param always also when nothing was ever wanted of this pod as far as is known here */
  gone(pod: SignalledPod, always: boolean, reason: string): void {
    const known = this.#slots.get(pod.uid);
    if (!always && known?.relevant !== true) {
      this.#slots.delete(pod.uid);
      return;
    }
    const slot = this.#slot({ ...pod, networks: [] });
    slot.relevant = true;
    slot.latest = undefined;
    this.#want(slot, POD_DELETED, reason);
  }

  /** Sends nothing more and waits for what is under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const slot of this.#slots.values()) clearTimeout(slot.timer);
    await Promise.allSettled([...this.#inFlight]);
  }

  #slot(pod: SignalledPod): Slot {
    let slot = this.#slots.get(pod.uid);
    if (slot === undefined) {
      slot = {
        pod,
        toldNetworks: [],
        latest: undefined,
        relevant: false,
        wanted: undefined,
        sending: undefined,
        failures: 0,
        sentAt: -Infinity,
        timer: undefined,
      };
      this.#slots.set(pod.uid, slot);
    }
    slot.pod = pod;
    return slot;
  }

  #want(slot: Slot, signal: string, reason: string, unlessInputs?: string): void {
    slot.wanted = inPlaceOf(slot.wanted, { signal, reason, unlessInputs, since: performance.now() });
    if (slot.sending === undefined && slot.timer === undefined) this.#enqueue(slot);
  }

  #enqueue(slot: Slot): void {
    const early = slot.sentAt + this.#spacingMs - performance.now();
    if (early > 0) {
      this.#enqueueIn(slot, early);
      return;
    }
    this.#ready.add(slot.pod.uid);
    this.#pump();
  }

  #enqueueIn(slot: Slot, delayMs: number): void {
    if (this.#stopped) return;
    slot.timer = setTimeout(() => {
      slot.timer = undefined;
      this.#enqueue(slot);
    }, delayMs);
  }

  #pump(): void {
    const limit = this.#failing.size > 1 ? 1 : (this.#options.concurrency ?? 16);
    for (const uid of this.#ready) {
      if (this.#stopped || this.#inFlight.size >= limit) return;
      this.#ready.delete(uid);
      const slot = this.#slots.get(uid);
      if (slot?.wanted === undefined) continue;
      const sending = this.#send(slot, slot.wanted);
      this.#inFlight.add(sending);
      void sending.finally(() => {
        this.#inFlight.delete(sending);
        this.#pump();
      });
    }
  }

  async #send(slot: Slot, wanted: Wanted): Promise<void> {
    slot.sending = wanted;
    slot.sentAt = performance.now();
    slot.wanted = undefined;
    const pod = { ...slot.pod, networksBefore: slot.toldNetworks };
    try {
      await this.#options.send(pod, wanted.signal, wanted);
      slot.toldNetworks = pod.networks ?? slot.toldNetworks;
      slot.failures = 0;
      this.#failing.clear();
      this.#options.onSent(wanted.signal, performance.now() - wanted.since, slot.pod);
    } catch (error) {
      slot.failures += 1;
      this.#failing.add(slot.pod.uid);
      // Whatever was observed meanwhile is newer than what failed.
      slot.wanted = slot.wanted === undefined ? wanted : inPlaceOf(wanted, slot.wanted);
      const delay = backOffDelay(this.#backOff, slot.failures, Math.random);
      this.#options.onFailed(wanted.signal, error, delay, slot.pod);
      this.#enqueueIn(slot, delay);
    }
    slot.sending = undefined;
    if (slot.wanted === undefined) {
      if (wanted.signal === POD_DELETED) this.#slots.delete(slot.pod.uid);
    } else if (slot.timer === undefined) this.#enqueue(slot);
  }
}

/** What waits is replaced by what is newer, but it has been waiting since its first observation; a change that waits stays a change. */
const inPlaceOf = (waiting: Wanted | undefined, newer: Wanted): Wanted =>
  waiting === undefined
    ? newer
    : {
        ...newer,
        unlessInputs: waiting.unlessInputs === undefined ? undefined : newer.unlessInputs,
        since: waiting.since,
      };
