/** Temporal's Worker Deployment Versioning: which build gets new runs, and runs whose build nobody has any more (ADR 29). */
import { status } from '@grpc/grpc-js';
import { isGrpcServiceError, type Client } from '@temporalio/client';
import type { OpenRun, WorkflowBuilds } from '../../domain/ports/workflow-builds.ts';
import { compareVersions } from '../../domain/start-checks/versions.ts';
import { UNVERSIONED } from '../../domain/workflow-builds.ts';
import { bounded } from './connection.ts';

/** The first that Temporal documents for it; older ones have parts of it. */
const FIRST_SERVER = '1.29.0';
/** A change of the current version is carried to every partition of a task queue before it is answered: seconds on a busy server. */
const DEADLINE_MS = 10_000;
const RUNS_AT_ONCE = 500;
const EVENTS_AT_ONCE = 50;
/** temporal.api.enums.v1.WorkflowExecutionStatus. */
const RUNNING = 1;
/** temporal.api.workflow.v1.VersioningOverride.PinnedOverrideBehavior. */
const PINNED = 1;
const OVERRIDE = { paths: ['versioning_override'] };

interface Deployment {
  readonly client: Client;
  readonly namespace: string;
  readonly deploymentName: string;
}

export function createWorkflowBuilds(client: Client, namespace: string, deploymentName: string): WorkflowBuilds {
  const { workflowService } = client;
  const deployment: Deployment = { client, namespace, deploymentName };
  const within = <T>(what: string, work: () => Promise<T>): Promise<T> => bounded(client, what, DEADLINE_MS, work);

  return {
    whyUnsupported: () =>
      within('ask Temporal whether it keeps builds of workflows apart', () => whyUnsupported(deployment)),
    current: () =>
      within(`look at the deployment ${deploymentName}`, async () => {
        try {
          const { workerDeploymentInfo } = await workflowService.describeWorkerDeployment({
            namespace,
            deploymentName,
          });
          return workerDeploymentInfo?.routingConfig?.currentDeploymentVersion?.buildId ?? UNVERSIONED;
        } catch (error) {
          if (codeOf(error) === status.NOT_FOUND) return UNVERSIONED;
          throw error;
        }
      }),
    makeCurrent: (buildId) =>
      within(`give new runs to build ${buildId === UNVERSIONED ? '(none)' : buildId}`, async () => {
        // A build that no longer serves one of its predecessor's queues is no reason to keep the predecessor.
        const request = { namespace, deploymentName, buildId, ignoreMissingTaskQueues: true };
        await workflowService.setWorkerDeploymentCurrentVersion(request);
      }),
    runsOfOthers: (builds) =>
      within('look for runs of builds that are gone', async () => {
        const named = builds.filter((build) => build !== UNVERSIONED).map((build) => `"${deploymentName}:${build}"`);
        const others = named.length === 0 ? '' : ` AND TemporalWorkerDeploymentVersion NOT IN (${named.join(', ')})`;
        const { executions } = await workflowService.listWorkflowExecutions({
          ...{ namespace, pageSize: RUNS_AT_ONCE },
          query: `TemporalWorkerDeployment = "${deploymentName}" AND ExecutionStatus = "Running"${others}`,
        });
        return (executions ?? []).flatMap(({ execution }) =>
          execution?.workflowId && execution.runId
            ? [{ workflowId: execution.workflowId, runId: execution.runId }]
            : [],
        );
      }),
    beginAnew: (run, build) => within(`begin ${run.workflowId} anew`, () => beginAnew(deployment, run, build)),
  };
}

async function whyUnsupported({ client: { workflowService }, namespace }: Deployment): Promise<string | undefined> {
  const { serverVersion } = await workflowService.getSystemInfo({});
  const difference = compareVersions(serverVersion ?? '', FIRST_SERVER);
  if (difference !== undefined && difference < 0)
    return `server version ${serverVersion ?? ''} is older than ${FIRST_SERVER}`;
  try {
    await workflowService.listWorkerDeployments({ namespace, pageSize: 1 });
    return undefined;
  } catch (error) {
    const refused = codeOf(error) === status.UNIMPLEMENTED || codeOf(error) === status.PERMISSION_DENIED;
    if (refused && isGrpcServiceError(error)) return error.details;
    throw error;
  }
}

async function beginAnew(deployment: Deployment, run: OpenRun, build: string): Promise<boolean> {
  const { namespace, deploymentName } = deployment;
  const { workflowService } = deployment.client;
  try {
    // A run that is over could be begun anew as well, and would be done twice.
    const { workflowExecutionInfo } = await workflowService.describeWorkflowExecution({
      namespace,
      execution: run,
    });
    if (Number(workflowExecutionInfo?.status) !== RUNNING) return false;
    const workflowTaskFinishEventId = await firstTask(deployment, run);
    const options = { workflowExecutionOptions: overrideTo(deploymentName, build), updateMask: OVERRIDE };
    if (workflowTaskFinishEventId === undefined) {
      await workflowService.updateWorkflowExecutionOptions({ namespace, workflowExecution: run, ...options });
      return true;
    }
    await workflowService.resetWorkflowExecution({
      ...{ namespace, workflowExecution: run, workflowTaskFinishEventId },
      reason: `podwire: no orchestrator has the build of this run any more; it begins anew with ${build || 'the present one'}`,
      // Two orchestrators that do the same do it once.
      requestId: `${run.runId}/${build}`,
      postResetOperations: [{ updateWorkflowOptions: options }],
    });
    return true;
  } catch (error) {
    if (codeOf(error) === status.NOT_FOUND) return false;
    throw error;
  }
}

/** Where a run's own work began; undefined: it has done nothing yet. */
async function firstTask({ client: { workflowService }, namespace }: Deployment, execution: OpenRun) {
  let nextPageToken: Uint8Array | undefined;
  do {
    const page = await workflowService.getWorkflowExecutionHistory({
      ...{ namespace, execution, maximumPageSize: EVENTS_AT_ONCE },
      ...(nextPageToken === undefined ? {} : { nextPageToken }),
    });
    const found = page.history?.events?.find((event) => (event.workflowTaskCompletedEventAttributes ?? null) !== null);
    if (found !== undefined) return found.eventId ?? undefined;
    nextPageToken = page.nextPageToken ?? undefined;
  } while (nextPageToken !== undefined && nextPageToken.length > 0);
  return undefined;
}

const overrideTo = (deploymentName: string, buildId: string) =>
  buildId === UNVERSIONED
    ? { versioningOverride: { autoUpgrade: true } }
    : { versioningOverride: { pinned: { behavior: PINNED, version: { deploymentName, buildId } } } };

const codeOf = (error: unknown): number | undefined => (isGrpcServiceError(error) ? error.code : undefined);
