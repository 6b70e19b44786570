/**
 * Three hundred pods at once while each call to etcd takes 400 ms, on a real Temporal: a step takes longer than the machine needs for it, so that
 * tasks of workflows wait for slots (ADR 15). One that waits for too long is replayed, which takes a slot of another one. That must not feed itself.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { workflowCode } from '../../workers/workflow-code.ts';
import { workflowSlots } from '../../workers/workflow-slots.ts';
import { startHarness, type Harness } from '../workflows/harness.ts';
import { until } from '../workflows/limits.ts';
import type { TestPod } from '../workflows/test-pod.ts';

const PODS = 300;
const ETCD_MS = 400;
/** As a watcher sends them. */
const SENT_AT_ONCE = 16;
const LIMIT_MS = 600_000;
const MOST_REPLAYS = 3;
/** temporal.api.enums.v1.TimeoutType: a worker took the task and did not answer; nobody took it where it had been before. */
const [NOT_ANSWERED, NOT_TAKEN] = [1, 2];

/** To compare: the slots of ADR 15, or as many of the SDK's own. */
const slots = process.env['PODWIRE_WORKFLOW_SLOTS'] === 'fixed' ? 'fixed' : 'link-first';

interface Tasks {
  readonly completed: number;
  readonly notAnswered: number;
  readonly notTaken: number;
  readonly failed: number;
}

describe(`${PODS} pods at once while etcd takes ${ETCD_MS} ms for each call (slots: ${slots})`, () => {
  let lab: Harness;
  before(async () => {
    lab = await startHarness(undefined, undefined, 'none');
    await lab.startOrchestrator({ ...workflowCode(), ...workflowSlots(slots), maxCachedWorkflows: 500 });
  });
  after(() => lab.stop());

  const tasksOf = async (pod: TestPod): Promise<Tasks> => {
    const { events } = await pod.handle.fetchHistory();
    const timedOut = (events ?? []).flatMap((event) => event.workflowTaskTimedOutEventAttributes ?? []);
    return {
      completed: (events ?? []).filter((event) => event.workflowTaskCompletedEventAttributes).length,
      notAnswered: timedOut.filter(({ timeoutType }) => Number(timeoutType) === NOT_ANSWERED).length,
      notTaken: timedOut.filter(({ timeoutType }) => Number(timeoutType) === NOT_TAKEN).length,
      failed: (events ?? []).filter((event) => event.workflowTaskFailedEventAttributes).length,
    };
  };

  it('all converge, and no run is replayed again and again', { timeout: LIMIT_MS }, async (t) => {
    const pods: TestPod[] = [];
    for (let index = 0; index < PODS; index += 1) pods.push(await lab.pod(`red id=${lab.vni()} ip=10.1.0.1/24`));
    lab.etcd.slowness = ETCD_MS;
    const began = performance.now();
    const ends: number[] = [];
    const waiting = new Set(pods);
    const unsent = [...pods];
    const send = async (): Promise<void> => {
      for (let pod = unsent.shift(); pod !== undefined; pod = unsent.shift()) await pod.signal();
    };
    await Promise.all(Array.from({ length: SENT_AT_ONCE }, send));
    const sentMs = performance.now() - began;
    await until(
      'all runs have published',
      () => {
        for (const pod of waiting) {
          if (pod.status.length === 0) continue;
          waiting.delete(pod);
          ends.push(performance.now() - began);
        }
        return waiting.size === 0;
      },
      LIMIT_MS,
    );
    for (const pod of pods) await pod.ended();
    lab.etcd.slowness = 0;
    const tasks: Tasks[] = [];
    for (const pod of pods) tasks.push(await tasksOf(pod));
    const sum = (what: keyof Tasks): number => tasks.reduce((total, each) => total + each[what], 0);
    const most = Math.max(...tasks.map(({ notTaken }) => notTaken));
    const at = (share: number): string => ((ends[Math.ceil(share * PODS) - 1] ?? 0) / 1000).toFixed(1);
    t.diagnostic(
      `signals sent within ${(sentMs / 1000).toFixed(1)} s, statuses written after ${at(0.1)} s (10 %), ${at(0.5)} s (50 %), ${at(1)} s (all)`,
    );
    t.diagnostic(
      `tasks: ${sum('completed')} completed, ${sum('notAnswered')} not answered, ${sum('notTaken')} not taken in time (${most} of one run at most), ${sum('failed')} failed`,
    );
    for (const pod of pods) assert.deepEqual([pod.links, pod.status], [['red'], ['red Attached']], pod.uid);
    assert.equal(sum('failed'), 0, 'failed tasks');
    // One that is given out again and again would take the slots of all others.
    assert.ok(most <= MOST_REPLAYS, `tasks of one run that were replayed since they had waited for too long: ${most}`);
  });
});
