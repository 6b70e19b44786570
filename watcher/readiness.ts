/** Whether the watcher does its work, and if not, why. */
import type { ListWatchState } from '../adapters/kubernetes/list-watch.ts';
import type { Logger } from '../adapters/log/logger.ts';

/** On top of the stall limit: time to notice, to back off and to connect again. */
const BYTE_SLACK_MS = 15_000;

/** @param kind what is watched, for people. @returns reasons against readiness */
export function watchReasons(kind: string, state: ListWatchState, stallMs: number, now = performance.now()): string[] {
  const because = state.problem === undefined ? '' : ` (${state.problem})`;
  if (!state.synced) return [`${kind} not listed yet${because}`];
  const silentMs = now - (state.lastByteAt ?? 0);
  if (silentMs <= stallMs + BYTE_SLACK_MS) return [];
  return [`no byte from the Kubernetes API about ${kind} for ${Math.round(silentMs / 1_000)} s${because}`];
}

const PROBE_INTERVAL_MS = 10_000;
const REACHED_LIMIT_MS = 30_000;

/** Probes Temporal when nothing else has reached it lately. */
export class TemporalReach {
  readonly #probe: () => Promise<void>;
  readonly #log: Logger;
  #timer: NodeJS.Timeout | undefined;
  #reachedAt: number | undefined;
  #problem = 'not asked yet';

  constructor(probe: () => Promise<void>, log: Logger) {
    this.#probe = probe;
    this.#log = log;
  }

  start(): void {
    void this.#ask();
    this.#timer = setInterval(() => {
      if (this.#age() >= PROBE_INTERVAL_MS) void this.#ask();
    }, PROBE_INTERVAL_MS / 2);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Something was answered by Temporal. */
  reached(): void {
    this.#reachedAt = performance.now();
  }

  reasons(): string[] {
    return this.#age() <= REACHED_LIMIT_MS ? [] : [`Temporal not reached: ${this.#problem}`];
  }

  #age(): number {
    return this.#reachedAt === undefined ? Infinity : performance.now() - this.#reachedAt;
  }

  async #ask(): Promise<void> {
    try {
      await this.#probe();
      this.reached();
    } catch (error) {
      this.#problem = error instanceof Error ? error.message : String(error);
      this.#log.warn({ err: error }, 'Temporal does not answer');
    }
  }
}
