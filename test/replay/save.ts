/**
 * Saves the histories that replay.test.ts replays: `node --import tsx test/replay/save.ts`. To be run when a shape of history is
 * new. A change that makes an old history fail needs `patched()` once podwire has been released; then old files stay.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { startHarness } from '../workflows/harness.ts';
import { writeHistory } from './history-file.ts';
import { SCENARIOS } from './scenarios.ts';

const folder = join(import.meta.dirname, 'histories');
const lab = await startHarness();
let failed = false;
try {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  await Promise.all(
    Object.entries(SCENARIOS).map(async ([name, scenario]) => {
      try {
        const workflowId = await scenario(lab);
        writeHistory(join(folder, `${name}.json`), await lab.client.workflow.getHandle(workflowId).fetchHistory());
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
