/** Which build of the workflows' code a worker has, as far as Temporal is told, and what follows from that while it serves (ADR 29). */
import type { WorkerOptions } from '@temporalio/worker';
import type { Logger } from '../adapters/log/logger.ts';
import type { Roster, WorkflowBuilds } from '../domain/ports/workflow-builds.ts';
import { UNVERSIONED } from '../domain/workflow-builds.ts';
import { BuildKeeper } from './build-keeper.ts';
import { everyInterval } from './loops.ts';

const LOOK_MS = 2_000;

export interface VersioningParts {
  /** `off`: workers say no build, as with a server that cannot keep builds apart. */
  readonly mode: 'auto' | 'off';
  readonly deployment: string;
  readonly build: string;
  readonly builds: WorkflowBuilds;
  readonly rosterOf: (build: string) => Roster;
  readonly log: Logger;
}

export class Versioning {
  /** For the worker that runs workflows. */
  readonly workerOptions: Pick<WorkerOptions, 'workerDeploymentOptions'>;
  readonly #keeper: BuildKeeper | undefined;
  readonly #roster: Roster | undefined;
  readonly #log: Logger;

  private constructor(parts: VersioningParts, isSupported: boolean) {
    const { mode, deployment, builds, rosterOf, log } = parts;
    this.#log = log;
    const build = mode === 'off' || !isSupported ? UNVERSIONED : parts.build;
    this.workerOptions =
      build === UNVERSIONED
        ? {}
        : {
            workerDeploymentOptions: {
              version: { deploymentName: deployment, buildId: build },
              useWorkerVersioning: true,
              defaultVersioningBehavior: 'PINNED',
            },
          };
    // Also with versioning off: what builds were given before has to come back.
    this.#roster = isSupported ? rosterOf(build) : undefined;
    this.#keeper =
      this.#roster === undefined ? undefined : new BuildKeeper({ build, roster: this.#roster, builds, log });
  }

  /** Asks the server once. @throws PodwireError TemporalUnavailable */
  static async begin(parts: VersioningParts): Promise<Versioning> {
    const why = await parts.builds.whyUnsupported();
    if (why !== undefined) parts.log.info({ why }, 'Temporal does not keep builds of the workflows apart');
    return new Versioning(parts, why === undefined);
  }

  /** To be called when the worker runs, until it succeeds: only then does this process get new runs. */
  async firstLook(): Promise<void> {
    await this.#keeper?.look();
  }

  async keep(signal: AbortSignal): Promise<void> {
    const keeper = this.#keeper;
    if (keeper !== undefined)
      await everyInterval('builds of the workflows', LOOK_MS, this.#log, signal, () => keeper.look());
  }

  /** To be called when the worker has ended: what it left goes to others at once, not only when its entry lapses. */
  async leave(): Promise<void> {
    await this.#roster?.leave().catch((error: unknown) => this.#log.warn({ err: error }, 'could not sign off'));
  }
}
