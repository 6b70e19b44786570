/** The node worker's part in sweeps: its own looks, and the activities of the runs that they start. */
import type { CniDeps } from '../../activities/network/deps.ts';
import { createSweepSteps, type SweepSteps } from '../../activities/network/sweep/sweep-activities.ts';
import { SweepGc } from '../../activities/network/sweep/sweep-gc.ts';
import { SweepMemory, type SweepObserver } from '../../activities/network/sweep/sweep-memory.ts';
import { createCniLeftovers } from '../../adapters/cni/leftovers.ts';
import type { Logger } from '../../adapters/log/logger.ts';
import { networkKey } from '../../domain/network-selection.ts';
import { needsSweep } from '../../domain/sweep/needs-sweep.ts';

export function createNodeSweep(deps: CniDeps, observer: SweepObserver, log: Logger): SweepSteps {
  const leftovers = createCniLeftovers();
  const gc = new SweepGc({ ...deps, leftovers }, (network, err) =>
    log.warn({ network: networkKey(network), err }, 'GC of a CNI network failed'),
  );
  return createSweepSteps({ ...deps, leftovers, gc, observer, memory: new SweepMemory() });
}

export interface OwnSweepsParts {
  readonly node: string;
  readonly steps: Pick<SweepSteps, 'look' | 'act'>;
  /** Starts a run of `nodeSweep`, unless one is under way. */
  readonly startSweep: () => Promise<void>;
  /** Notes in etcd that the node was looked at. @param at ISO 8601 */
  readonly noteLook: (at: string) => Promise<void>;
  /** While podwire is to be out of the cluster nothing is made anew. */
  readonly isTornDown: () => boolean;
}

/**
 * The node is looked at by its own worker, again and again: a run for each look would be what an idle cluster costs most, and a lost
 * Temporal would end them. Only what a look finds is worked on by a run, in which people see it.
 */
export class OwnSweeps {
  readonly #parts: OwnSweepsParts;
  /** What was only to be reported when a run was started last. */
  #reported: readonly string[] = [];

  constructor(parts: OwnSweepsParts) {
    this.#parts = parts;
  }

  /**
   * @returns whether there is nothing that could change without a record, so that the next look can wait
   * @throws PodwireError EtcdUnavailable, CriUnavailable, TemporalUnavailable: the next look begins again
   */
  async look(signal: AbortSignal): Promise<boolean> {
    const { node, steps, startSweep, noteLook, isTornDown } = this.#parts;
    if (isTornDown()) return false;
    const { findings, gcDue, isEmpty = false } = await steps.look({ node }, signal);
    this.#reported = this.#reported.filter((id) => findings.some((finding) => finding.id === id));
    if (needsSweep(findings, this.#reported)) {
      await startSweep();
      this.#reported = findings.filter(({ action }) => action === 'report').map(({ id }) => id);
    } else if (gcDue) {
      await steps.act({ node, ids: [], removeForeign: false }, signal);
    }
    await noteLook(new Date().toISOString());
    return isEmpty;
  }
}
