/** Hooks of other teams on a real cluster: their own worker, that is late, fails and is away. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { NativeConnection, Worker } from '@temporalio/worker';
import { inNetns, kubectl, stopPart } from '../../deploy/lab/lab.ts';
import { nodePart, startPodwirePart } from '../../deploy/lab/podwire.ts';
import { connectClient, type TemporalClient } from '../../adapters/temporal/connection.ts';
import type { HookInput } from '../../domain/primary/hooks.ts';
import { sandboxWorkflowId, type SandboxReport } from '../../domain/primary/sandbox-run.ts';
import { deletePods, waitFor } from '../lab/harness.ts';
import { allAgree } from '../primary/node-truth.ts';
import { ownLab } from '../primary/own-lab.ts';

const QUEUE = 'inventory';
const LIMIT = { limitMs: 60_000, everyMs: 200 };

interface Call extends HookInput {
  readonly activity: string;
  /** Whether the node's end of the pod's interface was there at that moment. */
  readonly isWired: boolean;
}

describe('hooks of the primary network', () => {
  const t = ownLab();
  let temporal: TemporalClient;
  const calls: Call[] = [];
  let failures = 0;
  let stopTeam: () => Promise<void> = async () => undefined;

  const callsFor = (pod: string): Call[] => calls.filter((call) => call.pod.name === pod);
  const saw = (pod: string, activity: string, times = 1): Promise<Call> =>
    waitFor(
      `${activity} to be called for ${pod}`,
      async () => {
        const found = callsFor(pod).filter((call) => call.activity === activity);
        return found.length >= times ? found[0] : undefined;
      },
      LIMIT,
    );

  async function startTeam(): Promise<void> {
    const connection = await NativeConnection.connect({ address: t.lab.temporal.host });
    const hook = (activity: string) => async (input: HookInput) => {
      const [link] = input.interfaces;
      const shown = await inNetns(t.node(0).netnsPath, 'ip', ['link', 'show', 'dev', link?.hostInterface ?? '']);
      calls.push({ ...input, activity, isWired: shown.code === 0 });
      if (activity === 'fails-once' && failures++ === 0) throw new Error('not now');
    };
    const worker = await Worker.create({
      connection,
      namespace: t.lab.temporal.namespace ?? 'default',
      taskQueue: QUEUE,
      activities: { registers: hook('registers'), 'fails-once': hook('fails-once'), removes: hook('removes') },
    });
    const running = worker.run();
    stopTeam = async () => {
      stopTeam = async () => undefined;
      worker.shutdown();
      await running;
      await connection.close();
    };
  }

  before(async () => {
    temporal = connectClient({ address: t.lab.temporal.host, namespace: t.lab.temporal.namespace ?? 'default' });
    const part = nodePart(t.node(0).name);
    await stopPart(t.lab, part);
    await startPodwirePart(t.lab, part, {
      env: {
        PODWIRE_POST_ADD_HOOKS: `${QUEUE}/registers,${QUEUE}/fails-once`,
        PODWIRE_PRE_REMOVAL_HOOKS: `${QUEUE}/removes`,
      },
    });
    await startTeam();
  });
  after(async () => {
    await stopTeam();
    await temporal.close();
  });

  const reportOf = async (sandboxId: string): Promise<SandboxReport> =>
    (await temporal.client.workflow.getHandle(sandboxWorkflowId(sandboxId)).result()) as SandboxReport;

  test('are called when a pod has its network, again when they fail, and before it loses it', async () => {
    await t.run([{ name: 'told', node: t.node(0) }]);
    const registered = await saw('told', 'registers');
    const podIp = await kubectl(t.lab, ['-n', t.namespace, 'get', 'pod', 'told', '-o', 'jsonpath={.status.podIP}']);
    assert.equal(registered.hook, 'post-add');
    assert.equal(registered.isWired, true);
    assert.ok(registered.interfaces[0]?.addresses.includes(podIp));
    await saw('told', 'fails-once', 2);
    await deletePods(t.lab, [t.pod('told')]);
    const removed = await saw('told', 'removes');
    assert.deepEqual([removed.hook, removed.isWired], ['pre-removal', true]);
    assert.deepEqual((await reportOf(registered.sandboxId)).state, 'ended');
    assert.deepEqual(
      callsFor('told').map(({ activity }) => activity),
      ['registers', 'fails-once', 'fails-once', 'removes'],
    );
  });

  test('that nobody takes hold up neither a pod’s start nor its end, and are called when their team is back', async () => {
    await stopTeam();
    await t.run([{ name: 'untold', node: t.node(0) }]);
    await deletePods(t.lab, [t.pod('untold')]);
    await allAgree(t.lab);
    assert.deepEqual(callsFor('untold'), []);
    await startTeam();
    const removed = await saw('untold', 'removes');
    assert.equal(removed.isWired, false);
    const { state, givenUp } = await reportOf(removed.sandboxId);
    assert.equal(state, 'ended');
    assert.deepEqual(
      callsFor('untold').filter(({ hook }) => hook === 'post-add'),
      [],
      givenUp.join(),
    );
  });
});
