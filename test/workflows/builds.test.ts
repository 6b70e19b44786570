/** An update of the workflows' code while pods come, on a real Temporal: each run is worked on by one build, from its first task to its last. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import type { WorkflowExecutionInfo } from '@temporalio/client';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { createLogger } from '../../adapters/log/logger.ts';
import { createWorkflowBuilds } from '../../adapters/temporal/workflow-builds.ts';
import type { Roster, WorkflowBuilds } from '../../domain/ports/workflow-builds.ts';
import { ORCHESTRATOR_DEPLOYMENT, UNVERSIONED } from '../../domain/workflow-builds.ts';
import { Versioning } from '../../workers/versioning.ts';
import { buildOf, WORKFLOW_SOURCES } from '../../workers/workflow-code.ts';
import { startHarness, type Harness } from './harness.ts';
import { until, untilAsked } from './limits.ts';
import type { Script } from './scripted-nodes.ts';
import type { TestPod } from './test-pod.ts';

const LATER_SOURCES = fileURLToPath(new URL('next-build/index.ts', import.meta.url));
const log = createLogger('test', 'error');

/** Everybody's entries; etcd's are tested in test/etcd. */
class MemoryRoster {
  #last = 0n;
  readonly #entries = new Map<number, { build: string; rank: bigint }>();

  of(build: string): Roster {
    const id = Number((this.#last += 1n));
    return {
      renew: async () => {
        if (!this.#entries.has(id)) this.#entries.set(id, { build, rank: (this.#last += 1n) });
        return [...this.#entries].map(([each, entry]) => ({ ...entry, isMe: each === id }));
      },
      leave: async () => void this.#entries.delete(id),
    };
  }
}

const bundled = async (workflowsPath: string): Promise<string> => {
  const logger = new DefaultLogger('ERROR');
  return (await bundleWorkflowCode({ workflowsPath, preloadModules: [workflowsPath], logger })).code;
};

describe('an update of the workflows', () => {
  let lab: Harness;
  let builds: WorkflowBuilds;
  let code: { present: string; later: string };
  const roster = new MemoryRoster();

  before(async () => {
    const [harness, present, later] = await Promise.all([
      startHarness(undefined, undefined, 'none'),
      bundled(WORKFLOW_SOURCES.workflowsPath),
      bundled(LATER_SOURCES),
    ]);
    lab = harness;
    code = { present, later };
    builds = createWorkflowBuilds(lab.client, 'default', ORCHESTRATOR_DEPLOYMENT);
  });
  after(async () => {
    await Promise.all(orchestrators.map((stop) => stop()));
    await lab.stop();
  });

  const orchestrators: (() => Promise<void>)[] = [];

  /** As workers/orchestrator.ts does it. @returns what ends it as SIGTERM does */
  const startOrchestrator = async (text: string, mode: 'auto' | 'off' = 'auto'): Promise<() => Promise<void>> => {
    const versioning = await Versioning.begin({
      ...{ mode, deployment: ORCHESTRATOR_DEPLOYMENT, build: buildOf(text), builds, log },
      rosterOf: (build) => roster.of(build),
    });
    const stopWorker = await lab.startOrchestrator({
      workflowBundle: { code: text },
      ...versioning.workerOptions,
      stickyQueueScheduleToStartTimeout: '4s',
    });
    await untilAsked('new runs get the build', () =>
      versioning.firstLook().then(
        () => true,
        () => false,
      ),
    );
    const stopped = new AbortController();
    const kept = versioning.keep(stopped.signal);
    let ending: Promise<void> | undefined;
    const end = async (): Promise<void> => {
      stopped.abort();
      await stopWorker();
      await versioning.leave();
      await kept;
    };
    const stop = (): Promise<void> => (ending ??= end());
    orchestrators.push(stop);
    return stop;
  };

  /** Not `TestPod.ended`: whoever waits for a run is told that it was ended when it begins anew. */
  const converged = (pod: TestPod): Promise<void> =>
    untilAsked(`${pod.uid} converges`, async () => (await pod.describe()).status.name === 'COMPLETED', 30_000);

  interface Past {
    /** Builds that worked on each of the pod's runs, the newest run first. */
    readonly perRun: string[][];
    readonly failedTasks: number;
  }

  const past = async (pod: TestPod): Promise<Past> => {
    const perRun: string[][] = [];
    let failedTasks = 0;
    const runs: WorkflowExecutionInfo[] = [];
    for await (const run of lab.client.workflow.list({ query: `WorkflowId = "${pod.id}"` })) runs.push(run);
    for (const { runId } of runs.sort((a, b) => b.startTime.getTime() - a.startTime.getTime())) {
      const { events } = await lab.client.workflow.getHandle(pod.id, runId).fetchHistory();
      const worked = (events ?? []).flatMap((event) => {
        const done = event.workflowTaskCompletedEventAttributes;
        return done === null || done === undefined ? [] : [done.deploymentVersion?.buildId ?? UNVERSIONED];
      });
      perRun.push([...new Set(worked)]);
      // 20: the server's note in a run that began anew.
      failedTasks += (events ?? []).filter(({ workflowTaskFailedEventAttributes: failed }) =>
        failed === null || failed === undefined ? false : Number(failed.cause) !== 20,
      ).length;
    }
    return { perRun, failedTasks };
  };

  /** Temporal's index of runs lags behind. */
  const workedBy = (pod: TestPod, expected: readonly (readonly string[])[]): Promise<void> =>
    untilAsked(
      `${pod.uid} has runs by ${JSON.stringify(expected)}`,
      async () => isDeepStrictEqual((await past(pod)).perRun, expected),
      10_000,
    );

  const attachedOnce = async (pod: TestPod): Promise<void> => {
    assert.deepEqual(pod.links, ['red'], pod.uid);
    assert.deepEqual(pod.status, ['red Attached']);
    assert.equal(pod.events.filter((event) => event.startsWith('NetworkAttached')).length, 1, pod.events.join('\n'));
    assert.deepEqual(
      (await pod.records()).map(({ phase }) => phase),
      ['attached'],
    );
    const { perRun, failedTasks } = await past(pod);
    assert.equal(failedTasks, 0, `failed workflow tasks of ${pod.uid}`);
    for (const worked of perRun) assert.ok(worked.length <= 1, `one run of ${pod.uid} by ${worked.join(' and ')}`);
  };

  const red = (node?: string): Promise<TestPod> => lab.pod(`red id=${lab.vni()}`, node);
  const burst: TestPod[] = [];
  let waiting: TestPod;
  let stopLater: () => Promise<void>;

  it('with one more step goes on in a burst of attaches: nothing is lost, nothing done twice, no workflow task fails', async () => {
    const stopPresent = await startOrchestrator(code.present);
    waiting = await red('away');
    await waiting.signal();
    await waiting.shows('NodeUnavailable');
    const ask = async (count: number, script: Script = () => 'ok'): Promise<TestPod[]> => {
      const pods = await Promise.all(Array.from({ length: count }, () => red()));
      for (const { uid } of pods) lab.nodes.script(uid, 'ensureVxlanLink', script);
      await Promise.all(pods.map((pod) => pod.signal()));
      burst.push(...pods);
      return pods;
    };
    let isUpdated = false;
    // Some go on while both builds serve, others are at work on their node when the only worker that knows their runs ends.
    const goingOn = await ask(4, () => (isUpdated ? 'ok' : 'SandboxBusy'));
    const cutOff = await ask(4, (attempt) => (attempt === 1 ? 'hang' : 'ok'));
    await until('all are at work', () => [...goingOn, ...cutOff].every((pod) => pod.calls.length > 0));
    [stopLater] = await Promise.all([startOrchestrator(code.later), ask(2)]);
    assert.equal(await builds.current(), buildOf(code.later));
    isUpdated = true;
    await Promise.all([ask(2), ...goingOn.map(converged)]);
    for (const pod of goingOn) await workedBy(pod, [[buildOf(code.present)]]);
    await Promise.all([ask(2), stopPresent()]);
    await Promise.all(burst.map(converged));
    for (const pod of burst) await attachedOnce(pod);
    // Begun anew by the build that was left.
    for (const pod of cutOff) await workedBy(pod, [[buildOf(code.later)], [buildOf(code.present)]]);
  });

  it('takes over a run that has been waiting since before, and carries it out with the new build', async () => {
    const stopNode = await lab.startNode('away');
    await converged(waiting);
    await attachedOnce(waiting);
    await workedBy(waiting, [[buildOf(code.later)], [buildOf(code.present)]]);
    await stopNode();
  });

  it('may be the last: with versioning turned off, what a build left open goes on without one', async () => {
    const pod = await red();
    lab.nodes.script(pod.uid, 'ensureVxlanLink', (attempt) => (attempt === 1 ? 'hang' : 'ok'));
    await pod.signal();
    await until('it is at work', () => pod.calls.length > 0);
    await stopLater();
    await startOrchestrator(code.present, 'off');
    assert.equal(await builds.current(), UNVERSIONED);
    await converged(pod);
    await attachedOnce(pod);
    await workedBy(pod, [[UNVERSIONED], [buildOf(code.later)]]);
  });
});
