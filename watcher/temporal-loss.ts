/**
 * Notices that Temporal's database is another one than before: every run that was open is gone with the old one. What they worked on has no
 * converged record, so a comparison with etcd finds it at once; the next relist would as well, minutes later.
 */
import type { Logger } from '../adapters/log/logger.ts';

export interface TemporalLossOptions {
  /** @throws PodwireError `TemporalUnavailable` */
  readonly identity: () => Promise<string>;
  readonly onLost: () => void;
  readonly log: Pick<Logger, 'warn'>;
}

const INTERVAL_MS = 5_000;

export class TemporalLoss {
  readonly #options: TemporalLossOptions;
  #identity: string | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: TemporalLossOptions) {
    this.#options = options;
  }

  start(): void {
    void this.look();
    this.#timer = setInterval(() => void this.look(), INTERVAL_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Says nothing of a server that does not answer: whether Temporal can be reached is asked elsewhere. */
  async look(): Promise<void> {
    const now = await this.#options.identity().catch(() => undefined);
    if (now === undefined) return;
    const before = this.#identity;
    this.#identity = now;
    if (before === undefined || before === now) return;
    this.#options.log.warn(
      { namespaceId: now, before },
      "Temporal's database is another one: what was under way is started again",
    );
    this.#options.onLost();
  }
}
