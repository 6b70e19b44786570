/**
 * Sees to it that every run has a worker of the build that began it (ADR 29): new runs get the newest build, and runs of a build that
 * nobody has any more are begun anew.
 */
import type { Logger } from '../adapters/log/logger.ts';
import type { Roster, WorkflowBuilds } from '../domain/ports/workflow-builds.ts';
import { dutiesOf } from '../domain/workflow-builds.ts';

/** After a change of who serves runs are looked for at each look, for Temporal's index of them lags behind; later it is asked rarely. */
const PACE_MS = { briskFor: 60_000, calm: 30_000 };
const BEGUN_AT_ONCE = 8;

export interface BuildKeeperParts {
  readonly build: string;
  readonly roster: Roster;
  readonly builds: WorkflowBuilds;
  readonly log: Pick<Logger, 'info'>;
}

export class BuildKeeper {
  readonly #parts: BuildKeeperParts;
  #seen: string | undefined;
  #briskUntil = 0;
  #next = 0;
  /** When the current build is to be asked for again: the server answers one such question at a time and refuses others. */
  #nextCurrent = 0;

  constructor(parts: BuildKeeperParts) {
    this.#parts = parts;
  }

  /** One look, to be repeated every few seconds. @throws PodwireError EtcdUnavailable, TemporalUnavailable, RecordInvalid */
  async look(): Promise<void> {
    const { roster } = this.#parts;
    const { decides, served } = dutiesOf(await roster.renew());
    if (!decides) {
      this.#seen = undefined;
      return;
    }
    const now = performance.now();
    if (served.join() !== this.#seen) {
      this.#briskUntil = now + PACE_MS.briskFor;
      this.#next = now;
      this.#nextCurrent = now;
    }
    if (now < this.#next) return;
    if (now >= this.#nextCurrent) {
      await this.#makeCurrent();
      this.#nextCurrent = now + PACE_MS.calm;
    }
    await this.#beginAnew(served);
    this.#seen = served.join();
    this.#next = now < this.#briskUntil ? now : now + PACE_MS.calm;
  }

  async #makeCurrent(): Promise<void> {
    const { build, builds, log } = this.#parts;
    const before = await builds.current();
    if (before === build) return;
    await builds.makeCurrent(build);
    log.info({ build, before }, 'new runs get this build of the workflows');
  }

  async #beginAnew(served: readonly string[]): Promise<void> {
    const { build, builds, log } = this.#parts;
    const left = [...(await builds.runsOfOthers(served))];
    let begun = 0;
    const work = async (): Promise<void> => {
      for (let run = left.pop(); run !== undefined; run = left.pop()) {
        if (await builds.beginAnew(run, build)) begun += 1;
      }
    };
    await Promise.all(Array.from({ length: BEGUN_AT_ONCE }, work));
    if (begun > 0) log.info({ build, runs: begun }, 'runs of builds that are gone begin anew with this one');
  }
}
