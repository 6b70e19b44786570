/** Runs that were begun by the code of the saved histories go on with the code of today (invariant Replays). */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import {
  bundleWorkflowCode,
  DefaultLogger,
  Runtime,
  Worker,
  type WorkflowBundleWithSourceMap,
} from '@temporalio/worker';
import { RUN_SHAPE } from '../../domain/messages.ts';
import { WORKFLOW_SOURCES } from '../../workers/workflow-code.ts';
import { HISTORIES, readHistory } from './history-file.ts';
import { SCENARIOS } from './scenarios.ts';

const files = readdirSync(HISTORIES, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.json'));
let workflowBundle: WorkflowBundleWithSourceMap;

before(async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  workflowBundle = await bundleWorkflowCode({ ...WORKFLOW_SOURCES, logger: new DefaultLogger('ERROR') });
});

test('every scenario has a saved history', () => {
  for (const name of Object.keys(SCENARIOS))
    assert.ok(files.includes(`shape-${RUN_SHAPE}/${name}.json`), `${name}: run node --import tsx test/replay/save.ts`);
});

for (const file of files) {
  test(`the history ${file} replays`, async () => {
    await Worker.runReplayHistory({ workflowBundle }, readHistory(join(HISTORIES, file)));
  });
}
