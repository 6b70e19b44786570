import assert from 'node:assert/strict';
import { test } from 'node:test';
import { intentRequest } from '../../../domain/plan/intent-request.ts';
import { NODE, observed, record, SANDBOX, desired } from './observations.ts';

const owner = { workflowId: 'pod/red/web/u', runId: 'r' };

test('an intent is asked for by names, the place of the wish and the inputs that were seen, with no configuration in it', () => {
  assert.deepEqual(intentRequest(observed(), { ...desired('a'), selection: 2 }, SANDBOX, owner), {
    ...{ node: NODE, sandboxId: SANDBOX, interfaceName: 'a', selection: 2, inputsHash: 'inputs', owner },
    knownGeneration: 0,
  });
});

test('an intent over something names the generation that was seen of it, in the same sandbox', () => {
  const recorded = [record('a', { generation: 4 }), record('b', { generation: 5, sandboxId: 'an earlier one' })];
  const knownGeneration = (interfaceName: string) =>
    intentRequest(observed({ known: recorded }), desired(interfaceName), SANDBOX, owner).knownGeneration;
  assert.equal(knownGeneration('a'), 4);
  assert.equal(knownGeneration('b'), 0);
});
