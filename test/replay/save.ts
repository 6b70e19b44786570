/**
 * Saves the histories that replay.test.ts replays, those of the newest shape that are not there yet: `node --import tsx test/replay/save.ts`.
 * Files that are there stay: a change that makes one fail needs another shape (ADR 13).
 */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { RUN_SHAPE } from '../../domain/messages.ts';
import { startHarness } from '../workflows/harness.ts';
import { HISTORIES, writeHistory } from './history-file.ts';
import { SCENARIOS } from './scenarios.ts';

const folder = join(HISTORIES, `shape-${RUN_SHAPE}`);
const fileOf = (name: string): string => join(folder, `${name}.json`);
const missing = Object.entries(SCENARIOS).filter(([name]) => !existsSync(fileOf(name)));
const lab = await startHarness();
let failed = false;
try {
  mkdirSync(folder, { recursive: true });
  await Promise.all(
    missing.map(async ([name, scenario]) => {
      try {
        const workflowId = await scenario(lab);
        writeHistory(fileOf(name), await lab.client.workflow.getHandle(workflowId).fetchHistory());
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
