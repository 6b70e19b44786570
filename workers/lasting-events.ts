/**
 * Tells by an event, once for each time that it comes up, of what lasts and of what nothing else would tell people: an etcd that takes no
 * writes stops every network in the cluster, and no pod can say so, since what pods wait for is recorded there.
 */
import { randomUUID } from 'node:crypto';
import type { Logger } from '../adapters/log/logger.ts';
import type { Check } from '../domain/start-checks/check.ts';
import type { PodEvent } from '../domain/ports/cluster.ts';
import type { CheckSource } from './start-checks.ts';

const REASON = 'NetworkStoreAlarm';

interface Occurrence {
  readonly check: Check;
  /** What makes it another one than those before, also of a process before this one. */
  readonly id: string;
  told: boolean;
}

export class LastingEvents {
  readonly #tell: (event: PodEvent) => Promise<void>;
  readonly #log: Pick<Logger, 'warn'>;
  #open: readonly Occurrence[] = [];

  /** @param tell writes an event; may fail, then it is tried again with the next answer of the source */
  constructor(tell: (event: PodEvent) => Promise<void>, log: Pick<Logger, 'warn'>) {
    this.#tell = tell;
    this.#log = log;
  }

  /** The same source; whoever asks it waits for no event. */
  around(source: CheckSource): CheckSource {
    const ask = async (): Promise<readonly Check[]> => {
      const checks = await source.ask();
      void this.#look(checks);
      return checks;
    };
    return { ...source, ask };
  }

  async #look(checks: readonly Check[]): Promise<void> {
    const now = checks.filter(({ state, lasting }) => state === 'error' && lasting === true);
    // A source that did not answer says nothing of it: it may last all the same.
    const goesOn = this.#open.filter(
      ({ check }) => now.some((other) => isSame(check, other)) || checks.every(({ name }) => name !== check.name),
    );
    const fresh = now.filter((check) => !goesOn.some((other) => isSame(other.check, check)));
    this.#open = [...goesOn, ...fresh.map((check): Occurrence => ({ check, id: randomUUID(), told: false }))];
    for (const occurrence of this.#open) if (!occurrence.told) await this.#tellOf(occurrence);
  }

  async #tellOf(occurrence: Occurrence): Promise<void> {
    const { check, id } = occurrence;
    // Before the call: an answer of the source may come while it is under way.
    occurrence.told = true;
    try {
      await this.#tell({
        type: 'Warning',
        reason: REASON,
        message:
          `podwire's etcd: ${check.text}; until then no network is attached or detached, and what is attached stays as it is. ${check.cure ?? ''}`.trimEnd(),
        key: `lasting/${check.name}/${check.text}/${id}`,
      });
    } catch (error) {
      occurrence.told = false;
      this.#log.warn({ err: error }, 'the event about an alarm of etcd could not be written yet');
    }
  }
}

const isSame = (one: Check, other: Check): boolean => one.name === other.name && one.text === other.text;
