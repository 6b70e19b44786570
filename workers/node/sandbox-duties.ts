/** Sees to what follows from the calls of the primary network, for as long as this worker lives (ADR 56). */
import { backOffDelay, type BackOff } from '../../domain/concurrency/back-off.ts';
import type { SandboxDuties } from '../../domain/ports/sandbox-duties.ts';
import { createPrimaryRuns } from '../../adapters/temporal/primary-runs.ts';
import type { Logger } from '../../adapters/log/logger.ts';
import type { Opened } from '../opened.ts';
import type { NodeConnections } from './node-connections.ts';
import { SandboxTeller, type TellerParts } from './sandbox-teller.ts';

/** While Temporal or etcd is away. */
const BACK_OFF: BackOff = { minMs: 500, maxMs: 30_000 };
/** What was lost is found by then: a read of as many records as the node has pods. */
const COMPARE_MS = 300_000;

/** Begins at once, and ends when the signal is aborted: what is not told by then, the next worker finds. */
export function startDuties(
  parts: Omit<TellerParts, 'runs' | 'observer'>,
  { temporal }: Pick<NodeConnections, 'temporal'>,
  opened: Opened,
  log: Logger,
  signal: AbortSignal,
): SandboxDuties {
  const nap = new Nap(signal);
  const teller = new SandboxTeller({
    ...parts,
    runs: createPrimaryRuns(temporal.client),
    observer: {
      news: () => nap.end(),
      hooksLeft: (sandboxId, hooks, err) =>
        log.warn(
          { sandboxId, hooks, err },
          'a pod is removed although its pre-removal hooks are not over; they are gone on with',
        ),
    },
  });
  void opened.add(keepTelling(teller, nap, log, signal), (ended) => ended);
  return teller;
}

async function keepTelling(teller: SandboxTeller, nap: Nap, log: Logger, signal: AbortSignal): Promise<void> {
  let comparedAt = performance.now();
  for (let failures = 0; !signal.aborted;) {
    if (performance.now() - comparedAt >= COMPARE_MS) {
      teller.compareAgain();
      comparedAt = performance.now();
    }
    try {
      await teller.tell(signal);
      if (failures > 0) log.info('Temporal knows of all sandboxes of this node again');
      failures = 0;
    } catch (err) {
      failures += 1;
      if (failures === 1) log.warn({ err, waiting: teller.waiting }, 'sandboxes are not told of yet; tried again');
    }
    // What has come meanwhile is told at once; whoever does not answer is left alone for a while, whatever comes.
    if (failures > 0) await nap.of(backOffDelay(BACK_OFF, failures, Math.random), 'undisturbed');
    else if (teller.isDone) await nap.of(COMPARE_MS, 'until-news');
  }
}

/** A pause that news, or the end of the process, can end. */
class Nap {
  readonly #signal: AbortSignal;
  #wake: () => void = () => undefined;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  end(): void {
    this.#wake();
  }

  of(ms: number, how: 'undisturbed' | 'until-news'): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#signal.removeEventListener('abort', end);
        this.#wake = () => undefined;
        resolve();
      };
      const timer = setTimeout(end, ms);
      this.#signal.addEventListener('abort', end, { once: true });
      if (how === 'until-news') this.#wake = end;
      if (this.#signal.aborted) end();
    });
  }
}
