/**
 * Which build of the workflows' code runs what (ADR 29). A run stays with the build that began it; each orchestrator says in etcd which
 * build it has, and the one that began last decides for all.
 */

/** Temporal's name for all builds of the orchestrators' workflows. */
export const ORCHESTRATOR_DEPLOYMENT = 'podwire-orchestrator';

/** The build of workers that do not say one: versioning is off. */
export const UNVERSIONED = '';

/** A process that serves runs, as it says of itself. */
export interface Server {
  readonly build: string;
  /** Higher for one that began later. */
  readonly rank: bigint;
  readonly isMe: boolean;
}

export interface Duties {
  /** Whether this process decides: which build new runs are for, and what happens to runs whose build nobody has. */
  readonly decides: boolean;
  /** Builds that somebody has, sorted. Runs of others are begun anew. */
  readonly served: readonly string[];
}

/**
 * The last one to begin decides: in a rolling update a new build, in a rollback the old one, and after the new one crashed the old one.
 * No clock is compared, and two that decide at once for a moment do the same.
 */
export function dutiesOf(servers: readonly Server[]): Duties {
  const last = servers.reduce<Server | undefined>(
    (found, server) => (found === undefined || server.rank > found.rank ? server : found),
    undefined,
  );
  return { decides: last?.isMe === true, served: [...new Set(servers.map(({ build }) => build))].sort() };
}
