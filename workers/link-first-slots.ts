/**
 * Workflow task slots for bursts: what leads to a link comes before what is only written down afterwards.
 *
 * A run's first task ends with the step on the node; what follows it (result, status, mark) comes on the sticky queue. While runs begin,
 * only a few slots go to that queue, so that CPU goes into links first. It is never starved: its tasks must be taken within
 * `stickyQueueScheduleToStartTimeout`, or they are replayed from the beginning.
 */
import type { CustomSlotSupplier, SlotPermit, SlotReserveContext, WorkflowSlotInfo } from '@temporalio/worker';

export interface LinkFirstLimits {
  /** Slots in all: tasks that are worked on, and polls. */
  readonly total: number;
  /** Slots for later tasks while runs begin. */
  readonly later: number;
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

  constructor(limits: LinkFirstLimits) {
    this.#limits = limits;
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
    if (!(permit as Permit).sticky) this.#beginning += 1;
  }

  releaseSlot({ permit, slotInfo }: { permit: SlotPermit; slotInfo?: WorkflowSlotInfo }): void {
    if ((permit as Permit).sticky) this.#later -= 1;
    else {
      this.#first -= 1;
      if (slotInfo !== undefined) this.#beginning -= 1;
    }
    for (const waiting of this.#waiting) {
      if (!this.#has(waiting.permit)) continue;
      this.#waiting.delete(waiting);
      waiting.grant(this.#take(waiting.permit));
    }
  }

  #has({ sticky }: Permit): boolean {
    if (this.#first + this.#later >= this.#limits.total) return false;
    return !sticky || this.#beginning === 0 || this.#later < this.#limits.later;
  }

  #take(permit: Permit): Permit {
    if (permit.sticky) this.#later += 1;
    else this.#first += 1;
    return permit;
  }
}
