/** An orchestrator's versioning on real adapters: Temporal's versions of its deployment, and its entry among those that serve. */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { createRoster } from '../../adapters/etcd/roster.ts';
import type { Logger } from '../../adapters/log/logger.ts';
import { createWorkflowBuilds } from '../../adapters/temporal/workflow-builds.ts';
import type { OrchestratorConfig } from '../../config/orchestrator.ts';
import { ORCHESTRATOR_DEPLOYMENT } from '../../domain/workflow-builds.ts';
import type { OrchestratorConnections } from './orchestrator-connections.ts';
import type { StartUp } from '../start-up.ts';
import { Versioning } from '../versioning.ts';

/** Asks Temporal until it answers. @param build of the workflows' code. @returns undefined when the process was told to end */
export async function beginVersioning(
  { workflowVersioning, temporal: { namespace } }: OrchestratorConfig,
  { roster, temporal }: OrchestratorConnections,
  startUp: StartUp,
  build: string,
  log: Logger,
): Promise<Versioning | undefined> {
  let versioning: Versioning | undefined;
  await startUp.until('versions of workers in Temporal', async () => {
    versioning = await Versioning.begin({
      ...{ mode: workflowVersioning, deployment: ORCHESTRATOR_DEPLOYMENT, build, log },
      builds: createWorkflowBuilds(temporal.client, namespace, ORCHESTRATOR_DEPLOYMENT),
      rosterOf: (served) => createRoster(roster, { id: `${hostname()}-${randomUUID()}`, build: served }),
    });
  });
  return versioning;
}

/** Ready when new runs may come here; then the builds are looked after for as long as the process lives. */
export async function serveBuild(startUp: StartUp, versioning: Versioning, signal: AbortSignal): Promise<void> {
  if (!(await startUp.until('build of the workflows', () => versioning.firstLook()))) return;
  startUp.done();
  void versioning.keep(signal);
}
