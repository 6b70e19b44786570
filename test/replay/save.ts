/**
 * Saves the histories that replay.test.ts replays, those that are not there yet: `node --import tsx test/replay/save.ts`. Files that are
 * there stay once podwire is released: a change that makes one fail would leave runs behind that cannot go on (ADR 28).
 */
import { existsSync } from 'node:fs';
import { startHarness } from '../workflows/harness.ts';
import { historyFile, writeHistory } from './history-file.ts';
import { SCENARIOS } from './scenarios.ts';

const missing = Object.entries(SCENARIOS).filter(([name]) => !existsSync(historyFile(name)));
const lab = await startHarness();
let failed = false;
try {
  await Promise.all(
    missing.map(async ([name, scenario]) => {
      try {
        const workflowId = await scenario(lab);
        writeHistory(historyFile(name), await lab.client.workflow.getHandle(workflowId).fetchHistory());
        process.stdout.write(`${name}\n`);
      } catch (error) {
        failed = true;
        process.stderr.write(`${name}: ${String(error)}\n`);
      }
    }),
  );
} finally {
  await lab.stop();
}
process.exit(failed ? 1 : 0);
