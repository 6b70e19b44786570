/** How many calls of a node's runtime are at work at once, and in which order the others wait. */
import type { LeavePlace } from '../../domain/cni-server/pod-cni.ts';
import { withinSignal } from '../concurrency/within-signal.ts';

export interface CallQueueLimits {
  readonly atWork: number;
  readonly waiting: number;
  /** What a call that was given up may still hold its place for, in milliseconds. */
  readonly graceMs: number;
}

/** So many wait that another one would only be late. */
export class QueueFull extends Error {}

type Work<T> = (leavePlace: LeavePlace) => Promise<T>;

interface Waiting {
  readonly key: string;
  readonly begin: () => void;
}

/**
 * First come, first served. Calls of one key come one after the other, however long that takes; those of other keys pass them. A call that
 * hangs beyond its signal and its grace makes room for other keys: it holds up its own container, and no other.
 */
export class CallQueue {
  readonly #limits: CallQueueLimits;
  readonly #busy = new Set<string>();
  #waiting: Waiting[] = [];
  #atWork = 0;

  constructor(limits: CallQueueLimits) {
    this.#limits = limits;
  }

  get atWork(): number {
    return this.#atWork;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /**
   * @param signal gives the call up, also while it waits
   * @param work is given a way to leave its place at work before it ends; its key stays busy
   * @throws QueueFull, the signal's reason, and what the work throws
   */
  run<T>(key: string, signal: AbortSignal, work: Work<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.length >= this.#limits.waiting) {
        reject(new QueueFull(`${this.#waiting.length} calls wait already; allowed: ${this.#limits.waiting}`));
        return;
      }
      signal.throwIfAborted();
      const leave = (): void => {
        this.#waiting = this.#waiting.filter((each) => each !== mine);
        reject(signal.reason as Error);
      };
      const begin = (): void => {
        signal.removeEventListener('abort', leave);
        this.#work(key, signal, work).then(resolve, reject);
      };
      const mine: Waiting = { key, begin };
      signal.addEventListener('abort', leave, { once: true });
      this.#waiting.push(mine);
      this.#beginWhatMay();
    });
  }

  #beginWhatMay(): void {
    while (this.#atWork < this.#limits.atWork) {
      const at = this.#waiting.findIndex(({ key }) => !this.#busy.has(key));
      const [next] = at < 0 ? [] : this.#waiting.splice(at, 1);
      if (next === undefined) return;
      next.begin();
    }
  }

  #work<T>(key: string, signal: AbortSignal, work: Work<T>): Promise<T> {
    this.#atWork += 1;
    this.#busy.add(key);
    const place = new Place(() => {
      this.#atWork -= 1;
      this.#beginWhatMay();
    });
    const onAbort = (): void => place.leaveIn(this.#limits.graceMs);
    signal.addEventListener('abort', onAbort, { once: true });
    const ended = (): void => {
      signal.removeEventListener('abort', onAbort);
      this.#busy.delete(key);
      place.leave();
      this.#beginWhatMay();
    };
    // Also what throws at once gives its place back.
    const working = (async () => work(() => place.leave()))();
    working.then(ended, ended);
    return withinSignal(working, signal);
  }
}

/** One of the places at work, left once. */
class Place {
  readonly #free: () => void;
  #isLeft = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(free: () => void) {
    this.#free = free;
  }

  leaveIn(ms: number): void {
    this.#timer = setTimeout(() => this.leave(), ms);
  }

  leave(): void {
    clearTimeout(this.#timer);
    if (this.#isLeft) return;
    this.#isLeft = true;
    this.#free();
  }
}
