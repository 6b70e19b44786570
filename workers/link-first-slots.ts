/**
 * Workflow task slots for bursts: what leads to a link comes before what is only written down afterwards.
 *
 * A run's first task ends with the step on the node; what follows it (result, status, converged record) comes on the sticky queue. While runs begin,
 * and for the moment after the last of them in which its node works, that queue gets hardly any slots, so that CPU goes into links
 * first. When runs go on beginning it gets more of them after a while: its tasks must be taken within
 * `stickyQueueScheduleToStartTimeout`, or they are replayed from the beginning.
 */
import type { CustomSlotSupplier, SlotPermit, SlotReserveContext, WorkflowSlotInfo } from '@temporalio/worker';

export interface LinkFirstLimits {
  /** Slots in all: tasks that are worked on, and polls. */
  readonly total: number;
  /** Slots for later tasks while runs begin. */
  readonly later: number;
  /** The same when runs have been beginning for longer than `patienceMs`. */
  readonly laterInTheEnd: number;
  readonly patienceMs: number;
  /** Runs count as beginning for this long after the last of their first tasks: their nodes are at work. */
  readonly afterglowMs: number;
}

interface Permit {
  readonly sticky: boolean;
}

interface Waiting {
  readonly permit: Permit;
  readonly grant: (permit: Permit) => void;
}

export class LinkFirstSlots implements CustomSlotSupplier<WorkflowSlotInfo> {
  readonly type = 'custom';
  readonly #limits: LinkFirstLimits;
  readonly #waiting = new Set<Waiting>();
  /** Slots that are handed out, by the queue that they are for. */
  #first = 0;
  #later = 0;
  /** Of `#first`, those in which a task is worked on: runs that begin. */
  #beginning = 0;
  /** What `#later` may come to now: all slots, or few while there are such tasks and for the afterglow. */
  #laterLimit: number;
  #patience: NodeJS.Timeout | undefined;
  #afterglow: NodeJS.Timeout | undefined;

  constructor(limits: LinkFirstLimits) {
    this.#limits = limits;
    this.#laterLimit = limits.total;
  }

  reserveSlot({ isSticky }: SlotReserveContext, signal: AbortSignal): Promise<SlotPermit> {
    const permit = { sticky: isSticky };
    if (this.#has(permit)) return Promise.resolve(this.#take(permit));
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        permit,
        grant: (granted) => {
          signal.removeEventListener('abort', abandon);
          resolve(granted);
        },
      };
      const abandon = (): void => {
        this.#waiting.delete(waiting);
        reject(signal.reason as Error);
      };
      signal.addEventListener('abort', abandon, { once: true });
      this.#waiting.add(waiting);
    });
  }

  tryReserveSlot({ isSticky }: SlotReserveContext): SlotPermit | null {
    const permit = { sticky: isSticky };
    return this.#has(permit) ? this.#take(permit) : null;
  }

  markSlotUsed({ permit }: { permit: SlotPermit }): void {
    if ((permit as Permit).sticky) return;
    this.#beginning += 1;
    if (this.#patience !== undefined) return;
    const { later, laterInTheEnd, patienceMs } = this.#limits;
    this.#laterLimit = later;
    this.#patience = setTimeout(() => this.#setLaterLimit(laterInTheEnd), patienceMs).unref();
  }

  releaseSlot({ permit, slotInfo }: { permit: SlotPermit; slotInfo?: WorkflowSlotInfo }): void {
    if ((permit as Permit).sticky) this.#later -= 1;
    else {
      this.#first -= 1;
      if (slotInfo !== undefined) {
        this.#beginning -= 1;
        this.#afterglow ??= setTimeout(() => this.#endAfterglow(), this.#limits.afterglowMs).unref();
        this.#afterglow.refresh();
      }
    }
    this.#grantWaiting();
  }

  #endAfterglow(): void {
    this.#afterglow = undefined;
    // The next first task that ends begins another one.
    if (this.#beginning > 0) return;
    clearTimeout(this.#patience);
    this.#patience = undefined;
    this.#setLaterLimit(this.#limits.total);
  }

  #setLaterLimit(limit: number): void {
    this.#laterLimit = limit;
    this.#grantWaiting();
  }

  #grantWaiting(): void {
    for (const waiting of this.#waiting) {
      if (!this.#has(waiting.permit)) continue;
      this.#waiting.delete(waiting);
      waiting.grant(this.#take(waiting.permit));
    }
  }

  #has({ sticky }: Permit): boolean {
    if (this.#first + this.#later >= this.#limits.total) return false;
    return !sticky || this.#later < this.#laterLimit;
  }

  #take(permit: Permit): Permit {
    if (permit.sticky) this.#later += 1;
    else this.#first += 1;
    return permit;
  }
}
