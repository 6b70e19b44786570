/** Runs that were begun by the code of the saved histories go on with the code of today (invariant Replays). */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { before, test } from 'node:test';
import {
  bundleWorkflowCode,
  DefaultLogger,
  Runtime,
  Worker,
  type WorkflowBundleWithSourceMap,
} from '@temporalio/worker';
import { WORKFLOW_SOURCES } from '../../workers/workflow-code.ts';
import { historyFile, readHistory } from './history-file.ts';
import { SCENARIOS } from './scenarios.ts';

let workflowBundle: WorkflowBundleWithSourceMap;

before(async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  workflowBundle = await bundleWorkflowCode({ ...WORKFLOW_SOURCES, logger: new DefaultLogger('ERROR') });
});

for (const name of Object.keys(SCENARIOS)) {
  test(`the history ${name} replays`, async () => {
    const file = historyFile(name);
    assert.ok(existsSync(file), `${name} has no saved history: run node --import tsx test/replay/save.ts`);
    await Worker.runReplayHistory({ workflowBundle }, readHistory(file));
  });
}
