import assert from 'node:assert/strict';
import { test } from 'node:test';
import { intentRequest } from '../../../domain/intent-request.ts';
import { NODE, observed, SANDBOX, wish } from './observations.ts';

const owner = { workflowId: 'pod/red/web/u', runId: 'r' };
const request = { node: NODE, sandboxId: SANDBOX, interfaceName: 'a', inputsHash: 'inputs', owner };

test('an intent is asked for by names and the inputs that were seen, with no configuration in it', () => {
  assert.deepEqual(intentRequest(observed(), wish('a'), SANDBOX, owner), request);
});

test('a wish that has a place among the selections is asked for by it, also when it is the first', () => {
  assert.deepEqual(intentRequest(observed(), { ...wish('a'), selection: 0 }, SANDBOX, owner), {
    ...request,
    selection: 0,
  });
});
