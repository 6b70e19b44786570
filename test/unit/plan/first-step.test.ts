import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { firstStep } from '../../../domain/plan/first-step.ts';
import type { Observation } from '../../../domain/plan/observation.ts';
import { plan } from '../../../domain/plan/plan.ts';
import { observed, record, SANDBOX, desired } from './observations.ts';

/** `-eth1` removes, `+eth1` records an intent. */
function first(change: Partial<Observation>): string | undefined {
  const step = firstStep(plan(observed(change)));
  if (step === undefined) return undefined;
  return step.kind === 'removal' ? `-${step.record.interfaceName}` : `+${step.desired.interfaceName}`;
}

describe('what is begun together with the look at a pod', () => {
  it('is the intent of the first network that it asks for', () => {
    assert.equal(first({ wished: [desired('b'), desired('a')] }), '+b');
    const step = firstStep(plan(observed({ wished: [desired('b')] })));
    assert.equal(step?.kind === 'intent' && step.sandboxId, SANDBOX);
  });

  it('is the removal of what it does not ask for any more, before anything new', () => {
    assert.equal(first({ wished: [desired('new')], known: [record('old')] }), '-old');
    assert.equal(first({ wished: [desired('a', 'other')], known: [record('a')] }), '-a');
  });

  it('is nothing where nothing is to be done, or something has to be found out or told first', () => {
    assert.equal(first({ wished: [desired('a')], known: [record('a')] }), undefined);
    assert.equal(first({ wished: [desired('a')], sandboxId: undefined }), undefined);
    assert.equal(first({ wished: [desired('a')], presence: 'waiting' }), undefined);
    const heldByAnother = { wished: [desired('a', 'other'), desired('b')], known: [record('a')], keepAll: true };
    assert.equal(first(heldByAnother), undefined);
  });
});
