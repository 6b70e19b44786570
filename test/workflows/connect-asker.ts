/** A process that holds podwire's two kinds of connections to Temporal, at the address in its arguments, and prints `client` or `worker` for each answer over one. */
import { setTimeout as sleep } from 'node:timers/promises';
import { createLogger } from '../../adapters/log/logger.ts';
import { connectClient } from '../../adapters/temporal/connection.ts';
import { connectWorker } from '../../workers/native-connection.ts';

const [address = ''] = process.argv.slice(2);
const options = { address, namespace: 'default' };
const log = createLogger('asker', 'warn');
const client = connectClient(options);
const worker = await connectWorker(options, log, new AbortController().signal);
worker.keepFresh([]);

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
  ask('client', () => client.probe()),
  ask('worker', () => worker.native.workflowService.getSystemInfo({})),
]);
