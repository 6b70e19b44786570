/** What a node's sweeps remember from one to the next; lost with the worker, which costs nothing but patience. */
import { dropOldest } from '../../../domain/drop-oldest.ts';
import type { Strangers } from '../../../domain/sweep/classify.ts';
import type { Finding } from '../../../domain/sweep/finding.ts';

export interface SweepObserver {
  looked(findings: readonly Finding[]): void;
  /** Something was removed, or handed over to be made anew. */
  acted(finding: Finding): void;
}

/** An interface that was made anew so often and differs again in the same way: its plugins, or its pod, want it so. */
const MAX_REPAIRS = 3;

interface Repairs {
  readonly why: string;
  /** The last finding that was handed over; its id names the write of the record that was to be made anew. */
  readonly id: string;
  readonly count: number;
}

export class SweepMemory {
  readonly #firstSeen = new Map<string, number>();
  readonly #repairs = new Map<string, Repairs>();
  readonly #strangers = new Map<string, ReadonlySet<string>>();
  readonly #now: () => number;

  /** @param now milliseconds of a clock that does not jump */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Takes in one whole look: what is not found any more is forgotten, and a repair that was in vain too often is only reported. */
  seen(findings: readonly Finding[]): Finding[] {
    const ids = new Set(findings.map(({ id }) => id));
    for (const id of this.#firstSeen.keys()) if (!ids.has(id)) this.#firstSeen.delete(id);
    return this.seenAmongOthers(findings);
  }

  /** The same for a look at one sandbox, which says nothing of what is not found. */
  seenAmongOthers(findings: readonly Finding[]): Finding[] {
    for (const { id } of findings) if (!this.#firstSeen.has(id)) this.#firstSeen.set(id, this.#now());
    return findings.map((finding) => this.#inVain(finding));
  }

  ageSeconds({ id }: Finding): number {
    return Math.round((this.#now() - (this.#firstSeen.get(id) ?? this.#now())) / 1_000);
  }

  /** False: it was handed over before, and nobody could make it anew. */
  repairing(finding: Finding): boolean {
    const key = keyOf(finding);
    const { id, why } = finding;
    const before = this.#repairs.get(key);
    if (before?.id === id && before.why === why) return false;
    this.#repairs.set(key, { why, id, count: before?.why === why ? before.count + 1 : 1 });
    dropOldest(this.#repairs, MAX_REMEMBERED);
    return true;
  }

  /** The pod's owner was told of these addresses. */
  toldStrangers(finding: Finding): void {
    const key = keyOf(finding);
    this.#strangers.set(key, new Set([...(this.#strangers.get(key) ?? []), ...(finding.addresses ?? [])]));
  }

  /** Takes in what a look found of one link; an address that is not found any more starts anew. */
  strangers(sandboxId: string, interfaceName: string, addresses: readonly string[]): Strangers {
    const key = `${sandboxId}/${interfaceName}`;
    const before = this.#strangers.get(key) ?? new Set();
    const told = addresses.filter((address) => before.has(address));
    if (told.length === 0) this.#strangers.delete(key);
    else this.#strangers.set(key, new Set(told));
    return { told, fresh: addresses.filter((address) => !before.has(address)) };
  }

  /** An interface that is as it should be starts anew. */
  sound(sandboxId: string, interfaceName: string): void {
    this.#repairs.delete(`${sandboxId}/${interfaceName}`);
  }

  /** The same where only the links were looked at, and no plugin was asked: what CHECK said last may be so still. */
  soundLink(sandboxId: string, interfaceName: string): void {
    if (this.#repairs.get(`${sandboxId}/${interfaceName}`)?.why.includes(SAID_BY_CHECK) === true) return;
    this.sound(sandboxId, interfaceName);
  }

  #inVain(finding: Finding): Finding {
    const repairs = this.#repairs.get(keyOf(finding));
    if (finding.kind !== 'drift' || repairs?.why !== finding.why || repairs.count < MAX_REPAIRS) return finding;
    // Handed over for the last time, and not made anew yet.
    if (repairs.id === finding.id) return finding;
    const why = `${finding.why} (made anew ${repairs.count} times and the same again: left as it is)`;
    return { ...finding, action: 'report', why, repairs: repairs.count };
  }
}

const MAX_REMEMBERED = 1_000;
/** Before what the plugins' CHECK said. */
export const SAID_BY_CHECK = 'CHECK: ';

const keyOf = ({ attachment }: Finding): string => `${attachment?.sandboxId ?? ''}/${attachment?.interfaceName ?? ''}`;
