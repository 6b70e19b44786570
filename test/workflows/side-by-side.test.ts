/**
 * Whether the SDK still needs the workaround of ADR 9, `workflows/steps/one-by-one.ts`: local activities of one run side by side, run on a real Temporal
 * and replayed. When the second test fails, the SDK has changed, and ADR 9 says what to do then.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Connection, Client } from '@temporalio/client';
import {
  bundleWorkflowCode,
  DefaultLogger,
  NativeConnection,
  Runtime,
  Worker,
  type WorkflowBundleWithSourceMap,
} from '@temporalio/worker';
import { startDevServer, type DevServer } from './dev-server.ts';

const QUEUE = 'side-by-side';
const workflowsPath = fileURLToPath(new URL('side-by-side/index.ts', import.meta.url));

describe('local activities side by side', () => {
  let server: DevServer;
  let connections: { client: Connection; native: NativeConnection };
  let client: Client;
  let workflowBundle: WorkflowBundleWithSourceMap;
  let worker: Worker;
  let running: Promise<void>;

  before(async () => {
    const logger = new DefaultLogger('ERROR');
    Runtime.install({
      logger,
      telemetryOptions: { logging: { forward: {}, filter: { core: 'ERROR', other: 'ERROR' } } },
    });
    [server, workflowBundle] = await Promise.all([startDevServer(), bundleWorkflowCode({ workflowsPath, logger })]);
    connections = {
      client: await Connection.connect({ address: server.address }),
      native: await NativeConnection.connect({ address: server.address }),
    };
    client = new Client({ connection: connections.client });
    const work = async ({ name, ms }: { name: string; ms: number }): Promise<string> => {
      await sleep(ms);
      return name;
    };
    worker = await Worker.create({
      ...{ connection: connections.native, taskQueue: QUEUE, workflowBundle, activities: { work } },
    });
    running = worker.run();
  });
  after(async () => {
    worker.shutdown();
    await running;
    await Promise.all([connections.client.close(), connections.native.close()]);
    await server.stop();
  });

  /** Runs it once, then replays what was written. */
  const replayed = async (workflow: string): Promise<void> => {
    const handle = await client.workflow.start(workflow, { taskQueue: QUEUE, workflowId: workflow });
    await handle.result();
    await Worker.runReplayHistory({ workflowBundle }, await handle.fetchHistory(), workflow);
  };

  it('replay in the order in which they ended', async () => {
    await replayed('endsInAnotherOrder');
  });

  it('are told to a replay all at once, so that what followed the first of them is not found again', async () => {
    await assert.rejects(replayed('actsOnTheFirst'), /[Nn]ondeterminis/);
  });
});
