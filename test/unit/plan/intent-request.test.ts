import assert from 'node:assert/strict';
import { test } from 'node:test';
import { intentRequest } from '../../../domain/intent-request.ts';
import { NODE, observed, SANDBOX, wish } from './observations.ts';

const owner = { workflowId: 'pod/red/web/u', runId: 'r' };

test('an intent is asked for by names, the place of the wish and the inputs that were seen, with no configuration in it', () => {
  assert.deepEqual(intentRequest(observed(), { ...wish('a'), selection: 2 }, SANDBOX, owner), {
    ...{ node: NODE, sandboxId: SANDBOX, interfaceName: 'a', selection: 2, inputsHash: 'inputs', owner },
  });
});
