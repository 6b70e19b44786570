/**
 * A process that holds podwire's two kinds of connections to Temporal, at the address in its arguments. It prints `client` for each answer over the
 * one, and `worker` for each run that a worker carried out over the other one.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from '@temporalio/worker';
import { createLogger } from '../../adapters/log/logger.ts';
import { connectClient } from '../../adapters/temporal/connection.ts';
import { connectWorker } from '../../workers/native-connection.ts';

const [address = ''] = process.argv.slice(2);
const options = { address, namespace: 'default' };
const log = createLogger('asker', 'warn');
const client = connectClient(options);
const connection = await connectWorker(options, log, new AbortController().signal);
const taskQueue = 'asker';
const worker = await Worker.create({
  connection: connection.native,
  taskQueue,
  workflowsPath: new URL('connect-asker-workflow.ts', import.meta.url).pathname,
});
connection.keepFresh([worker]);
let asked = 0;

async function ask(name: string, answer: () => Promise<unknown>): Promise<never> {
  for (;;) {
    // A call that hangs is one of the connection that hangs.
    const answered = await Promise.race([
      answer().then(
        () => true,
        () => false,
      ),
      sleep(2_000, false),
    ]);
    if (answered) process.stdout.write(`${name}\n`);
    await sleep(100);
  }
}

await Promise.all([
  worker.run(),
  ask('client', () => client.probe()),
  ask('worker', () => client.client.workflow.execute('answer', { taskQueue, workflowId: `answer-${(asked += 1)}` })),
]);
